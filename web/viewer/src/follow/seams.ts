// Stack traces across the seams of what was loaded: a page of the past may end within one. Knows no connection.

import type { Chunk } from "../buffer/chunk.ts";
import type { Entry, LineEntry, Stream } from "../buffer/entry.ts";
import type { Continues } from "./lines.ts";

export interface SeamRules {
  readonly continues: Continues;
  /** Whether the reader is at this line, or has opened it: it is not folded away. */
  readonly holds: (entry: LineEntry) => boolean;
}

/** Makes one trace of two where lines that were just loaded meet those that stand beside them. */
export function joinTraces(chunks: readonly Chunk[], loaded: readonly LineEntry[], rules: SeamRules): void {
  const ends = new Map<Stream, { first: LineEntry; last: LineEntry }>();
  for (const entry of loaded) {
    const known = ends.get(entry.stream);
    if (known) known.last = entry;
    else ends.set(entry.stream, { first: entry, last: entry });
  }
  for (const { first, last } of ends.values()) {
    join(neighbour(entriesBefore(chunks, first), first.stream), first, chunks, rules);
    join(last, neighbour(entriesAfter(chunks, last), last.stream), chunks, rules);
  }
}

function join(above: LineEntry | undefined, below: LineEntry | undefined, chunks: readonly Chunk[], { continues, holds }: SeamRules): void {
  if (!above || !below || !continues(below.line.message, above.line.message)) return;
  const trace = (above.trace ??= { head: above, lines: 0, unfolded: false });
  const other = below.trace;
  const members = [below, ...(other ? rest(entriesAfter(chunks, below), below) : [])];
  trace.lines += members.length;
  // What the reader has before them does not go away.
  trace.unfolded ||= other?.unfolded === true || members.some(holds);
  for (const member of members) member.trace = trace;
  for (const chunk of chunks) chunk.forgetRows();
}

/** The lines that go on with the trace which this one is in. */
function rest(after: Iterable<Entry>, { stream, trace }: LineEntry): LineEntry[] {
  const lines: LineEntry[] = [];
  for (const entry of after) {
    if (entry.kind === "line" && entry.stream === stream) {
      if (entry.trace !== trace) break;
      lines.push(entry);
    }
    if (parts(entry, stream)) break;
  }
  return lines;
}

/** The nearest line of a stream, when nothing of it is missing before that one. */
function neighbour(entries: Iterable<Entry>, stream: Stream): LineEntry | undefined {
  for (const entry of entries) {
    if (entry.kind === "line" && entry.stream === stream) return entry;
    if (parts(entry, stream)) return undefined;
  }
  return undefined;
}

/** Whether lines of the stream are missing here. */
function parts(entry: Entry, stream: Stream): boolean {
  if (entry.kind === "gap") return entry.run.stream === stream;
  return entry.kind === "hole" && entry.runs.some((run) => run.stream === stream);
}

function* entriesBefore(chunks: readonly Chunk[], entry: LineEntry): Generator<Entry> {
  const at = chunks.findIndex(({ entries }) => entries.includes(entry));
  for (let i = at; i >= 0; i--) {
    const { entries } = chunks[i] as Chunk;
    for (let j = (i === at ? entries.indexOf(entry) : entries.length) - 1; j >= 0; j--) yield entries[j] as Entry;
  }
}

function* entriesAfter(chunks: readonly Chunk[], entry: LineEntry): Generator<Entry> {
  const at = chunks.findIndex(({ entries }) => entries.includes(entry));
  if (at < 0) return;
  for (let i = at; i < chunks.length; i++) {
    const { entries } = chunks[i] as Chunk;
    for (let j = i === at ? entries.indexOf(entry) + 1 : 0; j < entries.length; j++) yield entries[j] as Entry;
  }
}
