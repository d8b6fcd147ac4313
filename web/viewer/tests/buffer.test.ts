import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer } from "../src/buffer/buffer.ts";
import { size } from "../src/buffer/chunk.ts";
import type { Entry } from "../src/buffer/entry.ts";
import { A, B, hole, line, lines, told } from "./samples.ts";

/** Chunks in a few words: the first and the last entry of each. */
function shape(buffer: Buffer): string {
  return buffer.chunks.map(({ entries }) => (entries.length > 2 ? `${told([entries[0] as Entry])}…${told([entries.at(-1) as Entry])}` : told(entries))).join(" | ");
}

test("what is read stays where it is when earlier lines come before it", () => {
  const buffer = new Buffer();
  buffer.earlier([{ stream: A, from: 0, to: 5 }]);
  buffer.append(lines(A, 5, 8));
  const place = buffer.at(2);
  assert.ok(place);
  const [before] = buffer.entries();
  assert.ok(before?.kind === "hole" && buffer.replace(before, [hole([[A, 0, 3]]), ...lines(A, 3, 5)]));
  assert.equal(told(buffer.entries()), "[a0-2] a3 a4 a5 a6 a7");
  assert.equal(buffer.rowOf(place), 4);
  assert.equal(buffer.at(4)?.entry, place.entry);
});

test("the kept lines of streams that are met one after the other are one hole at the front", () => {
  const buffer = new Buffer();
  buffer.earlier([{ stream: A, from: 0, to: 5 }]);
  buffer.append(lines(A, 5, 6));
  buffer.earlier([{ stream: B, from: 2, to: 4 }]);
  assert.equal(told(buffer.entries()), "[a0-4 b2-3] a5");
});

test("while the rear is followed the oldest lines are let go of, and a hole says so", () => {
  const buffer = new Buffer({ lines: 10_000, characters: Infinity });
  buffer.earlier([{ stream: A, from: 0, to: 100 }]);
  for (let offset = 100; offset < 15_100; offset += 100) {
    buffer.append(lines(A, offset, offset + 100));
    buffer.trim(undefined);
  }
  assert.ok(buffer.lines <= 10_000 && buffer.lines > 9_000);
  const [front] = buffer.entries();
  assert.ok(front?.kind === "hole" && front.reason === "trimmed");
  assert.equal(size(front.runs) + buffer.lines, 15_100);
});

test("what a reader reads is not let go of, and neither is the live end: a hole between them takes what comes", () => {
  const buffer = new Buffer({ lines: 20_000, characters: Infinity });
  buffer.append(lines(A, 0, 20_000));
  const reading = buffer.chunks[2];
  for (let offset = 20_000; offset < 60_000; offset += 1_000) {
    buffer.append(lines(A, offset, offset + 1_000));
    buffer.trim(reading);
  }
  assert.ok(reading && buffer.chunks.includes(reading));
  assert.ok(buffer.lines <= 20_000);
  assert.equal(buffer.chunks.filter((chunk) => chunk.hole).length, 1);
  const offsets = [...buffer.entries()].flatMap((entry) => (entry.kind === "line" ? [entry.line.offset] : entry.kind === "hole" ? entry.runs.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)) : []));
  assert.deepEqual(offsets, Array.from({ length: 60_000 }, (_, i) => i));
  assert.equal(shape(buffer).split(" | ")[0], "a0…a999");
});

test("long lines are bounded by what they hold, not by how many they are", () => {
  const buffer = new Buffer({ lines: 200_000, characters: 20_000_000 });
  for (let offset = 0; offset < 500; offset++) {
    buffer.append([line(A, offset, offset, "x".repeat(200_000))]);
    buffer.trim(undefined);
  }
  assert.ok(buffer.lines <= 101 && buffer.lines > 80, String(buffer.lines));
});

test("streams that are not shown leave no row and stay in the log", () => {
  const buffer = new Buffer();
  buffer.append([line(A, 0), line(B, 0), line(A, 1), line(B, 1)]);
  buffer.show((entry) => entry.kind !== "line" || entry.stream !== A);
  assert.equal(buffer.length, 2);
  assert.equal(told(buffer.slice(0, 9).map(({ entry }) => entry)), "b0 b1");
  const hidden = { chunk: buffer.chunks[0]!, entry: buffer.chunks[0]!.entries[2]! };
  assert.equal(buffer.rowOf(hidden), 1);
  buffer.append([line(B, 2)]);
  assert.equal(told(buffer.slice(1, 9).map(({ entry }) => entry)), "b1 b2");
  buffer.show(undefined);
  assert.equal(buffer.length, 5);
});

test("rows are found by their number over all chunks", () => {
  const buffer = new Buffer();
  buffer.append(lines(A, 0, 3_500));
  for (const row of [0, 999, 1_000, 2_345, 3_499]) {
    const place = buffer.at(row);
    assert.ok(place && place.entry.kind === "line");
    assert.equal(place.entry.line.offset, row);
    assert.equal(buffer.rowOf(place), row);
  }
  assert.equal(buffer.at(3_500), undefined);
  assert.equal(told(buffer.slice(998, 4).map(({ entry }) => entry)), "a998 a999 a1000 a1001");
});
