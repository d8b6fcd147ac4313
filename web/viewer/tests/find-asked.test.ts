import assert from "node:assert/strict";
import { test } from "node:test";
import { askedBy } from "../src/find/asked.ts";

test("what a filter looks for in messages is what it asks for, and nothing that it leaves out", () => {
  const told: Record<string, readonly string[]> = {
    'timeout "not found" level>=warn user:ann': ["timeout", "not found"],
    "-healthz a": ["a"],
    "-(a OR b) c": ["c"],
    "-(a -(b c)) d": ["b", "c", "d"],
    "a OR (b -c)": ["a", "b"],
    "*Exception*": ["Exception"],
    "": [],
  };
  for (const [filter, texts] of Object.entries(told)) assert.deepEqual([filter, askedBy(filter).map(({ text }) => text)], [filter, texts]);
  assert.deepEqual(askedBy("/time[ds]? out/ x").map(({ regex, matchCase }) => [regex, matchCase]), [[true, true], [false, false]]);
});
