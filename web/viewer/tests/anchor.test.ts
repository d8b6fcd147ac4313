import assert from "node:assert/strict";
import { test } from "node:test";
import { clamped, far, fits, gaps, spanAround } from "../src/list/anchor.ts";

const measures = { height: 100, row: 20 };

test("the rows around an anchor fill the window, and a few more", () => {
  assert.equal(fits(measures), 6);
  assert.deepEqual(spanAround(50, 0, measures, 200), { first: 46, count: 13 });
  assert.deepEqual(spanAround(50, 60, measures, 200), { first: 43, count: 13 });
  assert.deepEqual(spanAround(0, 0, measures, 3), { first: 0, count: 3 });
  assert.deepEqual(spanAround(199, 0, measures, 200), { first: 195, count: 5 });
});

test("the ends of the log do not leave the window's", () => {
  const ends = { tops: [0, 20, 40, 60, 80, 100, 120], rows: 6, span: { first: 0, count: 6 } };
  assert.deepEqual(clamped(30, ends, 100), { top: 0, end: false });
  assert.deepEqual(clamped(-10, ends, 100), { top: -10, end: false });
  assert.deepEqual(clamped(-50, ends, 100), { top: -20, end: true });
  const short = { tops: [0, 20], rows: 1, span: { first: 0, count: 1 } };
  assert.deepEqual(clamped(-5, short, 100), { top: 0, end: true });
  const middle = { tops: [0, 20, 40], rows: 9, span: { first: 3, count: 2 } };
  assert.deepEqual(clamped(-90, middle, 100), { top: -90, end: false });
});

test("room for rows that were not painted is noticed", () => {
  const tops = [0, 20, 40];
  assert.ok(gaps(0, { tops, rows: 9, span: { first: 0, count: 2 } }, 100));
  assert.ok(gaps(30, { tops, rows: 9, span: { first: 7, count: 2 } }, 60));
  assert.ok(!gaps(0, { tops, rows: 2, span: { first: 0, count: 2 } }, 100));
});

test("only a long way is gone without measuring", () => {
  assert.equal(far(-200, measures), 0);
  assert.equal(far(-2_000, measures), 100);
  assert.equal(far(2_000, measures), -100);
});
