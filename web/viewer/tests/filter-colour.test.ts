import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces } from "../src/filter/colour.ts";

test("the character that cannot be there stands alone", () => {
  const table: [string, number | undefined, string[]][] = [
    ["a:b c", undefined, ["a", ":", "b", " ", "c"]],
    ["level>=loud", 7, ["level", ">=", "[l]", "oud"]],
    ["a )", 2, ["a", " ", "[)]"]],
    ["😀 abc", 3, ["😀", " ", "a", "[b]", "c"]],
    ["a OR", 4, ["a", " ", "OR", "[ ]"]],
    ["a", 9, ["a", "[ ]"]],
    ["", undefined, []],
  ];
  for (const [text, position, expected] of table) {
    assert.deepEqual(pieces(text, position).map(({ text, fault }) => (fault ? `[${text}]` : text)), expected, text);
  }
});
