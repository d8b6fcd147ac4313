// From what the client tells to entries of the log. Knows no connection.

import type { Line } from "tailcast-client";
import { type LineEntry, STREAM_COLOURS, type Stream, type Trace } from "../buffer/entry.ts";

/** Whether a message goes on with the one before it of its stream. */
export type Continues = (message: string, previous: string | undefined) => boolean;

/** The streams that were met, each one object for as long as the view is open. */
export class Streams {
  readonly #known = new Map<string, Stream>();

  get(name: string): Stream {
    let stream = this.#known.get(name);
    if (!stream) {
      stream = { name, colour: this.#known.size % STREAM_COLOURS };
      this.#known.set(name, stream);
    }
    return stream;
  }

  /** From now on these are others of the same names and colours: what was known of them does not go on. */
  renew(...names: readonly string[]): void {
    for (const name of names) this.#known.set(name, { ...this.get(name) });
  }

  /** In the order in which they were met. */
  get all(): readonly Stream[] {
    return [...this.#known.values()];
  }
}

/** Makes entries of lines that come in their stream's order. One for each uninterrupted run of them. */
export class Entries {
  readonly #continues: Continues;
  readonly #last = new Map<Stream, LineEntry>();

  constructor(continues: Continues) {
    this.#continues = continues;
  }

  /** @param changed called with a trace that got another line. */
  of(stream: Stream, lines: readonly Line[]): LineEntry[] {
    let last = this.#last.get(stream);
    const made = lines.map((line) => {
      const at = Date.parse(line.ts);
      const entry: LineEntry = { kind: "line", stream, line, at: Number.isNaN(at) ? (last?.at ?? 0) : at };
      if (last && this.#continues(line.message, last.line.message)) prolong(traceOf(last), entry);
      last = entry;
      return entry;
    });
    if (last) this.#last.set(stream, last);
    return made;
  }

  /** The stream goes on elsewhere. */
  interrupt(stream: Stream): void {
    this.#last.delete(stream);
  }
}

/** The trace that goes on behind this line. */
export function traceOf(line: LineEntry): Trace {
  return (line.trace ??= { head: line, lines: 0, last: line.line.offset, unfolded: false });
}

/** A line goes on with a trace: in it before, and let go of since, it counts once. */
export function prolong(trace: Trace, entry: LineEntry): void {
  const { offset } = entry.line;
  if (offset > trace.last) {
    trace.lines += 1;
    trace.last = offset;
  }
  entry.trace = trace;
}
