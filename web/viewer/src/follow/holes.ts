// Loads what the store has and the tab has not: from one end of a hole, a page at a time. Knows no connection and no page.

import type { Client, Line, Page } from "tailcast-client";
import type { Entry, GapEntry, HoleEntry, LineEntry, Run, Stream } from "../buffer/entry.ts";
import { type Continues, Entries } from "./lines.ts";
import { type Part, merged, settled } from "./merge.ts";

/** The end of the hole that the reader is at. `end`: the lines next to what follows the hole. */
export type Side = "start" | "end";

/** Lines of one load, over all streams; a little more where there are many. */
const PAGE = 600;
/** The least of one stream. */
const LEAST = 20;
/** Requests at once. */
const AT_ONCE = 6;

/** What it needs of the client. */
export type Store = Pick<Client, "lines">;

export interface LoadRequest {
  readonly hole: HoleEntry;
  readonly side: Side;
  readonly filter: string;
  /** For all streams together. Default: a page. */
  readonly lines?: number;
}

/** The entries that take the hole's place: what is still missing is a hole among them. */
export async function load(store: Store, wanted: LoadRequest, continues: Continues): Promise<Entry[]> {
  const { hole, side, filter } = wanted;
  const lines = Math.max(LEAST, Math.ceil((wanted.lines ?? PAGE) / hole.runs.length));
  const ask = (run: Run) => (side === "end" ? fromEnd(store, run, lines, filter) : fromStart(store, run, lines, filter));
  const answers = await inTurn(hole.runs, ask);
  const entries = new Entries(continues);
  const parts = answers.map((answer) => ({ ...answer, lines: piecesOf(answer, entries, side) }));
  return side === "end" ? atEnd(hole, parts) : atStart(hole, parts);
}

/** What a stream gave of its run. */
interface Answer {
  readonly run: Run;
  readonly found: readonly Line[];
  /** Offsets of lines that the store cannot read. */
  readonly damaged: readonly Stretch[];
  /** The offsets that are known now: all the lines in them that the filter lets through were found. */
  readonly known: { readonly from: number; readonly to: number };
  /** Before it, nothing is kept any more. */
  readonly firstAvailable: number;
}

/** Offsets, `to` exclusive. */
type Stretch = Pick<Run, "from" | "to">;

/** What stands in the log for offsets of one stream: a line, or a gap of lines that nobody can get. */
interface PieceOfRun {
  readonly entry: LineEntry | GapEntry;
  readonly from: number;
  /** A gap has the time of the line before it, else of the one behind. Without any it stands beside what is there already. */
  readonly at: number;
}

interface Loaded extends Answer, Part<PieceOfRun> {
  readonly lines: readonly PieceOfRun[];
}

/** In the stream's order. A trace does not go on over a gap. */
function piecesOf({ run, found, damaged }: Answer, entries: Entries, side: Side): PieceOfRun[] {
  const pieces: PieceOfRun[] = [];
  const { stream } = run;
  const take = (lines: readonly Line[]) => {
    for (const entry of entries.of(stream, lines)) pieces.push({ entry, from: entry.line.offset, at: entry.at });
  };
  let taken = 0;
  for (const stretch of damaged) {
    const [from, to] = [Math.max(run.from, stretch.from), Math.min(run.to, stretch.to)];
    if (from >= to) continue;
    const behind = found.findIndex(({ offset }) => offset >= to);
    const until = behind < 0 ? found.length : behind;
    take(found.slice(taken, until));
    taken = until;
    entries.interrupt(stream);
    pieces.push({ entry: { kind: "gap", run: { stream, from, to }, reason: "damaged" }, from, at: pieces.at(-1)?.at ?? NaN });
  }
  take(found.slice(taken));
  const first = pieces.find(({ at }) => !Number.isNaN(at))?.at ?? (side === "end" ? Infinity : -Infinity);
  return pieces.map((piece) => (Number.isNaN(piece.at) ? { ...piece, at: first } : piece));
}

async function fromEnd(store: Store, run: Run, last: number, filter: string): Promise<Answer & { more: boolean }> {
  const page = await store.lines(run.stream.name, { from: run.from, to: run.to, last, ...(filter ? { filter } : {}) });
  const from = Math.max(run.from, Math.min(page.from, run.to));
  const { firstAvailable } = page;
  const more = from > run.from && from > firstAvailable;
  return { run, found: page.lines, damaged: page.damaged ?? [], known: { from, to: run.to }, firstAvailable, more };
}

async function fromStart(store: Store, run: Run, limit: number, filter: string): Promise<Answer & { more: boolean }> {
  const page: Page = await store.lines(run.stream.name, { from: run.from, to: run.to, limit, ...(filter ? { filter } : {}) });
  const to = Math.min(run.to, Math.max(page.next, run.from));
  const { lines: found, damaged = [], firstAvailable } = page;
  return { run, found, damaged, known: { from: run.from, to }, firstAvailable, more: to < run.to };
}

/** The hole's rest, what retention removed, and the lines. */
function atEnd(hole: HoleEntry, parts: readonly Loaded[]): Entry[] {
  const counts = settled(parts, "end");
  const shown = parts.map(({ lines }, i) => lines.slice(lines.length - (counts[i] ?? 0)));
  const rest = parts.map((part, i): Run => {
    const { run, known, lines } = part;
    // What was found and cannot be shown yet stays in the hole.
    const cut = shown[i]?.length === lines.length ? known.from : (shown[i]?.[0]?.from ?? run.to);
    return { stream: run.stream, from: run.from, to: cut };
  });
  return [...split(hole, rest, parts), ...merged(shown).map(({ entry }) => entry)];
}

function atStart(hole: HoleEntry, parts: readonly Loaded[]): Entry[] {
  const counts = settled(parts, "start");
  const shown = parts.map(({ lines }, i) => lines.slice(0, counts[i]));
  const rest = parts.map((part, i): Run => {
    const { run, known, lines } = part;
    const next = lines[shown[i]?.length ?? 0];
    return { stream: run.stream, from: next ? next.from : known.to, to: run.to };
  });
  // Retention removes from the front: its gaps come first, and the rest of the hole after the lines.
  const [gaps, holes] = [gapsOf(rest, parts, hole), remaining(hole, rest)];
  return [...gaps, ...merged(shown).map(({ entry }) => entry), ...holes];
}

function split(hole: HoleEntry, rest: readonly Run[], parts: readonly Loaded[]): Entry[] {
  const kept = rest.map((run, i) => ({ ...run, from: Math.max(run.from, Math.min(parts[i]?.firstAvailable ?? 0, run.to)) }));
  return [...gapsOf(rest, parts, hole), ...remaining(hole, kept)];
}

/** Lines that were kept when the hole was made, and are not any more. What was before the page was opened is no loss. */
function gapsOf(rest: readonly Run[], parts: readonly Loaded[], hole: HoleEntry): Entry[] {
  if (hole.reason === "earlier") return [];
  return parts.flatMap(({ run, firstAvailable }, i): Entry[] => {
    const to = Math.min(firstAvailable, run.to);
    const from = Math.min(run.from, rest[i]?.from ?? run.from);
    return to > from ? [{ kind: "gap", run: { stream: run.stream, from, to }, reason: "retention" }] : [];
  });
}

function remaining(hole: HoleEntry, rest: readonly Run[]): HoleEntry[] {
  const runs = rest.filter(({ from, to }) => from < to);
  return runs.length > 0 ? [{ kind: "hole", reason: hole.reason, runs }] : [];
}

/**
 * What a hole's end gave: its runs without those of the holes that are left of it. A stream that gave nothing has an empty
 * run at that end: among what the others gave, it has no lines.
 */
export function filled(hole: HoleEntry, side: Side, entries: readonly Entry[]): Run[] {
  const left = entries.flatMap((entry) => (entry.kind === "hole" ? entry.runs : []));
  return hole.runs.flatMap((run): Run[] => {
    const rest = left.find(({ stream }) => stream === run.stream);
    if (!rest) return [run];
    const [before, after] = [{ ...run, to: rest.from }, { ...run, from: rest.to }];
    return [before, after].filter((part) => part.from < part.to || part === (side === "end" ? after : before));
  });
}

/** A hole that is cut in two: before and after an offset of each stream. */
export function cut(hole: HoleEntry, at: ReadonlyMap<Stream, number>): [HoleEntry[], HoleEntry[]] {
  const within = ({ stream, from, to }: Run) => Math.min(to, Math.max(from, at.get(stream) ?? to));
  const reason = "between";
  const before = hole.runs.map((run) => ({ ...run, to: within(run) })).filter(({ from, to }) => from < to);
  const after = hole.runs.map((run) => ({ ...run, from: within(run) })).filter(({ from, to }) => from < to);
  return [
    before.length > 0 ? [{ kind: "hole", reason: hole.reason, runs: before }] : [],
    after.length > 0 ? [{ kind: "hole", reason, runs: after }] : [],
  ];
}

/** All answers, in order; a few requests at a time. */
export async function inTurn<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  let next = 0;
  const worker = async () => {
    while (next < all.length) {
      const i = next++;
      answers[i] = await ask(all[i] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, worker));
  return answers;
}
