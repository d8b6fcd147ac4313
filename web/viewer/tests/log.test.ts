import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, type GapEvent, type LinesEvent, type SubscribeOptions, type SubscriptionState, TailcastError } from "tailcast-client";
import type { LineEntry, Run } from "../src/buffer/entry.ts";
import { type On, Log } from "../src/follow/log.ts";
import { A, B, line, lines, store, told } from "./samples.ts";

/** A client whose subscriptions are moved by hand, before a store. */
class Fake {
  readonly asked: SubscribeOptions[] = [];
  cursors: Record<string, number> = {};
  readonly lines: Client["lines"];

  constructor(kept: readonly LineEntry[]) {
    this.lines = store(kept).lines;
  }

  subscribe(_streams: readonly string[], options: SubscribeOptions) {
    this.asked.push(options);
    return { state: { name: "connecting" }, cursors: () => ({ epoch: "e", cursors: this.cursors }), close: () => {}, pause: () => {}, resume: () => {}, proof: () => [] };
  }

  get on(): NonNullable<SubscribeOptions["on"]> {
    return this.asked.at(-1)?.on ?? {};
  }

  async became(state: SubscriptionState): Promise<void> {
    this.asked.at(-1)?.onState?.(state);
    await settled();
  }

  comes(entries: readonly LineEntry[]): void {
    const [first] = entries;
    if (!first) return;
    const from = first.line.offset;
    void this.on.lines?.({ type: "lines", stream: first.stream.name, first: from, next: from + entries.length, lines: entries.map((entry) => entry.line) } satisfies LinesEvent);
  }
}

const settled = () => new Promise((done) => setImmediate(done));

function logOf(fake: Fake, streams: readonly string[] = ["a"], also: Partial<On> = {}): { log: Log; faults: () => number } {
  let faults = 0;
  const nothing = () => undefined;
  const on = { lines: nothing, begun: nothing, removed: nothing, renewed: nothing, changed: nothing, state: nothing, opened: nothing, fault: () => void (faults += 1), lost: nothing, reading: nothing, holds: () => false, ...also };
  const log = new Log({ streams, filter: "", continues: () => false, on });
  log.start(fake as unknown as Client);
  return { log, faults: () => faults };
}

const begin = (stream: string, firstAvailable: number, cursor: number) => ({ type: "begin" as const, stream, firstAvailable, next: cursor, cursor });

test("a view begins with the last lines that are kept, and goes on with those that come", async () => {
  const fake = new Fake(lines(A, 0, 10));
  const { log } = logOf(fake);
  void fake.on.begin?.(begin("a", 0, 10));
  await fake.became({ name: "live" });
  fake.comes(lines(A, 10, 12));
  assert.equal(told(log.buffer.entries()), "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11");
  assert.equal(log.arrived, 2);
});

test("lines that come while the past is loaded stand behind it", async () => {
  const fake = new Fake([...lines(A, 0, 3), ...lines(B, 0, 3)]);
  const { log } = logOf(fake, ["**"]);
  void fake.on.begin?.(begin("a", 0, 3));
  void fake.on.begin?.(begin("b", 1, 3));
  fake.comes([line(A, 3, 99)]);
  await fake.became({ name: "live" });
  assert.equal(told(log.buffer.entries()), "a0 a1 b1 a2 b2 a3");
});

test("a stream that has nothing among the lines of a page is told to have been looked through there", async () => {
  const fake = new Fake([...lines(A, 0, 2_000), line(B, 0, 5), line(B, 1, 2_100)]);
  const told: string[] = [];
  const on = { lines: (found: readonly LineEntry[], runs: readonly Run[]) => void told.push(`${found.length}: ${runs.map(({ stream, from, to }) => `${stream.name}${from}-${to}`).join(" ")}`) };
  const { log } = logOf(fake, ["**"], on);
  void fake.on.begin?.(begin("a", 0, 2_000));
  void fake.on.begin?.(begin("b", 0, 2));
  await fake.became({ name: "live" });
  for (const side of ["end", "start"] as const) {
    const hole = log.buffer.chunks.find((chunk) => chunk.hole)?.hole;
    assert.ok(hole);
    await log.load(hole, side);
  }
  assert.deepEqual(told, ["301: a1700-2000 b1-2", "300: a1400-1700 b1-1", "301: a0-300 b0-1"]);
});

test("a position that is not loaded is loaded around, and the rest stays a hole on either side", async () => {
  const fake = new Fake(lines(A, 0, 5_000));
  const { log } = logOf(fake);
  void fake.on.begin?.(begin("a", 0, 5_000));
  await fake.became({ name: "live" });
  const place = await log.seek({ stream: "a", offset: 2_000 });
  assert.ok(place?.entry.kind === "line" && place.entry.line.offset === 2_000);
  const shape = [...log.buffer.entries()].filter((entry) => entry.kind === "hole");
  assert.equal(told(shape), "[a0-1399] [a2600-4399]");
  const early = await log.seek({ time: 700_000 });
  assert.ok(early?.entry.kind === "line" && early.entry.line.offset === 700);
  const there = await log.seek({ time: 4_999_000 });
  assert.ok(there?.entry.kind === "line" && there.entry.line.offset === 4_999);
  assert.equal(await log.seek({ time: 9_999_000 }), undefined);
});

test("what must be loaded is known before it is asked for", async () => {
  const fake = new Fake(lines(A, 0, 5_000));
  const { log } = logOf(fake);
  void fake.on.begin?.(begin("a", 0, 5_000));
  await fake.became({ name: "live" });
  const positions = [{ time: 2_000_000 }, { time: 4_999_000 }, { time: 9_999_000 }, { stream: "a", offset: 2_000 }, { stream: "a", offset: 4_999 }];
  assert.deepEqual(positions.map((position) => log.lacks(position)), [true, false, false, true, false]);
});

test("places in one hole that are asked for at once are all found", async () => {
  const fake = new Fake(lines(A, 0, 9_000));
  const { log } = logOf(fake);
  void fake.on.begin?.(begin("a", 0, 9_000));
  await fake.became({ name: "live" });
  const places = await Promise.all([2_000, 5_000, 3_500].map((second) => log.seek({ time: second * 1_000 })));
  assert.deepEqual(places.map((place) => place?.entry.kind === "line" && place.entry.line.offset), [2_000, 5_000, 3_500]);
});

test("a hole that cannot be loaded says so once, and can be asked for again", async () => {
  const fake = new Fake([]);
  let refuse = true;
  const kept = store(lines(A, 0, 3));
  (fake as { lines: Client["lines"] }).lines = async (...asked) => {
    if (refuse) throw new TailcastError("busy", "this node is busy");
    return kept.lines(...asked);
  };
  const { log } = logOf(fake);
  void fake.on.begin?.(begin("a", 0, 3));
  await fake.became({ name: "live" });
  const hole = log.buffer.chunks.find((chunk) => chunk.hole)?.hole;
  assert.ok(hole);
  assert.equal(await log.load(hole, "end"), undefined);
  assert.equal(told(log.buffer.entries()), '"These lines could not be loaded: this node is busy. Try again." [a0-2]');
  refuse = false;
  assert.equal((await log.load(hole, "end"))?.length, 3);
  assert.match(told(log.buffer.entries()), / a0 a1 a2$/);
});

test("what retention took away before it was read is told", async () => {
  const fake = new Fake(lines(A, 0, 5));
  const removed: [string, number][] = [];
  logOf(fake, ["a"], { removed: (name, until) => void removed.push([name, until]) });
  void fake.on.begin?.(begin("a", 0, 5));
  for (const reason of ["skipped", "retention"]) void fake.on.gap?.({ type: "gap", stream: "a", from: 5, to: 9, reason } as GapEvent);
  assert.deepEqual(removed, [["a", 9]]);
});

test("lines of another store are not mixed with those of the one before", async () => {
  const fake = new Fake(lines(A, 0, 2_000));
  const renewed: [string, number][] = [];
  const { log } = logOf(fake, ["a"], { renewed: (name, from) => void renewed.push([name, from]) });
  void fake.on.begin?.(begin("a", 0, 2_000));
  await fake.became({ name: "live" });
  void fake.on.end?.(new TailcastError("wrong_epoch", "another store"));
  assert.equal(fake.asked.length, 2);
  assert.equal(fake.asked[1]?.from, "live");
  assert.deepEqual(renewed, [["a", 0]]);
  void fake.on.begin?.(begin("a", 0, 5));
  fake.comes([line(A, 5)]);
  const entries = [...log.buffer.entries()];
  assert.equal(told(entries.slice(0, 2)), '"1,400 lines of the store before were not loaded, and cannot be any more." a1400');
  assert.equal(told(entries.slice(-3)), '"The server stands on another store now. Its lines begin here, with offsets of their own." [a0-4] a5');
  const [before, after] = [entries[1], entries.at(-1)];
  assert.ok(before?.kind === "line" && after?.kind === "line" && before.stream !== after.stream && before.stream.colour === after.stream.colour);
});

test("a store that was set back is a fault, and the view goes on at its head", async () => {
  const fake = new Fake([]);
  const { log, faults } = logOf(fake);
  void fake.on.begin?.(begin("a", 0, 0));
  await fake.became({ name: "live" });
  fake.comes(lines(A, 0, 5));
  fake.cursors = { a: 5 };
  void fake.on.end?.(new TailcastError("cursor_ahead", "ahead", { stream: "a", next: 3 }));
  assert.equal(faults(), 1);
  assert.deepEqual(fake.asked[1]?.from, { epoch: "e", cursors: { a: 3 } });
  fake.comes(lines(A, 3, 4));
  assert.match(told(log.buffer.entries()), /a4 "Fault: the store was set back; 2 lines shown above are not in it \(a, 3 to 4\)." a3$/);
});
