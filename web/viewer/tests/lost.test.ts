import assert from "node:assert/strict";
import { test } from "node:test";
import { Lost } from "../src/follow/lost.ts";
import { tally } from "../src/follow/proof.ts";

const at = (stream: string, from: number, to: number) => ({ stream, from, to });
const proof = (stream: string, more = {}) => ({ stream, next: 5, passed: 5, received: 5, leftOut: 0, gone: 0, missing: 0, repeated: 0, miscounted: 0, ...more });

test("lines that nobody can have any more count once, however often they are met", () => {
  const lost = new Lost();
  assert.deepEqual([at("a", 20, 120), at("b", 0, 5), at("a", 20, 120), at("a", 100, 130), at("a", 200, 201)].map((one) => lost.add(one)), [true, true, false, true, true]);
  assert.equal(lost.lines, 116);
  assert.deepEqual(lost.stretches, [at("b", 0, 5), at("a", 20, 130), at("a", 200, 201)]);
});

test("a view's proof is the sum over its subscriptions, with the streams that are not whole first", () => {
  const bad = proof("b", { passed: 6, missing: 1 });
  const told = tally([[proof("a"), bad], [proof("a", { next: 9, passed: 4, received: 4 })]], 0);
  assert.deepEqual(told.streams, [bad, proof("a", { next: 9, passed: 9, received: 9 })]);
  assert.deepEqual([told.passed, told.received, told.missing, told.whole], [15, 14, 1, false]);
});

test("a fault that no count knows of is none of a whole view either", () => {
  assert.deepEqual([tally([[proof("a")]], 0).whole, tally([[proof("a")]], 1).whole, tally([], 0).whole], [true, false, true]);
});
