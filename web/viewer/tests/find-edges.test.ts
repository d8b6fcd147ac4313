import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer } from "../src/buffer/buffer.ts";
import { edges } from "../src/find/edges.ts";
import { A, B, hole, line } from "./samples.ts";

test("the store is searched from the nearest lines that the tab has not, on the side that is asked for", () => {
  const buffer = new Buffer();
  buffer.append([hole([[A, 0, 10], [B, 0, 5]]), line(A, 10), hole([[A, 11, 20]], "between"), line(A, 20), hole([[A, 21, 30], [B, 5, 9]], "trimmed"), line(A, 30)]);
  const { chunks } = buffer;
  const reading = buffer.find("a", 20)?.chunk;
  assert.deepEqual(edges(chunks, reading, "earlier"), [{ name: "a", offset: 20 }, { name: "b", offset: 5 }]);
  assert.deepEqual(edges(chunks, reading, "later"), [{ name: "a", offset: 21, to: 30 }, { name: "b", offset: 5, to: 9 }]);
  assert.deepEqual(edges(chunks, buffer.find("a", 10)?.chunk, "later"), [{ name: "a", offset: 11, to: 30 }, { name: "b", offset: 5, to: 9 }]);
  assert.deepEqual(edges(chunks, undefined, "earlier")[0], { name: "a", offset: 30 });
  assert.deepEqual(edges(chunks, undefined, "later"), []);
});

test("where the tab has all lines there is nothing to search in the store", () => {
  const buffer = new Buffer();
  buffer.append([line(A, 0), line(A, 1)]);
  assert.deepEqual(edges(buffer.chunks, undefined, "earlier"), []);
  assert.deepEqual(edges(buffer.chunks, buffer.chunks[0], "later"), []);
});
