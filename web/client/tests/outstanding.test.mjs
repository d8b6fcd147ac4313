// How many lines are still to come.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Outstanding } from "../dist/outstanding.js";

test("what remains is counted from the cursors up to the heads that are not reached", () => {
  const outstanding = new Outstanding();
  outstanding.expect("a", 100);
  outstanding.expect("b", 7);
  // Of a stream without a cursor nothing is known.
  assert.equal(outstanding.remaining(new Map([["a", 40]])), 60);
  // Who is beyond a head has nothing to wait for.
  assert.equal(outstanding.remaining(new Map([["a", 99], ["b", 9]])), 1);
  outstanding.reached("a");
  assert.equal(outstanding.none, false);
  outstanding.reached("b");
  assert.equal(outstanding.none, true);
});

test("a stream that begins anew is expected as far as it was read, or as its head was", () => {
  const outstanding = new Outstanding();
  outstanding.expectAgain("a", 50);
  assert.equal(outstanding.remaining(new Map([["a", 10]])), 40);
  outstanding.expect("a", 80);
  outstanding.expectAgain("a", 50);
  assert.equal(outstanding.remaining(new Map([["a", 10]])), 70);
});

test("what waits behind a pause is the last count of each stream, until it flows again", () => {
  const outstanding = new Outstanding();
  outstanding.waits("a", 3);
  outstanding.waits("b", 4);
  outstanding.waits("a", 5);
  assert.equal(outstanding.behind, 9);
  outstanding.forget("b");
  assert.equal(outstanding.behind, 5);
  outstanding.flows();
  assert.equal(outstanding.behind, 0);
});
