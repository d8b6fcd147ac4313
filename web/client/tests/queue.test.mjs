// How events reach their consumer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Queue } from "../dist/queue.js";

const event = (next) => ({ type: "live", stream: "a", next });
const item = (next, size = 10) => ({ event: event(next), size, place: { stream: "a", cursor: next } });
const soon = () => new Promise((resolve) => setImmediate(resolve));

function queue(on) {
  const taken = [];
  return { taken, queue: new Queue(on, ({ place }) => taken.push(place.cursor)) };
}

test("an iteration gets events in order, and the cursor moves when it does", async () => {
  const { queue: made, taken } = queue();
  made.push(item(1));
  made.push(item(2));
  assert.deepEqual([taken, made.size], [[], 20]);
  assert.deepEqual(await made.next(), { done: false, value: event(1) });
  assert.deepEqual([taken, made.size], [[1], 10]);
  await made.next();
  const waiting = made.next();
  made.push({ size: 0, place: { stream: "a", cursor: 3 } });
  assert.deepEqual(taken, [1, 2, 3], "a cursor that moves alone needs no consumer");
  made.push(item(4));
  assert.deepEqual((await waiting).value, event(4));
});

test("the end comes after what waited, an error once", async () => {
  const { queue: made } = queue();
  made.push(item(1));
  made.end(new Error("over"));
  made.push(item(2));
  assert.equal((await made.next()).value.next, 1);
  await assert.rejects(made.next(), /over/);
  assert.deepEqual(await made.next(), { done: true, value: undefined });
});

test("who leaves gets nothing more, even while waiting", async () => {
  const { queue: made } = queue();
  const waiting = made.next();
  made.discard();
  made.push(item(1));
  assert.deepEqual(await waiting, { done: true, value: undefined });
});

test("nothing leaves while it is held", async () => {
  const got = [];
  const { queue: made } = queue({ live: ({ next }) => void got.push(next) });
  made.hold(true);
  made.push(item(1));
  assert.deepEqual(got, []);
  made.hold(false);
  assert.deepEqual(got, [1]);
});

test("a callback that takes its time is waited for", async () => {
  const got = [];
  let finish;
  const live = ({ next }) => {
    got.push(next);
    return new Promise((resolve) => (finish = resolve));
  };
  const { queue: made } = queue({ live, end: () => void got.push("end") });
  made.push(item(1));
  made.push(item(2));
  made.end();
  await soon();
  assert.deepEqual(got, [1]);
  finish();
  await soon();
  assert.deepEqual(got, [1, 2]);
  finish();
  await soon();
  assert.deepEqual(got, [1, 2, "end"]);
});

test("what waits of one stream is let go of when the consumer goes elsewhere in it", async () => {
  const { queue: made } = queue();
  made.push(item(1));
  made.push({ event: { type: "live", stream: "b", next: 1 }, size: 5, place: { stream: "b", cursor: 1 } });
  made.forget("a");
  assert.equal(made.size, 5);
  assert.equal((await made.next()).value.stream, "b");
});
