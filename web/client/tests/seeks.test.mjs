// Seeks, and who is told what came of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Seeks } from "../dist/seeks.js";

const seek = (stream, told) => ({ stream, to: 0, resolve: () => told.push(stream), reject: ({ code, details }) => told.push(`${code} ${details.stream}`) });

test("each subscription's seeks are answered in the order in which they were asked for", () => {
  const [seeks, told] = [new Seeks(), []];
  for (const [id, stream] of [["1", "a"], ["2", "b"], ["1", "c"]]) seeks.add(id, seek(stream, told));
  for (const id of ["1", "2", "1"]) seeks.next(id)?.resolve();
  assert.deepEqual(told, ["a", "b", "c"]);
  assert.equal(seeks.next("1"), undefined);
});

test("seeks fail when the connection ends before their answer", () => {
  const [seeks, told] = [new Seeks(), []];
  for (const [id, stream] of [["1", "a"], ["1", "b"]]) seeks.add(id, seek(stream, told));
  seeks.next("1")?.resolve();
  seeks.abandon();
  assert.deepEqual(told, ["a", "offline b"]);
  assert.equal(seeks.next("1"), undefined);
});
