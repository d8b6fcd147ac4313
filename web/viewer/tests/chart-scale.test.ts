import assert from "node:assert/strict";
import { test } from "node:test";
import { unknownStretches } from "../src/chart/draw.ts";
import { BANDS, type Bins } from "../src/chart/histogram.ts";
import { countText, countTicks, pixelOf, rangeFor, spansFor, timeAt, timeText, timeTicks, widthText, type Sight } from "../src/chart/scale.ts";
import { binAt, summary, valueText } from "../src/chart/words.ts";

const at = (time: string): number => Date.parse(time);
const NOON = at("2026-11-21T12:00:00Z");
const MINUTE = 60_000;

test("what a bar is of is told in a unit that people have", () => {
  const table: readonly [number, string][] = [
    [50, "0.05 s"],
    [1_000, "1 s"],
    [30_000, "30 s"],
    [90_000, "90 s"],
    [150_000, "150 s"],
    [300_000, "5 min"],
    [7_200_000, "2 h"],
    [86_400_000, "1 d"],
    [1_392_396_000, "about 16.1 d"],
    [10_000_000, "about 2.8 h"],
  ];
  for (const [ms, words] of table) assert.equal(widthText(ms), words);
});

test("round times are ticked, on the zone's own clock", () => {
  const range = { from: NOON, to: NOON + 15 * MINUTE };
  assert.deepEqual(timeTicks(range, 4, "utc").map(({ text }) => text), ["12:00", "12:05", "12:10", "12:15"]);
  const day = { from: at("2026-11-20T23:00:00Z"), to: at("2026-11-21T23:00:00Z") };
  // Kathmandu is ahead by 5:45, and the ticks are its own hours.
  const ticks = timeTicks(day, 4, "Asia/Kathmandu");
  assert.deepEqual(ticks.map(({ text }) => text), ["06:00", "12:00", "18:00", "11-22"]);
  assert.equal(ticks[0]?.at, at("2026-11-21T00:15:00Z"));
});

test("ticks go over the hour that is put back", () => {
  const range = { from: at("2026-10-24T22:00:00Z"), to: at("2026-10-25T05:00:00Z") };
  const ticks = timeTicks(range, 8, "Europe/Paris");
  assert.deepEqual(ticks.map(({ text }) => text), ["10-25", "01:00", "02:00", "03:00", "04:00", "05:00", "06:00"]);
  assert.ok(ticks.every((tick, i) => i === 0 || tick.at > (ticks[i - 1]?.at ?? 0)));
});

test("there are never more ticks than asked for, from seconds to centuries", () => {
  for (let ms = 2_000; ms < 3e12; ms *= 3) {
    const ticks = timeTicks({ from: NOON, to: NOON + ms }, 6, "utc");
    assert.ok(ticks.length >= 1 && ticks.length <= 7, `${ms} has ${ticks.length}`);
  }
});

const COUNTS: [number, number[]][] = [[0, []], [1, [1]], [3, [2]], [10, [5, 10]], [97, [50]], [100, [50, 100]], [12_345, [10_000]]];

for (const [most, ticks] of COUNTS) {
  test(`up to ${most} lines are ticked at ${ticks.join(", ") || "nothing"}`, () => assert.deepEqual(countTicks(most, 2), ticks));
}

test("large counts are short", () => {
  assert.deepEqual([0, 999, 1_000, 3_456, 2_000_000, 5e9].map(countText), ["0", "999", "1k", "3.46k", "2M", "5G"]);
});

test("pixels and times are each other's inverse, and no time is out of range", () => {
  const range = { from: NOON, to: NOON + 1_000 };
  assert.equal(pixelOf(NOON + 250, range, 400), 100);
  assert.equal(timeAt(100, range, 400), NOON + 250);
  assert.deepEqual([timeAt(-5, range, 400), timeAt(999, range, 400)], [NOON, NOON + 1_000]);
});

test("a time has its date when it is of another day", () => {
  assert.equal(timeText(NOON, "utc", NOON + MINUTE), "12:00:00");
  assert.equal(timeText(NOON, "utc", NOON + 24 * 60 * MINUTE, false), "2026-11-21 12:00");
});

const SIGHT: Sight = { span: "5m", live: true, now: NOON, visible: undefined, extent: undefined, before: undefined };
const FIVE = 5 * MINUTE;

test("live, the chart moves", () => {
  assert.deepEqual(rangeFor(SIGHT), { from: NOON - FIVE, to: NOON });
  assert.deepEqual(rangeFor({ ...SIGHT, now: NOON + 1_000 }), { from: NOON + 1_000 - FIVE, to: NOON + 1_000 });
});

test("it stands still while what is read is in it, and follows when it is not", () => {
  const before = { from: NOON - FIVE, to: NOON };
  const reading = (time: number) => ({ from: time, to: time + 1_000 });
  const sight = { ...SIGHT, live: false, now: NOON + MINUTE, before };
  assert.deepEqual(rangeFor({ ...sight, visible: reading(NOON - MINUTE) }), before);
  const hourAgo = rangeFor({ ...sight, visible: reading(NOON - 60 * MINUTE) });
  assert.deepEqual(hourAgo, { from: NOON - 62.5 * MINUTE + 500, to: NOON - 57.5 * MINUTE + 500 });
  assert.deepEqual(rangeFor({ ...sight, visible: reading(NOON + MINUTE - 1_000) }), { from: NOON + MINUTE - FIVE, to: NOON + MINUTE });
});

test("all that is counted is from the first line to the last, or to now", () => {
  const extent = { from: NOON - 10 * MINUTE, to: NOON - 8 * MINUTE };
  assert.deepEqual(rangeFor({ ...SIGHT, span: "all", live: false, extent }), extent);
  assert.deepEqual(rangeFor({ ...SIGHT, span: "all", extent }), { from: extent.from, to: NOON });
  assert.deepEqual(rangeFor({ ...SIGHT, span: "all" }), { from: NOON - FIVE, to: NOON });
});

function binsOf(counts: Record<string, number[]>, known: boolean[]): Bins {
  const columns = BANDS.map((band) => Uint32Array.from(counts[band] ?? known.map(() => 0)));
  const most = Math.max(...known.map((_, bin) => columns.reduce((sum, column) => sum + (column[bin] ?? 0), 0)));
  return { from: NOON, to: NOON + known.length * 1_000, width: 1_000, counts: columns, known, most };
}

const BINS = binsOf({ info: [5, 0, 1_000], error: [2, 0, 0], none: [0, 0, 1] }, [true, false, true]);

test("a bin is told in words, the gravest first", () => {
  assert.deepEqual(binAt(NOON + 300, BINS, "utc", NOON), {
    from: "12:00:00", to: "12:00:01", known: true, all: 7, bands: [{ band: "error", count: 2 }, { band: "info", count: 5 }],
  });
  assert.equal(valueText(NOON + 300, BINS, "utc", NOON), "12:00:00, 7 lines, 2 error");
  assert.equal(valueText(NOON + 1_300, BINS, "utc", NOON), "12:00:01, 0 lines, not all counted");
});

test("a bin of minutes is told without seconds, and its day once", () => {
  const day = { ...BINS, from: NOON - 24 * 60 * MINUTE, width: 30 * MINUTE };
  const { from, to } = binAt(day.from, day, "utc", NOON);
  assert.deepEqual([from, to], ["2026-11-20 12:00", "12:30"]);
  assert.equal(binAt(day.from, { ...day, width: 24 * 60 * MINUTE }, "utc", NOON).to, "2026-11-21 12:00");
});

test("long spans are offered when there is more than the one before shows", () => {
  const offered = (hours: number, chosen: Sight["span"] = "all") => spansFor({ from: NOON - hours * 60 * MINUTE, to: NOON }, NOON, chosen).map(({ words }) => words).slice(4);
  assert.deepEqual([offered(5), offered(7), offered(25), offered(5, "7d")], [["All"], ["24 h", "All"], ["24 h", "7 d", "All"], ["7 d", "All"]]);
  assert.deepEqual(spansFor(undefined, NOON, "all").length, 5);
});

test("the chart is told in words", () => {
  assert.equal(
    summary(BINS, "utc", NOON),
    "12:00:00 to 12:00:03: 1,008 lines (2 error, 1,005 info, 1 no level). The most at once: 1,001 lines at 12:00:02. 33% of this time is not counted.",
  );
});

test("stretches that are not known are hatched until now, not in the future", () => {
  const bins = binsOf({}, [false, false, true, false, false]);
  const range = { from: NOON, to: NOON + 5_000 };
  assert.deepEqual(unknownStretches({ bins, range, width: 500, now: NOON + 3_500 }), [[0, 200], [300, 350]]);
});
