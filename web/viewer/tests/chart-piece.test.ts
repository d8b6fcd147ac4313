import assert from "node:assert/strict";
import { test } from "node:test";
import type { CountsPage } from "tailcast-client";
import { Piece } from "../src/chart/piece.ts";
import { API } from "./counted.ts";

/** An answer with so many buckets. */
function withBuckets(count: number): CountsPage {
  const buckets = Array.from({ length: count }, () => ({ at: "2026-11-21T12:00:00Z", lines: 1, levels: {} }));
  return { stream: API.name, firstAvailable: 0, from: 0, next: 1, width: 1, buckets };
}

/** How much is asked for after each of so many short answers. */
function sizes(piece: Piece, answers: number): number[] {
  return Array.from({ length: answers }, () => {
    piece.answered("counted", withBuckets(1));
    return piece.size;
  });
}

test("more is asked for at once while answers are short, to a bound", () => {
  assert.deepEqual(sizes(new Piece(), 5), [20_000, 40_000, 80_000, 100_000, 100_000]);
});

test("less is asked for after a long answer, and after one that was crossed or said nothing", () => {
  const piece = new Piece();
  piece.answered("counted", withBuckets(5_000));
  assert.equal(piece.size, 10_000);
  piece.answered("counted", withBuckets(7_501));
  assert.equal(piece.size, 5_000);
  piece.answered("crossed", withBuckets(1));
  assert.equal(piece.size, 2_500);
  for (let i = 0; i < 3; i += 1) piece.answered("nothing", withBuckets(0));
  assert.equal(piece.size, 1_000);
});

test("what was not answered in time is halved, and not soon asked for again", () => {
  const piece = new Piece();
  piece.late(10_000);
  piece.late(5_000);
  assert.equal(piece.size, 2_500);
  assert.deepEqual(new Set(sizes(piece, 31)), new Set([2_500]));
  piece.begin();
  assert.deepEqual(new Set([piece.size, ...sizes(piece, 31)]), new Set([2_500]));
});

test("what was less than could be asked for is halved as it was", () => {
  const piece = new Piece();
  piece.late(6_000);
  assert.equal(piece.size, 3_000);
});

test("a server that answers again and again is asked for more again", () => {
  const piece = new Piece();
  for (let i = 0; i < 10; i += 1) piece.late(piece.size);
  assert.equal(piece.size, 1_000);
  const grown = sizes(piece, 32 * 7);
  assert.deepEqual([grown[30], grown[31], grown[62], grown[63], grown.at(-1)], [1_000, 2_000, 2_000, 4_000, 100_000]);
});
