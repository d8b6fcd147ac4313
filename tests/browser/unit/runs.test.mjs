import assert from "node:assert/strict";
import { test } from "node:test";
import { Runs } from "../../../web/assets/runs.js";

const run = (stream, from, to) => ({ stream, from, to });

function runsOf(...items) {
  const runs = new Runs();
  for (const item of items) runs.push(item);
  return runs;
}

test("neighbouring lines are one run", () => {
  const runs = runsOf(run("a", 0, 1), run("a", 1, 2), run("b", 7, 8), run("a", 2, 3));
  assert.equal(runs.lines, 4);
  assert.deepEqual(runs.takeLast(10), [run("a", 0, 2), run("b", 7, 8), run("a", 2, 3)]);
  assert.ok(runs.isEmpty);
});

test("the last lines come out in their order, cut where there are enough", () => {
  const runs = runsOf(run("a", 0, 10), run("b", 0, 3));
  assert.deepEqual(runs.takeLast(5), [run("a", 8, 10), run("b", 0, 3)]);
  assert.deepEqual(runs.takeLast(5), [run("a", 3, 8)]);
  assert.equal(runs.lines, 3);
});

test("the first lines come out in their order, cut where there are enough", () => {
  const runs = runsOf(run("a", 0, 3), run("b", 0, 10));
  assert.deepEqual(runs.takeFirst(5), [run("a", 0, 3), run("b", 0, 2)]);
  assert.deepEqual(runs.takeFirst(5), [run("b", 2, 7)]);
  assert.equal(runs.lines, 3);
});

test("rows that no store has stay between the lines around them", () => {
  const gap = { entry: { kind: "note", text: "gap" } };
  const runs = runsOf(run("a", 0, 2), gap, run("a", 4, 6));
  assert.deepEqual(runs.takeLast(3), [run("a", 1, 2), gap, run("a", 4, 6)]);
});

test("what changes hands is not shared", () => {
  const mine = runsOf(run("a", 0, 2));
  const yours = runsOf(run("a", 2, 4));
  mine.append(yours);
  mine.push(run("a", 4, 5));
  assert.equal(yours.lines, 2);
  assert.deepEqual(yours.takeLast(9), [run("a", 2, 4)]);
  assert.deepEqual(mine.takeLast(9), [run("a", 0, 5)]);
});

test("a hundred thousand lines of two streams in turns stay few items, and every line is remembered", () => {
  const runs = new Runs();
  for (let offset = 0; offset < 50_000; offset += 1) {
    runs.push(run("a", offset, offset + 1));
    runs.push(run("b", offset, offset + 1));
  }
  assert.equal(runs.lines, 100_000);
  const taken = runs.takeFirst(100_000);
  assert.ok(taken.length < 21_000, `${taken.length} items`);
  const offsets = { a: new Set(), b: new Set() };
  for (const { stream, from, to } of taken) {
    for (let offset = from; offset < to; offset += 1) offsets[stream].add(offset);
  }
  assert.deepEqual([offsets.a.size, offsets.b.size], [50_000, 50_000]);
});
