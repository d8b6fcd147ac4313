import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Entry, LineEntry } from "../src/buffer/entry.ts";
import { Finder, NO_WORKER, TOO_SLOW } from "../src/find/finder.ts";
import { Marks } from "../src/find/marks.ts";
import { NO_QUERY, type Query } from "../src/find/query.ts";
import { work, type Job } from "../src/find/search.ts";
import type { SearchedChunk, Source } from "../src/find/source.ts";
import { NoWorker, TooSlow, WatchedWorker, type WorkerLike } from "../src/find/watched.ts";

/** A worker that does its work at the next turn, unless the expression is `slow`. */
class FakeWorker implements WorkerLike {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  terminated = false;
  readonly jobs: Job[] = [];

  constructor(boots = true) {
    queueMicrotask(() => (boots ? this.#say("ready") : this.onerror?.({ message: "404" } as ErrorEvent)));
  }

  postMessage(job: Job): void {
    this.jobs.push(job);
    if (job.pattern.source === "slow") return;
    queueMicrotask(() => this.#say(work(structuredClone(job))));
  }

  terminate(): void {
    this.terminated = true;
  }

  #say(data: unknown): void {
    if (!this.terminated) this.onmessage?.({ data } as MessageEvent);
  }
}

const stream = { name: "a/b", colour: 0 };
let offsets = 0;

function line(message: string, fields?: LineEntry["line"]["fields"]): LineEntry {
  const line = { offset: offsets++, ts: "2026-11-21T10:00:00Z", message, ...(fields ? { fields } : {}) };
  return { kind: "line", stream, line, at: 0 };
}

const NOTE: Entry = { kind: "note", tone: "info", text: "ann" };

function chunkOf(...entries: Entry[]): { entries: Entry[] } {
  return { entries };
}

/** Lets all that waits run; no time passes. */
async function settle(): Promise<void> {
  for (let i = 0; i < 200; i += 1) await Promise.resolve();
}

function stage(context: TestContext, chunks: SearchedChunk[], boots = true) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const workers: FakeWorker[] = [];
  const worker = new WatchedWorker(() => {
    const made = new FakeWorker(boots);
    workers.push(made);
    return made;
  });
  const source: { chunks: SearchedChunk[]; shown?: Source["shown"] } = { chunks };
  let painted = 0;
  const finder = new Finder({ source, worker, onchange: () => undefined, onhighlights: () => (painted += 1) });
  return {
    source,
    worker,
    workers,
    finder,
    paints: () => painted,
    jobs: () => workers.flatMap(({ jobs }) => jobs),
    find: async (query: Partial<Query>) => {
      finder.search({ ...NO_QUERY, ...query });
      await settle();
    },
  };
}

test("the matches are gone through from the first to the last and back", async (t) => {
  const [a, b, c, d] = [line("Ann one"), line("bob"), line("ann two"), line("x", { user: { name: "ANN" } })];
  const { finder, find } = stage(t, [chunkOf(a, NOTE, b), chunkOf(NOTE), chunkOf(c, d)]);
  await find({ text: "ann" });

  assert.equal(finder.count, 3);
  assert.equal(finder.finished, true);
  assert.deepEqual([finder.next(), finder.next(a), finder.next(b), finder.next(c), finder.next(d)], [a, c, c, d, undefined]);
  assert.deepEqual([finder.previous(), finder.previous(d), finder.previous(c), finder.previous(b), finder.previous(a)], [d, c, a, a, undefined]);
  assert.deepEqual([a, b, c, d].map((entry) => finder.position(entry)), [1, undefined, 2, 3]);
  assert.deepEqual([a, b, c, d].map((entry) => finder.matches(entry)), [true, false, true, true]);
  // A field is no place in the message.
  assert.deepEqual([a, d].map((entry) => finder.highlights(entry)), [[[0, 3]], []]);
});

test("lines that come are found, together", async (t) => {
  const chunk = chunkOf(line("ann"));
  const { finder, find, source, jobs } = stage(t, [chunk]);
  await find({ text: "ann" });
  for (let i = 0; i < 10; i += 1) {
    chunk.entries.push(line(`ann ${i}`));
    finder.changed();
  }
  source.chunks.unshift(chunkOf(line("ann, earlier")));
  finder.changed();
  assert.equal(finder.count, 1);
  t.mock.timers.tick(100);
  await settle();
  assert.equal(finder.count, 12);
  assert.equal(jobs().length, 3);
});

test("lines that were let go of are not counted any more, and one that came back is known again", async (t) => {
  const [a, b] = [line("ann"), line("ann")];
  const { finder, find, source } = stage(t, [chunkOf(a), chunkOf(b)]);
  await find({ text: "ann" });
  source.chunks.shift();
  assert.equal(finder.count, 1);
  assert.equal(finder.position(a), undefined);
  const again: LineEntry = { ...a };
  source.chunks.unshift(chunkOf(again));
  finder.changed();
  t.mock.timers.tick(100);
  await settle();
  assert.equal(finder.previous(b), again);
  assert.equal(finder.next(a), b);
});

test("lines that are not shown are not gone to", async (t) => {
  const [a, b, c] = [line("ann"), line("ann"), line("ann")];
  const { finder, find, source } = stage(t, [chunkOf(a, b, c)]);
  source.shown = (entry) => entry !== b;
  await find({ text: "ann" });
  assert.equal(finder.count, 2);
  assert.equal(finder.next(a), c);
  assert.equal(finder.position(c), 2);
  source.shown = undefined;
  assert.equal(finder.next(a), b);
});

test("the work is sent in pieces, and the bottom is looked at first", async (t) => {
  const chunks = Array.from({ length: 3 }, (_, i) => chunkOf(...Array.from({ length: 1_500 }, () => line(`chunk ${i}`))));
  chunks.push(chunkOf(line("x".repeat(1_500_000)), line("x".repeat(1_500_000)), line("x")));
  const { find, jobs } = stage(t, chunks);
  await find({ text: "ann" });
  const pieces = jobs().map((job) => (job.kind === "which" ? [job.lines.length, job.lines[0]?.[0]?.slice(0, 7)] : []));
  assert.deepEqual(pieces, [
    [2, "xxxxxxx"],
    [1, "x"],
    [1_000, "chunk 2"],
    [500, "chunk 2"],
    [1_000, "chunk 1"],
    [500, "chunk 1"],
    [1_000, "chunk 0"],
    [500, "chunk 0"],
  ]);
});

test("another query takes the place of the one before", async (t) => {
  const chunks = Array.from({ length: 20 }, () => chunkOf(line("ann bob")));
  const { finder, find, jobs } = stage(t, chunks);
  finder.search({ ...NO_QUERY, text: "ann" });
  await find({ text: "bob", matchCase: true });
  assert.equal(finder.count, 20);
  assert.equal(jobs().filter(({ pattern }) => pattern.source === "ann").length, 1);
  finder.cancel();
  assert.equal(finder.count, 0);
  assert.deepEqual(finder.query, NO_QUERY);
});

test("an expression is looked for by the worker alone, and its places are painted when they are known", async (t) => {
  const [a, b] = [line("took 1200 ms"), line("x", { took: "1200" })];
  const { finder, find, paints } = stage(t, [chunkOf(a, b)]);
  await find({ text: "\\d+", regex: true });
  assert.equal(finder.count, 1);
  const before = paints();
  assert.deepEqual(finder.highlights(a), []);
  assert.deepEqual(finder.highlights(b), []);
  await settle();
  assert.equal(paints(), before + 1);
  assert.deepEqual(finder.highlights(a), [[5, 9]]);
});

test("an expression that takes too long is ended, and the next one goes on with a new worker", async (t) => {
  const { finder, find, workers } = stage(t, [chunkOf(line("slow ann"))]);
  await find({ text: "slow", regex: true });
  assert.equal(finder.finished, false);
  t.mock.timers.tick(1_999);
  await settle();
  assert.equal(finder.error, undefined);
  t.mock.timers.tick(1);
  await settle();
  assert.equal(finder.error, TOO_SLOW);
  assert.equal(finder.finished, true);
  assert.equal(workers[0]?.terminated, true);

  await find({ text: "ann", regex: true });
  assert.equal(finder.error, undefined);
  assert.equal(finder.count, 1);
  assert.equal(workers.length, 2);
});

test("what cannot be looked for says why", async (t) => {
  const { finder, find } = stage(t, [chunkOf(line("ann"))]);
  await find({ text: "[", regex: true });
  assert.equal(finder.error, "This is no expression: unterminated character class.");
  assert.equal(finder.finished, true);
  await find({ text: "" });
  assert.equal(finder.error, undefined);
});

test("a worker that does not come is told", async (t) => {
  const { finder, find, workers } = stage(t, [chunkOf(line("ann"))], false);
  await find({ text: "ann" });
  assert.equal(finder.error, NO_WORKER);
  assert.equal(workers.length, 1);
});

test("what is urgent goes first, and what nobody waits for is not done", async (t) => {
  const { worker, jobs } = stage(t, []);
  const job = (source: string): Job => ({ kind: "where", pattern: { kind: "plain", source, flags: "" }, texts: [""] });
  const stop = new AbortController();
  const first = worker.run(job("first"), "usual");
  const given = worker.run(job("given up"), "usual", stop.signal);
  const last = worker.run(job("last"), "usual");
  const urgent = worker.run(job("urgent"), "urgent");
  stop.abort(new Error("not wanted"));
  await assert.rejects(given, { message: "not wanted" });
  await Promise.all([first, last, urgent]);
  assert.deepEqual(jobs().map(({ pattern }) => pattern.source), ["first", "urgent", "last"]);
  await assert.rejects(worker.run(job("late"), "usual", stop.signal), { message: "not wanted" });
});

test("one job that takes too long fails alone", async (t) => {
  const { worker } = stage(t, []);
  const job = (source: string): Job => ({ kind: "where", pattern: { kind: "plain", source, flags: "" }, texts: ["x"] });
  const slow = worker.run(job("slow"), "usual");
  const quick = worker.run(job("x"), "usual");
  await settle();
  t.mock.timers.tick(2_000);
  await assert.rejects(slow, TooSlow);
  assert.deepEqual(await quick, [[[0, 1]]]);
  const open = worker.run(job("slow"), "usual");
  worker.close();
  await assert.rejects(open, NoWorker);
});

test("highlights that stay have a colour each, whatever is looked for", async (t) => {
  const { worker, finder, find } = stage(t, []);
  let changes = 0;
  const marks = new Marks(worker, () => (changes += 1));
  const query = (text: string, regex = false): Query => ({ ...NO_QUERY, text, regex });
  const entry = line("a b c 12");
  assert.equal(marks.keep(query("a")), true);
  assert.equal(marks.keep(query("\\d+", true)), true);
  assert.equal(marks.keep(query("a")), true);
  assert.equal(marks.keep(query("(", true)), false);
  assert.equal(marks.keep(query("")), false);
  await find({ text: "b" });
  marks.of(entry);
  await settle();
  assert.deepEqual(marks.of(entry), [[0, 1, 2], [6, 8, 3]]);
  assert.deepEqual(finder.highlights(entry), [[2, 3]]);
  assert.equal(changes, 3);

  marks.drop(query("a"));
  for (const text of ["c", "d", "e", "f", "g"]) assert.equal(marks.keep(query(text)), true);
  assert.equal(marks.keep(query("h")), false);
  assert.deepEqual(marks.kept.map(({ query, colour }) => [query.text, colour]), [["\\d+", 3], ["c", 2], ["d", 4], ["e", 5], ["f", 6], ["g", 7]]);
});

test("a highlight whose expression takes too long says that it stopped, keeps what it has, and is not asked again", async (t) => {
  const { worker, jobs } = stage(t, []);
  let changes = 0;
  const marks = new Marks(worker, () => (changes += 1));
  const [slow, digits] = ["slow", "\\d+"].map((text): Query => ({ ...NO_QUERY, text, regex: true })) as [Query, Query];
  marks.keep(slow);
  marks.keep(digits);
  const stopped = () => marks.kept.map(({ query, stopped }) => [query.text, stopped]);
  const entry = line("a 12");
  marks.of(entry);
  await settle();
  assert.deepEqual(stopped(), [["slow", undefined], ["\\d+", undefined]]);
  const before = changes;
  t.mock.timers.tick(2_000);
  await settle();
  assert.deepEqual(stopped(), [["slow", "slow"], ["\\d+", undefined]]);
  assert.ok(changes > before);
  assert.deepEqual(marks.of(entry), [[2, 4, 3]]);

  const asked = jobs().length;
  marks.of(line("b"));
  await settle();
  assert.deepEqual(jobs().slice(asked).map(({ pattern }) => pattern.source), ["\\d+"]);
  marks.drop(slow);
  marks.keep(slow);
  assert.deepEqual(stopped(), [["\\d+", undefined], ["slow", undefined]]);
});

test("a highlight says so when nobody is there to look", async (t) => {
  const { worker } = stage(t, [], false);
  const marks = new Marks(worker, () => undefined);
  marks.keep({ ...NO_QUERY, text: "\\d+", regex: true });
  marks.of(line("a 12"));
  await settle();
  assert.deepEqual(marks.kept.map(({ stopped }) => stopped), ["broken"]);
});
