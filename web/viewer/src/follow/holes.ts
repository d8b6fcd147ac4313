// Loads what the store has and the tab has not: from one end of a hole, a page at a time. Knows no connection and no page.

import type { Client, Line, Page } from "tailcast-client";
import type { Entry, HoleEntry, LineEntry, Run, Stream } from "../buffer/entry.ts";
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
  const parts = answers.map((answer) => ({ ...answer, lines: entries.of(answer.run.stream, answer.found) }));
  return side === "end" ? atEnd(hole, parts) : atStart(hole, parts);
}

/** What a stream gave of its run. */
interface Answer {
  readonly run: Run;
  readonly found: readonly Line[];
  /** The offsets that are known now: all the lines in them that the filter lets through were found. */
  readonly known: { readonly from: number; readonly to: number };
  /** Before it, nothing is kept any more. */
  readonly firstAvailable: number;
}

interface Loaded extends Answer, Part<LineEntry> {
  readonly lines: readonly LineEntry[];
}

async function fromEnd(store: Store, run: Run, last: number, filter: string): Promise<Answer & { more: boolean }> {
  const page = await store.lines(run.stream.name, { from: run.from, to: run.to, last, ...(filter ? { filter } : {}) });
  const from = Math.max(run.from, Math.min(page.from, run.to));
  const { firstAvailable } = page;
  return { run, found: page.lines, known: { from, to: run.to }, firstAvailable, more: from > run.from && from > firstAvailable };
}

async function fromStart(store: Store, run: Run, limit: number, filter: string): Promise<Answer & { more: boolean }> {
  const page: Page = await store.lines(run.stream.name, { from: run.from, to: run.to, limit, ...(filter ? { filter } : {}) });
  const to = Math.min(run.to, Math.max(page.next, run.from));
  return { run, found: page.lines, known: { from: run.from, to }, firstAvailable: page.firstAvailable, more: to < run.to };
}

/** The hole's rest, what retention removed, and the lines. */
function atEnd(hole: HoleEntry, parts: readonly Loaded[]): Entry[] {
  const counts = settled(parts, "end");
  const shown = parts.map(({ lines }, i) => lines.slice(lines.length - (counts[i] ?? 0)));
  const rest = parts.map((part, i): Run => {
    const { run, known, lines } = part;
    // What was found and cannot be shown yet stays in the hole.
    const cut = shown[i]?.length === lines.length ? known.from : (shown[i]?.[0]?.line.offset ?? run.to);
    return { stream: run.stream, from: run.from, to: cut };
  });
  return [...split(hole, rest, parts), ...merged(shown)];
}

function atStart(hole: HoleEntry, parts: readonly Loaded[]): Entry[] {
  const counts = settled(parts, "start");
  const shown = parts.map(({ lines }, i) => lines.slice(0, counts[i]));
  const rest = parts.map((part, i): Run => {
    const { run, known, lines } = part;
    const next = lines[shown[i]?.length ?? 0];
    return { stream: run.stream, from: next ? next.line.offset : known.to, to: run.to };
  });
  // Retention removes from the front: its gaps come first, and the rest of the hole after the lines.
  const [gaps, holes] = [gapsOf(rest, parts, hole), remaining(hole, rest)];
  return [...gaps, ...merged(shown), ...holes];
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
