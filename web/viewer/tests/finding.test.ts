import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "tailcast-client";
import { Buffer } from "../src/buffer/buffer.ts";
import type { LineEntry } from "../src/buffer/entry.ts";
import { NO_QUERY } from "../src/find/query.ts";
import { work, type Job } from "../src/find/search.ts";
import { WatchedWorker, type WorkerLike } from "../src/find/watched.ts";
import type { Arrival } from "../src/page/journey.ts";
import { Finding, type Ground } from "../src/page/finding.svelte.ts";
import type { Kept } from "../src/page/kept.svelte.ts";
import { A, hole, line, lines, store } from "./samples.ts";

/** A worker that answers at the next turn. */
class Worker implements WorkerLike {
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

const settled = async () => {
  for (let i = 0; i < 50; i += 1) await new Promise((done) => setImmediate(done));
};

/** A reader of lines 100 to 109, before which the store has more; at `at`, or at the live end. */
function scene(kept: readonly LineEntry[] = lines(A, 100, 110), { at = undefined as LineEntry | undefined } = {}) {
  const buffer = new Buffer();
  buffer.append([hole([[A, 0, 100]]), ...kept]);
  const told: string[] = [];
  let arrival: Arrival = "there";
  const ground: Ground = {
    filter: "",
    buffer,
    shown: undefined,
    line: at,
    edges: (direction) => (direction === "earlier" ? [{ name: "a", offset: 100 }] : []),
    seek: async (position) => {
      told.push(`seeks ${"offset" in position ? position.offset : position.time}`);
      const [first] = buffer.chunks;
      if (arrival === "there" && first?.hole) buffer.replace(first.hole, lines(A, 0, 100));
      return arrival;
    },
    show: ({ entry }) => void told.push(`shows ${entry.kind === "line" ? entry.line.offset : entry.kind}`),
    unfold: ({ line: { offset } }) => void told.push(`unfolds ${offset}`),
    moved: () => void told.push("moved"),
  };
  const marks = { of: () => [], keep: () => {} } as unknown as Kept;
  const finding = new Finding(ground, { worker: new WatchedWorker(() => new Worker()), kept: marks });
  const search = async (text: string) => {
    finding.open = true;
    finding.search({ ...NO_QUERY, text });
    await settled();
    told.length = 0;
  };
  return { finding, told, search, arrives: (how: Arrival) => (arrival = how) };
}

test("who follows the live end is behind all matches, and goes to the last one either way", async () => {
  for (const by of [1, -1] as const) {
    const { finding, told, search } = scene();
    await search("a10");
    assert.deepEqual([finding.count, finding.position], [10, undefined]);
    finding.go(by);
    assert.deepEqual([told, finding.position], [["shows 109"], 10]);
  }
});

test("matches are gone to from where the reader is, and from the last one on to the first", async () => {
  const kept = lines(A, 100, 110);
  const { finding, told, search } = scene(kept, { at: kept[4]! });
  await search("a10");
  for (const by of [1, 1, -1, -1, -1] as const) finding.go(by);
  assert.deepEqual(told, ["shows 105", "shows 106", "shows 105", "shows 104", "shows 103"]);
  for (let i = 0; i < 7; i += 1) finding.go(1);
  assert.equal(told.at(-1), "shows 100");
});

test("a match that the row may hide is unfolded before it is shown", async () => {
  const { finding, told, search } = scene([line(A, 100, 100, "first\nsecond"), line(A, 101)]);
  await search("second");
  finding.go(1);
  assert.deepEqual(told, ["unfolds 100", "shows 100"]);
});

test("who asks before anything is found is led there when it is", async () => {
  const { finding, told } = scene();
  finding.search({ ...NO_QUERY, text: "a105" });
  finding.go(1);
  await settled();
  assert.deepEqual(told, ["moved", "shows 105"]);
});

test("the store is searched from where the tab ends, and the reader is led to what is found", async () => {
  const { finding, told, search } = scene();
  await search("a42");
  assert.deepEqual([finding.count, finding.lacks], [0, { earlier: true, later: false }]);
  await finding.lookBeyond({ lines: store(lines(A, 0, 110)).lines } as Client, "earlier");
  assert.deepEqual(told, ["seeks 42", "shows 42"]);
  assert.equal(finding.beyond.state, "idle");
});

test("who went elsewhere meanwhile is not led to a match", async () => {
  const { finding, told, search, arrives } = scene();
  await search("a42");
  arrives("elsewhere");
  await finding.lookBeyond({ lines: store(lines(A, 0, 110)).lines } as Client, "earlier");
  assert.deepEqual(told, ["seeks 42"]);
});

test("what the store has not, and what it could not answer, is said", async () => {
  const { finding, search } = scene();
  await search("nothing like it");
  await finding.lookBeyond({ lines: store(lines(A, 0, 110)).lines } as Client, "earlier");
  assert.equal(finding.beyond.state, "none");
  const away = { lines: () => Promise.reject(new Error("broken")) } as unknown as Client;
  await finding.lookBeyond(away, "earlier");
  assert.deepEqual([finding.beyond.state, finding.beyond.error !== undefined], ["failed", true]);
});

test("a bar that is closed lacks nothing, and marks nothing", async () => {
  const { finding, search } = scene();
  await search("a10");
  finding.close();
  assert.deepEqual([finding.lacks, finding.count, finding.open], [{ earlier: false, later: false }, 0, false]);
});
