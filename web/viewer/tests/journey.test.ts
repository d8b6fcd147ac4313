import assert from "node:assert/strict";
import { test } from "node:test";
import type { Place } from "../src/buffer/buffer.ts";
import { Chunk } from "../src/buffer/chunk.ts";
import type { Position } from "../src/follow/log.ts";
import { Journey } from "../src/page/journey.ts";
import { A, B, hole, line } from "./samples.ts";

const settled = () => new Promise((done) => setImmediate(done));

/** A reader before a log that answers when the test says so; what is held is known at once. */
class Reader {
  readonly asked: number[] = [];
  readonly shown: number[] = [];
  readonly told: string[] = [];
  readonly scrolled: string[] = [];
  first: Place | undefined;
  readonly #answers = new Map<number, { found: (place: Place | undefined) => void; fail: (error: Error) => void }>();
  readonly journey: Journey;

  constructor(held: readonly number[] = []) {
    const timeOf = (position: Position) => ("time" in position ? position.time : NaN);
    this.journey = new Journey({
      log: {
        lacks: (position) => !held.includes(timeOf(position)),
        seek: (position) => {
          const time = timeOf(position);
          this.asked.push(time);
          if (held.includes(time)) return Promise.resolve(placeOf(time));
          return new Promise((found, fail) => this.#answers.set(time, { found, fail }));
        },
      },
      first: () => this.first,
      scroll: (to) => void this.scrolled.push(to),
      show: ({ entry }) => this.shown.push(entry.kind === "line" ? entry.at / 1_000 : NaN),
      fail: (reason) => this.told.push(reason),
    });
  }

  async found(time: number): Promise<void> {
    this.#answers.get(time)?.found(placeOf(time));
    await settled();
  }

  async foundNothing(time: number): Promise<void> {
    this.#answers.get(time)?.found(undefined);
    await settled();
  }

  async failed(time: number): Promise<void> {
    this.#answers.get(time)?.fail(new Error("the server is away"));
    await settled();
  }
}

const placeOf = (time: number): Place => ({ chunk: new Chunk(), entry: line(A, time) });

test("who goes somewhere knows whether they are there, nowhere or elsewhere", async () => {
  const reader = new Reader();
  const there = reader.journey.to({ time: 1 });
  await reader.found(1);
  assert.equal(await there, "there");
  const nowhere = reader.journey.to({ time: 2 });
  await reader.foundNothing(2);
  assert.equal(await nowhere, "nowhere");
  const elsewhere = reader.journey.to({ time: 3 });
  reader.journey.toLive();
  await reader.found(3);
  assert.equal(await elsewhere, "elsewhere");
  assert.deepEqual(reader.shown, [1]);
});

test("whichever answer is the last to come, the reader is where they asked for last", async () => {
  const reader = new Reader();
  const [first, second] = [reader.journey.to({ time: 1 }), reader.journey.to({ time: 2 })];
  await reader.found(2);
  await reader.found(1);
  assert.deepEqual([await first, await second, reader.shown], ["elsewhere", "there", [2]]);
});

test("a place that could not be loaded is told, unless the reader went elsewhere", async () => {
  const reader = new Reader();
  const failed = reader.journey.to({ time: 1 });
  await reader.failed(1);
  assert.equal(await failed, "failed");
  const left = reader.journey.to({ time: 2 });
  reader.journey.toLive();
  await reader.failed(2);
  assert.equal(await left, "elsewhere");
  reader.journey.drag({ time: 3 });
  await reader.failed(3);
  assert.deepEqual(reader.told, ["the server is away", "the server is away"]);
});

test("who drags over what is not loaded is led to the last place, one load after the other", async () => {
  const reader = new Reader();
  for (const time of [1, 2, 3]) reader.journey.drag({ time });
  assert.deepEqual(reader.asked, [1]);
  await reader.found(1);
  await reader.found(3);
  assert.deepEqual([reader.asked, reader.shown], [[1, 3], [1, 3]]);
});

test("what is loaded is shown at once, while the server is silent about another place", async () => {
  const reader = new Reader([5, 6]);
  for (const time of [1, 2, 5, 6]) reader.journey.drag({ time });
  await settled();
  assert.deepEqual(reader.shown.at(-1), 6);
  const [shown, asked] = [[...reader.shown], [...reader.asked]];
  await reader.found(1);
  assert.deepEqual([reader.shown, reader.asked], [shown, asked], "nobody is led back, and nothing more is asked for");
});

test("who leaves is not led away by what waits", async () => {
  for (const leave of [(reader: Reader) => reader.journey.toLive(), (reader: Reader) => void reader.journey.to({ time: 5 })]) {
    const reader = new Reader([5]);
    for (const time of [1, 2]) reader.journey.drag({ time });
    leave(reader);
    await reader.found(1);
    assert.deepEqual([reader.asked.includes(2), reader.shown.includes(1)], [false, false]);
  }
});

test("the first line is gone to once what is before it is loaded", async () => {
  const reader = new Reader([0]);
  await reader.journey.toStart();
  assert.deepEqual([reader.asked, reader.scrolled], [[], ["start"]], "all of it is loaded");
  reader.first = { chunk: new Chunk(), entry: hole([[A, 0, 10], [B, 0, 10]]) };
  await reader.journey.toStart();
  assert.deepEqual([reader.asked, reader.scrolled], [[0], ["start", "start"]]);
  assert.deepEqual(reader.shown, [], "no line of it is the reader's");
});

test("who goes to the live end meanwhile is not brought to the first line", async () => {
  const reader = new Reader();
  reader.first = { chunk: new Chunk(), entry: hole([[A, 0, 10], [B, 0, 10]]) };
  const going = reader.journey.toStart();
  reader.journey.toLive();
  await reader.found(0);
  await going;
  assert.deepEqual(reader.scrolled, ["live"]);
});
