import assert from "node:assert/strict";
import { test } from "node:test";
import { comesBack, delay } from "../dist/retry.js";

test("the close codes that mean come back, and those that do not", () => {
  for (const code of [1001, 1005, 1006, 1012, 4000, 4001, 4002, 4003, 4499]) assert.ok(comesBack(code), code);
  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 1011, 4500, 4501, 4502, 4503, 4999]) {
    assert.ok(!comesBack(code), code);
  }
});

test("waits grow, are spread from nothing to the whole, and have an end", () => {
  const most = (attempt) => delay(attempt, undefined, () => 1);
  assert.deepEqual([0, 1, 2, 3, 4, 5, 99].map(most), [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.equal(delay(5, undefined, () => 0), 0);
});

test("the server's hint is taken as it is the first time, and never undercut", () => {
  assert.equal(delay(0, 1234, () => 1), 1234);
  assert.equal(delay(0, 0, () => 1), 0);
  assert.deepEqual([1, 3].map((attempt) => delay(attempt, 1234, () => 1)), [1734, 3234]);
  assert.equal(delay(9, 1234, () => 0), 1234);
  assert.equal(delay(0, 1e12), 300_000);
  assert.equal(delay(0, Number.NaN, () => 1), 500);
});
