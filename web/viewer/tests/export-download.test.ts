import assert from "node:assert/strict";
import { test } from "node:test";
import { TailcastError, type Line, type Page, type Range } from "tailcast-client";
import { batchesOf, download, type Progress } from "../src/export/download.ts";
import type { StreamLine } from "../src/export/line.ts";
import { history, type HistoryRange, type Source } from "../src/export/history.ts";
import { MemorySink, openSink, TextSink } from "../src/export/sink.ts";

const NOON = Date.parse("2026-11-21T12:00:00Z");
const NEVER = new AbortController().signal;

function linesAt(times: readonly number[]): Line[] {
  return times.map((seconds, offset) => ({ offset, ts: new Date(NOON + seconds * 1_000).toISOString(), message: String(seconds) }));
}

/** Answers as the server does (docs/http.md), a filter being the message. */
class Store implements Source {
  readonly asked: (Range & { stream: string })[] = [];
  readonly streams: Record<string, Line[]>;
  /** What the next requests fail with. */
  readonly failures: TailcastError[] = [];
  firstAvailable = 0;
  /** What cannot be read. */
  damaged: { from: number; to: number }[] = [];
  /** Called with each request. */
  meanwhile = (): void => {};

  constructor(streams: Record<string, Line[]>) {
    this.streams = streams;
  }

  async lines(stream: string, range: Range = {}): Promise<Page> {
    this.asked.push({ stream, ...range });
    this.meanwhile();
    const failure = this.failures.shift();
    if (failure) throw failure;
    const kept = this.streams[stream];
    if (!kept) throw new TailcastError("stream_not_found", "there is no such stream", { status: 404 });
    const { firstAvailable } = this;
    const from = Math.max(firstAvailable, range.from ?? (range.last === undefined ? 0 : kept.length - range.last));
    const to = Math.min(kept.length, range.to ?? Infinity);
    const through = kept.slice(from, to).slice(0, range.limit ?? 1_000);
    const next = Math.max(from, from + through.length);
    const met = this.damaged.filter((stretch) => stretch.from < next && stretch.to > from);
    const isSound = ({ offset }: Line) => !met.some((stretch) => stretch.from <= offset && offset < stretch.to);
    const lines = through.filter(isSound).filter(({ message }) => range.filter === undefined || message === range.filter);
    return { stream, firstAvailable, from, next, lines, ...(met.length > 0 ? { damaged: met } : {}) };
  }
}

async function read(store: Store, range: HistoryRange): Promise<{ lines: string[]; missing: number }> {
  const lines: string[] = [];
  let missing = 0;
  for await (const batch of history(store, range, NEVER)) {
    lines.push(...batch.lines.map(({ stream, line }) => `${stream} ${line.message}`));
    missing = batch.missing;
  }
  return { lines, missing };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test("a stream is read whole, page by page", async () => {
  const store = new Store({ a: linesAt(upTo(25_000)) });
  const { lines } = await read(store, { streams: ["a"] });
  assert.deepEqual(lines, upTo(25_000).map((n) => `a ${n}`));
  assert.deepEqual(store.asked.map(({ from, limit }) => [from, limit]), [[undefined, undefined], [0, 10_000], [10_000, 10_000], [20_000, 10_000]]);
});

test("a busy stream comes to an end: what arrives later is not waited for", async () => {
  const store = new Store({ a: linesAt(upTo(100)) });
  store.meanwhile = () => (store.streams["a"] = linesAt(upTo((store.streams["a"]?.length ?? 0) + 10)));
  assert.equal((await read(store, { streams: ["a"] })).lines.length, 110);
});

test("streams are merged by time, each in its own order", async () => {
  const store = new Store({ a: linesAt([1, 4, 2, 9]), b: linesAt([1, 3, 4, 5, 8]), c: [] });
  const { lines } = await read(store, { streams: ["a", "b", "c", "a"] });
  assert.deepEqual(lines, ["a 1", "b 1", "b 3", "a 4", "a 2", "b 4", "b 5", "b 8", "a 9"]);
});

test("a long search is seen to move, also where nothing matches", async () => {
  const shares: number[] = [];
  for await (const { share } of history(new Store({ a: linesAt(upTo(40_000)) }), { streams: ["a"], filter: "39000" }, NEVER)) shares.push(share);
  assert.deepEqual(shares, [0.25, 0.5, 0.75, 0.75, 1]);
});

test("a stream that never had a line is left out, and told when it is the only one", async () => {
  const store = new Store({ a: linesAt([1]) });
  assert.deepEqual((await read(store, { streams: ["x", "a"] })).lines, ["a 1"]);
  await assert.rejects(read(store, { streams: ["x", "y"] }), { code: "stream_not_found" });
});

test("offsets, times and the filter are asked of the server", async () => {
  const store = new Store({ a: linesAt(upTo(100)) });
  const { lines } = await read(store, { streams: ["a"], from: 10, to: 50, filter: "17", since: "2026-11-21T12:00:00Z", until: "2026-11-21T13:00:00Z" });
  assert.deepEqual(lines, ["a 17"]);
  assert.deepEqual(store.asked[1], { stream: "a", from: 10, to: 50, limit: 10_000, filter: "17", since: "2026-11-21T12:00:00Z", until: "2026-11-21T13:00:00Z" });
});

test("lines that are damaged are left out and counted, once each", async () => {
  const store = new Store({ a: linesAt(upTo(15_000)) });
  store.damaged = [{ from: 2, to: 5 }, { from: 14_999, to: 15_000 }];
  let [lines, damaged] = [0, 0];
  for await (const batch of history(store, { streams: ["a"] }, NEVER)) {
    lines += batch.lines.length;
    damaged = batch.damaged;
  }
  assert.deepEqual([lines, damaged], [14_996, 4]);
});

test("lines that retention removes on the way are told", async () => {
  const store = new Store({ a: linesAt(upTo(30_000)) });
  store.meanwhile = () => (store.firstAvailable = store.asked.length > 2 ? 12_000 : 0);
  const { lines, missing } = await read(store, { streams: ["a"] });
  assert.deepEqual([lines.length, missing, lines[10_000]], [28_000, 2_000, "a 12000"]);
});

test("a server that is busy is asked again, when it says so", async () => {
  const store = new Store({ a: linesAt(upTo(10)) });
  store.failures.push(
    new TailcastError("busy", "too much at once", { status: 429, retryAfterMs: 7_000 }),
    new TailcastError("unavailable", "the store does not answer", { status: 503 }),
    new TailcastError("away", "no answer", { status: 0 }),
  );
  const waits: number[] = [];
  const batches = history(store, { streams: ["a"] }, NEVER, async (ms) => void waits.push(ms));
  const progress = await download({ batches, format: "text", sink: new TextSink(), signal: NEVER });
  assert.deepEqual([progress.lines, waits], [10, [7_000, 2_000, 4_000]]);
});

test("a server that stays away is given up, and a refusal at once", async () => {
  const store = new Store({ a: linesAt(upTo(10)) });
  for (let n = 0; n < 20; n += 1) store.failures.push(new TailcastError("unavailable", "the store does not answer", { status: 503 }));
  const waits: number[] = [];
  const batches = history(store, { streams: ["a"] }, NEVER, async (ms) => void waits.push(ms));
  await assert.rejects(download({ batches, format: "text", sink: new TextSink(), signal: NEVER }), { code: "unavailable" });
  assert.equal(waits.length, 7);
  store.failures.splice(0, Infinity, new TailcastError("bad_parameter", "no such filter", { status: 400 }));
  await assert.rejects(read(store, { streams: ["a"] }), { code: "bad_parameter" });
});

test("progress says how much, up to when, and how far", async () => {
  const store = new Store({ a: linesAt(upTo(5_000)) });
  const told: Progress[] = [];
  const sink = new TextSink();
  const batches = history(store, { streams: ["a"] }, NEVER);
  const total = await download({ batches, format: "ndjson", sink, signal: NEVER, onprogress: (progress) => told.push(progress) });
  assert.deepEqual(told.map(({ lines, share }) => [lines, share]), [[0, 0], [2_000, 0.4], [4_000, 0.8], [5_000, 1]]);
  assert.equal(told.at(-1)?.at, store.streams["a"]?.at(-1)?.ts);
  assert.deepEqual(total, told.at(-1));
  assert.equal(total.bytes, new TextEncoder().encode(sink.text).length);
  assert.equal(sink.text.split("\n").length, 5_001);
});

test("who cancels gets nothing, at once", async () => {
  const store = new Store({ a: linesAt(upTo(50_000)) });
  const cancel = new AbortController();
  const sink = new TextSink();
  const batches = history(store, { streams: ["a"] }, cancel.signal);
  const onprogress = ({ lines }: Progress) => lines >= 4_000 && cancel.abort();
  await assert.rejects(download({ batches, format: "text", sink, signal: cancel.signal, onprogress }), { name: "AbortError" });
  assert.equal(sink.text, "");
  assert.equal(store.asked.length, 2);
});

test("lines of the tab are downloaded like those of the store", async () => {
  const lines: StreamLine[] = linesAt(upTo(3_000)).map((line) => ({ stream: "a", line }));
  const sink = new TextSink();
  await download({ batches: batchesOf(lines), format: "csv", columns: ["x"], sink, signal: NEVER });
  assert.equal(sink.text.split("\r\n").length, 3_002);
  assert.match(sink.text, /^\ufefftime,stream,offset,level,message,x\r\n/);
});

test("a file in memory is saved whole or not at all", async () => {
  const saved: Blob[] = [];
  const bytes = (count: number) => new Uint8Array(count).fill(65);
  const whole = new MemorySink((blob) => saved.push(blob), "text/plain", 1_000);
  for (let n = 0; n < 1_000; n += 1) await whole.write(bytes(1));
  await whole.close();
  assert.deepEqual([saved.length, await saved[0]?.text()], [1, "A".repeat(1_000)]);
  const large = new MemorySink((blob) => saved.push(blob), "text/plain", 2 * 1024 * 1024);
  await assert.rejects(large.write(bytes(3 * 1024 * 1024)), /more than 2 MB.*Nothing was saved/);
  assert.equal(saved.length, 1);
});

const FILE = { name: "a.log", type: "text/plain", extension: "log" };

test("a file is written as it comes where the browser can, and the reader says where", async () => {
  const sink = new TextSink();
  const page = { showSaveFilePicker: async () => ({ createWritable: async () => sink }) };
  assert.equal(await openSink(FILE, page), sink);
  assert.ok((await openSink(FILE, {})) instanceof MemorySink);
});

test("a reader who does not want to save is heard, a browser that forbids it is not", async () => {
  const failing = (name: string) => ({ showSaveFilePicker: () => Promise.reject(new DOMException("no", name)) });
  await assert.rejects(openSink(FILE, failing("AbortError")), { name: "AbortError" });
  assert.ok((await openSink(FILE, failing("SecurityError"))) instanceof MemorySink);
});
