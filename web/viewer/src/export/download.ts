// Lines into a sink, as they come, with progress. Knows neither where they come from nor where they go.

import { FORMATS, type FormatName } from "./format.ts";
import type { Batch } from "./history.ts";
import type { StreamLine } from "./line.ts";
import type { Sink } from "./sink.ts";

export interface Progress {
  readonly lines: number;
  readonly bytes: number;
  /** The time of the last line written. */
  readonly at?: string;
  /** From 0 to 1. */
  readonly share: number;
  /** Lines that retention removed while they were on their way. */
  readonly missing: number;
  /** Lines that the store cannot read. */
  readonly damaged: number;
}

export interface Download {
  readonly batches: AsyncIterable<Batch> | Iterable<Batch>;
  readonly format: FormatName;
  /** The paths of the view's columns, for CSV. */
  readonly columns?: readonly string[];
  readonly sink: Sink;
  readonly signal: AbortSignal;
  readonly onprogress?: (progress: Progress) => void;
}

/** Answers how much it was. Fails with what stopped it; then the sink is left without anything. */
export async function download({ batches, format: name, columns = [], sink, signal, onprogress }: Download): Promise<Progress> {
  const format = FORMATS[name];
  const encoder = new TextEncoder();
  let progress: Progress = { lines: 0, bytes: 0, share: 0, missing: 0, damaged: 0 };
  try {
    let text = format.head(columns);
    for await (const { lines, share, missing, damaged } of batches) {
      signal.throwIfAborted();
      for (const line of lines) text += format.line(line, columns);
      const bytes = encoder.encode(text);
      text = "";
      if (bytes.length > 0) await sink.write(bytes);
      const at = lines.at(-1)?.line.ts ?? progress.at;
      const sums = { lines: progress.lines + lines.length, bytes: progress.bytes + bytes.length };
      progress = { ...sums, ...(at ? { at } : {}), share, missing, damaged };
      onprogress?.(progress);
    }
    signal.throwIfAborted();
    await sink.close();
    return progress;
  } catch (error) {
    // What stopped it is what there is to say, not that cleaning up failed too.
    await sink.abort().catch(() => undefined);
    throw error;
  }
}

const BATCH = 2_000;

/** Lines that the tab has, in pieces that leave the page time to breathe. */
export async function* batchesOf(lines: readonly StreamLine[]): AsyncGenerator<Batch> {
  for (let from = 0; from < lines.length; from += BATCH) {
    const to = Math.min(lines.length, from + BATCH);
    yield { lines: lines.slice(from, to), share: to / lines.length, missing: 0, damaged: 0 };
    await new Promise((resolve) => setTimeout(resolve));
  }
  if (lines.length === 0) yield { lines: [], share: 1, missing: 0, damaged: 0 };
}
