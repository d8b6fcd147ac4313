import assert from "node:assert/strict";
import { test } from "node:test";
import type { LineEntry } from "../src/buffer/entry.ts";
import { heard } from "../src/row/heard.ts";
import { A, hole, line } from "./samples.ts";

test("a line is heard with its level and the beginning of its message", () => {
  const entry = line(A, 3, 3, "x".repeat(1_000));
  const grave: LineEntry = { ...entry, line: { ...entry.line, level: "error" } };
  assert.equal(heard(grave), `error ${"x".repeat(300)}`);
  assert.deepEqual([heard(undefined), heard(hole([[A, 0, 3]]))], ["", ""]);
});

test("who hears a line that the filter could not decide is told so", () => {
  const entry = line(A, 3);
  const undecided: LineEntry = { ...entry, line: { ...entry.line, undecided: true } };
  assert.equal(heard(undecided), " a3. The filter gave up on this line: perhaps it is not what was asked for.");
});
