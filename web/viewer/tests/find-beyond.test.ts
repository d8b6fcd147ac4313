import assert from "node:assert/strict";
import { test } from "node:test";
import { TailcastError, type Line, type Page, type Range } from "tailcast-client";
import { BeyondError, findBeyond, termFor, type BeyondRequest, type Reached } from "../src/find/beyond.ts";
import { NO_QUERY, type Query } from "../src/find/query.ts";
import { work, type Job } from "../src/find/search.ts";
import { inServersWords } from "../src/find/translate.ts";
import { WatchedWorker, type WorkerLike } from "../src/find/watched.ts";

test("an expression is said in the server's words, or not at all", () => {
  const table: [string, string | undefined][] = [
    ["took", "/(?i)took/"],
    ["^a+?b{2,}c{3}$", "/(?i)^a+?b{2,}c{3}$/"],
    ["(?:a|b)(c)(?<n>d)", "/(?i)(?:a|b)(c)(?<n>d)/"],
    ["/var\\/log", "/(?i)\\/var\\/log/"],
    ["\\\\/", "/(?i)\\\\\\//"],
    ["\\d\\w\\s", "/(?i)[0-9][0-9A-Za-z_][[\\s--\\x{85}]\\x{FEFF}]/"],
    ["[^\\d,]", "/(?i)[^[0-9],]/"],
    ["\\ba\\B", "/(?i)(?-u:\\b)a(?-u:\\B)/"],
    ["[a&&b~~[]", "/(?i)[a\\&\\&b\\~\\~\\[]/"],
    ["a{b}", "/(?i)a\\{b\\}/"],
    ["{,3}]", "/(?i)\\{,3\\}\\]/"],
    ["\\<a\\-b", "/(?i)<a\\-b/"],
    ["\\x41\\u00e9\\u{1f600}", "/(?i)\\x{41}\\x{00e9}\\x{1f600}/"],
    ["\\p{Lu}\\P{Script=Greek}", "/(?i)\\p{Lu}\\P{Script=Greek}/"],
    ["😀 é", "/(?i)😀 é/"],
    ["(?=a)", undefined],
    ["(?<!a)", undefined],
    ["(a)\\1", undefined],
    ["(?<n>a)\\k<n>", undefined],
    ["[^]", undefined],
    ["[+--]", undefined],
    ["\\cJ", undefined],
    ["[\\b]", undefined],
    ["\\ud83d", undefined],
    ["\\0", undefined],
  ];
  for (const [source, expected] of table) assert.equal(inServersWords(source, true), expected, source);
  assert.equal(inServersWords("A", false), "/A/");
});

test("a query is asked of the server as a phrase or an expression", () => {
  const table: [Partial<Query>, string | undefined][] = [
    [{ text: 'say "x"' }, '"say \\"x\\""'],
    [{ text: "ann", word: true, matchCase: true }, '"ann"'],
    [{ text: "a.c", regex: true, word: true }, "/(?i)a.c/"],
    [{ text: "\ud800" }, undefined],
    [{ text: "" }, undefined],
  ];
  for (const [query, expected] of table) assert.equal(termFor({ ...NO_QUERY, ...query }), expected);
});

class QuickWorker implements WorkerLike {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  constructor() {
    queueMicrotask(() => this.onmessage?.({ data: "ready" } as MessageEvent));
  }
  postMessage(job: Job): void {
    queueMicrotask(() => this.onmessage?.({ data: work(job) } as MessageEvent));
  }
  terminate(): void {}
}

/** A store whose lines are one second apart, `message` by offset; a search ends early after 100 lines. */
class Store {
  readonly asked: (Range & { readonly stream: string })[] = [];
  underway = 0;
  most = 0;
  readonly #streams: Record<string, { from: number; lines: (string | undefined)[]; offset?: number }>;
  /** What the filter finds; and what it makes of the first requests. */
  matches = (message: string, filter: string): boolean => message.includes(/^"(.*)"$/.exec(filter.split(" ").at(-1) ?? "")?.[1] ?? message);
  refuse: (request: number, range: Range) => TailcastError | undefined = () => undefined;

  constructor(streams: Record<string, { from: number; lines: (string | undefined)[]; offset?: number }>) {
    this.#streams = streams;
  }

  async lines(stream: string, range: Range = {}): Promise<Page> {
    this.asked.push({ stream, ...range });
    const refused = this.refuse(this.asked.length, range);
    this.most = Math.max(this.most, (this.underway += 1));
    await Promise.resolve();
    this.underway -= 1;
    if (refused) throw refused;
    const kept = this.#streams[stream];
    if (!kept) throw new TailcastError("stream_not_found", "there is no such stream");
    const all = kept.lines.map((message, offset): Line => ({ offset, ts: this.ts(stream, offset), message: message ?? "" }));
    const wanted = ({ message, ts }: Line): boolean =>
      (range.filter === undefined || this.matches(message, range.filter)) &&
      ts >= String(range.since ?? "") &&
      ts < String(range.until ?? "9");
    let from = Math.max(range.from ?? 0, kept.from);
    let to = Math.min(range.to ?? all.length, all.length);
    if (range.last === undefined) to = Math.min(to, from + 100);
    else from = Math.max(from, to - 100);
    let lines = all.slice(from, to).filter(wanted);
    if (range.last !== undefined && lines.length >= range.last) {
      lines = lines.slice(-range.last);
      from = lines[0]?.offset ?? from;
    } else if (range.limit !== undefined && lines.length >= range.limit) {
      lines = lines.slice(0, range.limit);
      to = (lines.at(-1)?.offset ?? 0) + 1;
    }
    return { stream, firstAvailable: kept.from, from, next: Math.max(to, from), lines };
  }

  ts(stream: string, offset: number): string {
    return new Date(Date.UTC(2026, 10, 21) + (offset + (this.#streams[stream]?.offset ?? 0)) * 1_000).toISOString();
  }
}

function filled(length: number, at: Record<number, string>): (string | undefined)[] {
  return Array.from({ length }, (_, i) => at[i]);
}

function ask(store: Store, request: Partial<BeyondRequest> & { query: Query }) {
  return findBeyond({
    client: store,
    worker: new WatchedWorker(() => new QuickWorker()),
    streams: [{ name: "a", offset: 1_000 }],
    filter: "",
    direction: "earlier",
    signal: new AbortController().signal,
    wait: () => Promise.resolve(),
    ...request,
  });
}

const ann: Query = { ...NO_QUERY, text: "ann" };

test("the nearest match before what is loaded is found, however many answers end early", async () => {
  const store = new Store({ a: { from: 0, lines: filled(1_000, { 3: "ann 1", 7: "Ann 2" }) } });
  store.matches = (message) => message.toLowerCase().includes("ann");
  const told: Reached[] = [];
  const found = await ask(store, { query: ann, filter: "a OR b", onprogress: (reached) => told.push(reached) });
  assert.deepEqual([found?.stream, found?.line.offset], ["a", 7]);
  assert.equal(store.asked.length, 10);
  assert.equal(store.asked[0]?.filter, '(a OR b) "ann"');
  assert.deepEqual(told[1], { looked: 200, offsets: new Map([["a", 800]]), left: 800 });
});

test("the nearest match after what is loaded is found, and nothing beyond the end asked for", async () => {
  const lines = filled(900, { 350: "ann 1", 360: "ann 2", 800: "bob" });
  const later = { streams: [{ name: "a", offset: 100, to: 700 }], direction: "later" } as const;
  assert.equal((await ask(new Store({ a: { from: 0, lines } }), { query: ann, ...later }))?.line.offset, 350);
  const store = new Store({ a: { from: 0, lines } });
  assert.equal(await ask(store, { query: { ...ann, text: "bob" }, ...later }), undefined);
  assert.ok(store.asked.every(({ to }) => to === 700));
});

test("when all that is kept was looked through there is no match", async () => {
  const store = new Store({ a: { from: 300, lines: filled(1_000, { 10: "ann" }) } });
  assert.equal(await ask(store, { query: ann }), undefined);
  assert.equal(store.asked.length, 7);
  assert.equal(await ask(store, { query: ann, streams: [] }), undefined);
  assert.equal(await ask(store, { query: ann, streams: [{ name: "gone", offset: 9 }] }), undefined);
});

test("of several streams the latest match wins, and at most four are asked at once", async () => {
  const names = Array.from({ length: 9 }, (_, i) => `s${i}`);
  const streams = Object.fromEntries(names.map((name, i) => [name, { from: 0, lines: filled(500, { [50 + i * 10]: "ann" }), offset: i === 4 ? 1_000 : 0 }]));
  const store = new Store(streams);
  const found = await ask(store, { query: ann, streams: names.map((name) => ({ name, offset: 500 })) });
  assert.deepEqual([found?.stream, found?.line.offset], ["s4", 90]);
  assert.equal(store.most, 4);
});

test("what the server finds is looked at again, as exactly as it was asked", async () => {
  const store = new Store({ a: { from: 0, lines: filled(1_000, { 100: "ann", 500: "Ann", 700: "anna", 900: "anna" }) } });
  store.matches = (message) => message.toLowerCase().includes("ann");
  assert.equal((await ask(store, { query: { ...ann, matchCase: true, word: true } }))?.line.offset, 100);
});

test("what no filter can say is looked for in every line", async () => {
  const store = new Store({ a: { from: 0, lines: filled(1_000, { 100: "abab" }) } });
  assert.equal((await ask(store, { query: { ...ann, text: "(ab)\\1", regex: true } }))?.line.offset, 100);
  assert.ok(store.asked.every(({ filter }) => filter === undefined));
});

test("an expression that the server refuses is looked for in every line of the filter", async () => {
  const lines = filled(200, { 5: "xx" });
  const store = new Store({ a: { from: 0, lines }, b: { from: 0, lines } });
  store.refuse = (_, { filter }) => (filter?.includes("/") ? new TailcastError("bad_parameter", "no") : undefined);
  store.matches = () => true;
  const streams = [{ name: "a", offset: 200 }, { name: "b", offset: 200 }];
  assert.equal((await ask(store, { query: { ...ann, text: "x{2}", regex: true }, filter: "level:*", streams }))?.line.offset, 5);
  assert.equal(store.asked.at(-1)?.filter, "level:*");
  store.refuse = () => new TailcastError("bad_parameter", "the filter itself");
  await assert.rejects(ask(store, { query: ann, filter: "(" }), { message: "the filter itself" });
});

test("a server that is busy is asked again, and not for ever", async () => {
  const store = new Store({ a: { from: 0, lines: filled(1_000, { 999: "ann" }) } });
  const waited: number[] = [];
  const wait = (ms: number): Promise<void> => {
    waited.push(ms);
    return Promise.resolve();
  };
  store.refuse = (request) => (request <= 2 ? new TailcastError("busy", "later", request === 1 ? { retryAfterMs: 3_000 } : {}) : undefined);
  assert.equal((await ask(store, { query: ann, wait }))?.line.offset, 999);
  assert.deepEqual(waited, [3_000, 1_000]);
  store.refuse = () => new TailcastError("away", "no answer");
  await assert.rejects(ask(store, { query: ann, wait }), { code: "away" });
});

test("a store that gets no further is given up", async () => {
  const store = new Store({ a: { from: 0, lines: filled(1_000, {}) } });
  store.lines = (stream) => Promise.resolve({ stream, firstAvailable: 0, from: 1_000, next: 1_000, lines: [] });
  await assert.rejects(ask(store, { query: ann }), BeyondError);
});

test("a search that is given up ends with the reason", async () => {
  const stop = new AbortController();
  const store = new Store({ a: { from: 0, lines: filled(1_000, {}) } });
  const searching = ask(store, { query: ann, signal: stop.signal, onprogress: () => stop.abort(new Error("enough")) });
  await assert.rejects(searching, { message: "enough" });
  assert.equal(store.asked.length, 1);
  await assert.rejects(ask(store, { query: { ...ann, text: "(", regex: true } }), BeyondError);
});
