import assert from "node:assert/strict";
import { test } from "node:test";
import type { Level } from "tailcast-client";
import type { LineEntry, Stream } from "../src/buffer/entry.ts";
import { Coverage } from "../src/chart/coverage.ts";
import { BANDS, Histogram, type Bins } from "../src/chart/histogram.ts";

const NOON = Date.parse("2026-11-21T12:00:00Z");
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const API: Stream = { name: "payments/api", colour: 0 };
const WEB: Stream = { name: "web/access", colour: 1 };

function lineAt(stream: Stream, offset: number, at: number, level?: Level): LineEntry {
  const line = { offset, ts: new Date(at).toISOString(), message: "", ...(level ? { level } : {}) };
  return { kind: "line", stream, line, at };
}

/** One line a second from an offset on, which is also the second after noon. */
function seconds(stream: Stream, from: number, to: number, level?: Level): LineEntry[] {
  return Array.from({ length: to - from }, (_, index) => lineAt(stream, from + index, NOON + (from + index) * SECOND, level));
}

function column({ counts }: Bins, band: string): number[] {
  return [...(counts[BANDS.indexOf(band as Level)] as Uint32Array)];
}

test("lines are counted by second and level", () => {
  const histogram = new Histogram();
  histogram.add([lineAt(API, 0, NOON, "info"), lineAt(API, 1, NOON + 999, "error"), lineAt(API, 2, NOON + 2_000), lineAt(WEB, 0, NOON + 500, "info")]);
  const bins = histogram.bins(NOON, NOON + 3 * SECOND, 3);
  assert.deepEqual([bins.from, bins.to, bins.width, bins.most], [NOON, NOON + 3_000, 1_000, 3]);
  assert.deepEqual(column(bins, "info"), [2, 0, 0]);
  assert.deepEqual(column(bins, "error"), [1, 0, 0]);
  assert.deepEqual(column(bins, "none"), [0, 0, 1]);
  assert.deepEqual(histogram.totals, { none: 1, trace: 0, debug: 0, info: 2, warn: 0, error: 1, fatal: 0 });
});

test("a line counts once, however often its range is loaded", () => {
  const histogram = new Histogram();
  histogram.add(seconds(API, 50, 100));
  histogram.add(seconds(API, 0, 75));
  histogram.add(seconds(API, 0, 100));
  histogram.add([...seconds(WEB, 3, 4), ...seconds(WEB, 3, 4)]);
  assert.equal(histogram.totals.none, 101);
});

test("a line that did not match before counts when the run around it was not looked through", () => {
  const histogram = new Histogram();
  histogram.add(seconds(API, 5, 6), [{ stream: API, from: 0, to: 10 }]);
  histogram.add(seconds(API, 7, 8), [{ stream: API, from: 0, to: 10 }]);
  histogram.add(seconds(API, 12, 13), [{ stream: API, from: 10, to: 20 }]);
  assert.equal(histogram.totals.none, 2);
});

test("bins begin at round times, so that they stand still while time goes on", () => {
  const histogram = new Histogram();
  histogram.add(seconds(API, 0, 600));
  const bins = histogram.bins(NOON + 7 * SECOND, NOON + 307 * SECOND, 60);
  assert.deepEqual([bins.from, bins.width], [NOON + 5 * SECOND, 5 * SECOND]);
  assert.deepEqual(new Set(column(bins, "none")), new Set([5]));
});

test("hours of lines cost no more than so many buckets, and none is lost", () => {
  const histogram = new Histogram();
  for (let hour = 0; hour < 48; hour += 1) histogram.add(seconds(API, hour * 3_600, (hour + 1) * 3_600, "info"));
  const bins = histogram.bins(NOON, NOON + 48 * 60 * MINUTE, 48);
  assert.deepEqual(column(bins, "info"), Array.from({ length: 48 }, () => 3_600));
});

test("what is new stays fine, and no bin is finer than what is known of its time", () => {
  const histogram = new Histogram();
  const HOUR = 60 * MINUTE;
  for (let hour = 0; hour < 240; hour += 1) histogram.add(seconds(API, hour * 3_600, (hour + 1) * 3_600, "info"));
  const end = NOON + 240 * HOUR;
  const widthAt = (ago: number) => histogram.bins(end - ago - 5 * MINUTE, end - ago, 300).width / SECOND;
  assert.deepEqual([0, HOUR, 24 * HOUR, 239 * HOUR].map(widthAt), [1, 1, 60, 3_600]);
  // The last goes from where buckets are an hour wide to where they are finer.
  for (const [from, count] of [[NOON, 240], [end - HOUR, 3_600], [end - 200 * HOUR, 5]] as const) {
    const bins = histogram.bins(from, end, count);
    assert.equal(column(bins, "info").reduce((a, b) => a + b), (end - bins.from) / SECOND);
  }
});

test("hours that are loaded from the last to the first are kept alike", () => {
  const histogram = new Histogram();
  for (let hour = 9; hour >= 0; hour -= 1) histogram.add(seconds(API, hour * 3_600, (hour + 1) * 3_600, "info"));
  const end = NOON + 600 * MINUTE;
  assert.equal(histogram.bins(end - 5 * MINUTE, end, 300).width, SECOND);
  assert.deepEqual(column(histogram.bins(NOON, end, 10), "info"), Array.from({ length: 10 }, () => 3_600));
});

test("a line of another century costs the others no resolution", () => {
  const histogram = new Histogram();
  histogram.add([lineAt(API, 0, Date.parse("1970-01-01T00:00:00Z")), lineAt(API, 1, Date.parse("9999-12-31T23:59:59Z"))]);
  histogram.add(seconds(API, 2, 62));
  assert.equal(histogram.bins(NOON, NOON + MINUTE, 60).width, SECOND);
  assert.deepEqual(histogram.extent, { from: 0, to: Date.parse("9999-12-31T23:59:59Z") + SECOND });
});

test("times all over the place are bounded too", () => {
  const histogram = new Histogram();
  const lines = Array.from({ length: 50_000 }, (_, offset) => lineAt(API, offset, ((offset * 7_919) % 50_000) * 5_000_000_000));
  histogram.add(lines);
  const { from, to } = histogram.extent as { from: number; to: number };
  assert.equal(histogram.bins(from, to, 10).counts[0]?.reduce((a, b) => a + b), 50_000);
});

test("what is not loaded is not known, and never zero", () => {
  const histogram = new Histogram();
  assert.deepEqual(histogram.bins(NOON, NOON + 2 * SECOND, 2).known, [false, false]);
  histogram.add(seconds(API, 10, 20));
  histogram.add(seconds(API, 30, 40));
  const known = histogram.bins(NOON, NOON + 60 * SECOND, 6).known;
  assert.deepEqual(known, [false, true, false, true, false, false]);
});

test("a loaded hole is known, also when it has no line", () => {
  const histogram = new Histogram();
  histogram.add([lineAt(API, 0, NOON), lineAt(API, 1, NOON + 59 * SECOND)]);
  assert.deepEqual(histogram.bins(NOON, NOON + MINUTE, 6).known, [true, true, true, true, true, true]);
});

test("live, all until now is known, and before the first line kept there is nothing", () => {
  const histogram = new Histogram();
  histogram.add(seconds(API, 20, 21));
  histogram.arrivedUntil(NOON + 42 * SECOND);
  assert.deepEqual(histogram.bins(NOON, NOON + MINUTE, 6).known, [false, false, true, true, true, false]);
  histogram.beginsAt("payments/api", 20);
  assert.deepEqual(histogram.bins(NOON, NOON + MINUTE, 6).known, [true, true, true, true, true, false]);
});

test("a filter that nothing matches is known from the time on that it is followed", () => {
  const histogram = new Histogram();
  histogram.arrivedUntil(NOON + 10 * SECOND);
  histogram.add([], [{ stream: API, from: 100, to: 200 }]);
  histogram.arrivedUntil(NOON + 30 * SECOND);
  assert.deepEqual(histogram.bins(NOON, NOON + 40 * SECOND, 4).known, [false, true, true, true]);
});

test("several streams are known where all of them are", () => {
  const histogram = new Histogram();
  histogram.add(seconds(API, 0, 60));
  histogram.add(seconds(WEB, 30, 60));
  assert.deepEqual(histogram.bins(NOON, NOON + MINUTE, 6).known, [false, false, false, true, true, true]);
});

test("a stream of which nothing is loaded yet is not known, and one that has nothing is", () => {
  const histogram = new Histogram();
  histogram.begins("payments/api", 0, 60);
  histogram.begins("web/access", 0, 10);
  histogram.begins("jobs/night", 0, 0);
  histogram.add(seconds(API, 0, 60), [{ stream: API, from: 0, to: 60 }]);
  assert.deepEqual(histogram.bins(NOON, NOON + MINUTE, 2).known, [false, false]);
  histogram.add([lineAt(WEB, 9, NOON)], [{ stream: WEB, from: 0, to: 10 }]);
  histogram.arrivedUntil(NOON + MINUTE);
  assert.deepEqual(histogram.bins(NOON, NOON + MINUTE, 2).known, [true, true]);
});

test("a stream that has no line among what was loaded is known there", () => {
  const histogram = new Histogram();
  histogram.begins("payments/api", 0, 100);
  histogram.begins("web/access", 0, 10);
  histogram.add(seconds(API, 70, 100), [{ stream: API, from: 70, to: 100 }, { stream: WEB, from: 10, to: 10 }]);
  histogram.arrivedUntil(NOON + 120 * SECOND);
  assert.deepEqual(histogram.bins(NOON + 50 * SECOND, NOON + 100 * SECOND, 5).known, [false, false, true, true, true]);
  histogram.add(seconds(API, 60, 70), [{ stream: API, from: 60, to: 70 }, { stream: WEB, from: 10, to: 10 }]);
  assert.deepEqual(histogram.bins(NOON + 50 * SECOND, NOON + 100 * SECOND, 5).known, [false, true, true, true, true]);
});

test("lines of another store count, whatever offsets they have", () => {
  const histogram = new Histogram();
  histogram.begins("payments/api", 0, 100);
  histogram.add(seconds(API, 90, 100), [{ stream: API, from: 90, to: 100 }]);
  histogram.renew("payments/api", 95);
  histogram.add(seconds(API, 93, 97), [{ stream: API, from: 93, to: 97 }]);
  assert.equal(histogram.totals.none, 12);
  histogram.renew("payments/api", 0);
  histogram.begins("payments/api", 0, 5);
  histogram.add(seconds(API, 0, 5), [{ stream: API, from: 0, to: 5 }]);
  assert.equal(histogram.totals.none, 17);
  histogram.arrivedUntil(NOON + MINUTE);
  assert.deepEqual(histogram.bins(NOON, NOON + MINUTE, 2).known, [true, true]);
});

test("what is between runs of offsets is told, the newest first", () => {
  const coverage = new Coverage();
  for (const [from, to] of [[90, 100], [60, 70], [20, 30], [100, 100]] as const) coverage.add(from, to, from * 10, to * 10);
  assert.deepEqual([...coverage.gaps(5)], [{ from: 70, to: 90, before: 900 }, { from: 30, to: 60, before: 600 }, { from: 5, to: 20, before: 200 }]);
  assert.deepEqual([...coverage.gaps(65)], [{ from: 70, to: 90, before: 900 }]);
  coverage.add(40, 50);
  assert.deepEqual([...coverage.gaps(30)].map(({ from, before }) => [from, before]), [[70, 900], [50, 600], [30, 600]]);
  assert.deepEqual([[69, 75], [70, 90], [85, 91], [0, 5], [95, 96]].map(([from = 0, to = 0]) => coverage.hasAny(from, to)), [true, false, true, false, true]);
});

test("runs of offsets grow together, in whatever order they come", () => {
  const coverage = new Coverage();
  for (const [from, to] of [[30, 40], [0, 10], [10, 20], [50, 60], [15, 35]] as const) coverage.add(from, to, from, to);
  assert.deepEqual(coverage.spans, [
    { from: 0, to: 40, start: 0, end: 40 },
    { from: 50, to: 60, start: 50, end: 60 },
  ]);
  const has = Array.from({ length: 70 }, (_, offset) => coverage.has(offset));
  assert.deepEqual(has, Array.from({ length: 70 }, (_, offset) => offset < 40 || (offset >= 50 && offset < 60)));
});

test("thousands of runs of offsets stay apart, so that what is between them is not taken as counted", () => {
  const coverage = new Coverage();
  for (let offset = 0; offset < 30_000; offset += 3) coverage.add(offset, offset + 1, offset);
  assert.equal([...coverage.gaps(0)].reduce((sum, { from, to }) => sum + to - from, 0), 2 * 9_999);
});

test("runs of offsets are bounded", () => {
  const coverage = new Coverage();
  for (let offset = 40_000; offset > 0; offset -= 3) coverage.add(offset, offset + 1, offset);
  assert.ok(coverage.spans.length <= 10_000);
  assert.ok(coverage.has(40_000) && coverage.has(1));
});
