import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf } from "../src/buffer/entry.ts";

test("a line is named by its stream and offset", () => {
  const line = { offset: 7, ts: "2026-01-01T00:00:00Z", message: "" };
  assert.equal(keyOf({ kind: "line", stream: { name: "a/b", colour: 0 }, line, at: 0 }), "a/b#7");
});
