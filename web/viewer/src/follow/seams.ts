// Stack traces across the seams of what was loaded: a page of the past may end within one. Knows no connection.

import type { Chunk } from "../buffer/chunk.ts";
import type { Entry, LineEntry, Stream, Trace } from "../buffer/entry.ts";
import { type Continues, prolong, traceOf } from "./lines.ts";

/** Entries that are looked through on either side of a page: the lines of one trace were written together. */
const NEAR = 2_000;

export interface SeamRules {
  readonly continues: Continues;
  /** Whether the reader is at this line, or has opened it: it is not folded away. */
  readonly holds: (entry: LineEntry) => boolean;
}

/**
 * Makes one trace of two where lines that were just loaded meet those that stand beside them.
 * @param loaded the lines of one page, in the order in which they stand in the chunks.
 */
export function joinTraces(chunks: readonly Chunk[], loaded: readonly LineEntry[], rules: SeamRules): void {
  const [top, bottom] = [loaded[0], loaded.at(-1)];
  if (!top || !bottom) return;
  const own = new Map<Stream, LineEntry[]>();
  for (const entry of loaded) {
    const known = own.get(entry.stream);
    if (known) known.push(entry);
    else own.set(entry.stream, [entry]);
  }
  const page = chunkOf(chunks, top, 0);
  const above = nearest(entriesBefore(chunks, top, page), own.keys());
  const below = nearest(entriesAfter(chunks, bottom, page), own.keys());
  let joins = false;
  for (const [stream, lines] of own) {
    const [first, last] = [lines[0] as LineEntry, lines.at(-1) as LineEntry];
    if (join(above.get(stream), first, () => lines.slice(1), rules)) joins = true;
    const next = below.get(stream);
    if (next && join(last, next, () => entriesAfter(chunks, next, page), rules)) joins = true;
  }
  if (joins) for (const chunk of chunks) chunk.forgetRows();
}

/** @param after what stands after `below`. */
function join(above: LineEntry | undefined, below: LineEntry, after: () => Iterable<Entry>, { continues, holds }: SeamRules): boolean {
  if (!above || !continues(below.line.message, above.line.message)) return false;
  const trace = traceOf(above);
  const other = below.trace;
  if (other === trace) return false;
  const members = [below, ...(other ? rest(after(), below, other) : [])];
  // What the reader has before them does not go away.
  trace.unfolded ||= other?.unfolded === true || members.some(holds);
  for (const member of members) prolong(trace, member);
  return true;
}

/** The lines that go on with a trace which this one is in. */
function rest(after: Iterable<Entry>, { stream, line }: LineEntry, trace: Trace): LineEntry[] {
  const lines: LineEntry[] = [];
  if (line.offset >= trace.last) return lines;
  for (const entry of after) {
    if (entry.kind === "line" && entry.stream === stream) {
      if (entry.trace !== trace) break;
      lines.push(entry);
      // A quiet stream's next line may be far.
      if (entry.line.offset >= trace.last) break;
    }
    if (parts(entry, stream)) break;
  }
  return lines;
}

/** The nearest line of each stream, when nothing of it is missing before that one. */
function nearest(entries: Iterable<Entry>, streams: Iterable<Stream>): Map<Stream, LineEntry> {
  const found = new Map<Stream, LineEntry>();
  const open = new Set(streams);
  let looked = 0;
  for (const entry of entries) {
    if (entry.kind === "line" && open.delete(entry.stream)) found.set(entry.stream, entry);
    else if (entry.kind === "gap") open.delete(entry.run.stream);
    else if (entry.kind === "hole") for (const { stream } of entry.runs) open.delete(stream);
    looked += 1;
    if (open.size === 0 || looked === NEAR) break;
  }
  return found;
}

/** Whether lines of the stream are missing here. */
function parts(entry: Entry, stream: Stream): boolean {
  if (entry.kind === "gap") return entry.run.stream === stream;
  return entry.kind === "hole" && entry.runs.some((run) => run.stream === stream);
}

function chunkOf(chunks: readonly Chunk[], entry: LineEntry, from: number): number {
  for (let i = from; i < chunks.length; i++) if (chunks[i]?.entries.includes(entry)) return i;
  return -1;
}

function* entriesBefore(chunks: readonly Chunk[], entry: LineEntry, at: number): Generator<Entry> {
  for (let i = at; i >= 0; i--) {
    const { entries } = chunks[i] as Chunk;
    for (let j = (i === at ? entries.indexOf(entry) : entries.length) - 1; j >= 0; j--) yield entries[j] as Entry;
  }
}

/** @param from where to look for the entry's chunk. */
function* entriesAfter(chunks: readonly Chunk[], entry: LineEntry, from: number): Generator<Entry> {
  const at = chunkOf(chunks, entry, from);
  if (at < 0) return;
  for (let i = at; i < chunks.length; i++) {
    const { entries } = chunks[i] as Chunk;
    for (let j = i === at ? entries.indexOf(entry) + 1 : 0; j < entries.length; j++) yield entries[j] as Entry;
  }
}
