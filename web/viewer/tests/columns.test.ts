import assert from "node:assert/strict";
import { test } from "node:test";
import { moved, resized } from "../src/page/columns.ts";

const columns = [{ path: "a" }, { path: "b", width: 8 }, { path: "c" }];
const paths = (list: readonly { path: string }[]) => list.map(({ path }) => path).join("");

test("columns are moved within their number", () => {
  const table = [[0, 2, "bca"], [2, 0, "cab"], [1, 1, "abc"], [0, -1, "abc"], [2, 3, "abc"], [7, 0, "abc"]] as const;
  for (const [from, to, expected] of table) assert.equal(paths(moved(columns, from, to)), expected);
});

test("a column keeps a width that can be dragged back", () => {
  assert.equal(resized(columns, 1, 3)[1]?.width, 11);
  assert.equal(resized(columns, 1, -20)[1]?.width, 2);
  assert.equal(resized(columns, 0, 1)[0]?.width, 15);
  assert.equal(resized(columns, 9, 1), columns);
});
