import assert from "node:assert/strict";
import { test } from "node:test";
import type { LineEntry, Run } from "../src/buffer/entry.ts";
import { BANDS, Histogram } from "../src/chart/histogram.ts";
import { nextQuestion, progress, take, type Question } from "../src/chart/stored.ts";
import { API, type Bounds, counted, lineAt, NOON, upToNoon, WEB } from "./counted.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ALL: ReadonlySet<string> = new Set();

/** A histogram of streams that are followed from their last line on. */
function following(...logs: readonly LineEntry[][]): Histogram {
  const histogram = new Histogram();
  for (const log of logs) histogram.begins((log[0] as LineEntry).stream.name, 0, log.length);
  histogram.arrivedUntil(NOON);
  return histogram;
}

/** The tab loads a range, with the filter where there is one. */
function loads(histogram: Histogram, log: readonly LineEntry[], from: number, to: number, matches = (_: LineEntry) => true): void {
  const runs: Run[] = [{ stream: (log[0] as LineEntry).stream, from, to }];
  histogram.add(log.slice(from, to).filter(matches), runs);
}

/** Asks until all is counted: how often, and how far it was each time. */
function countAll(histogram: Histogram, kept: readonly LineEntry[], bounds: Bounds & { piece?: number; between?: (asked: number) => unknown } = {}): { asked: number; back: (number | undefined)[] } {
  const { piece = 10_000, between = () => {} } = bounds;
  const back: (number | undefined)[] = [];
  for (let asked = 0; ; asked += 1) {
    assert.ok(asked < 1_000, "it comes to an end");
    const question = nextQuestion(histogram, ALL, piece);
    if (!question) return { asked, back };
    const answer = counted(kept, question, bounds);
    between(asked);
    take(histogram, question, answer);
    back.push(progress(histogram, ALL).since);
  }
}

/** What a histogram has when every one of the lines was counted once. */
function exact(kept: readonly LineEntry[]): object {
  const totals = Object.fromEntries(BANDS.map((band) => [band, kept.filter(({ line }) => (line.level ?? "none") === band).length]));
  return { totals, sum: kept.length, known: true, share: 1 };
}

function stateOf(histogram: Histogram, hours = 3): object {
  const bins = histogram.bins(NOON - hours * HOUR, NOON, 12);
  const sum = bins.counts.reduce((all, column) => all + column.reduce((a, b) => a + b, 0), 0);
  return { totals: histogram.totals, sum, known: bins.known.every(Boolean), share: progress(histogram, ALL).share };
}

/** What the tab has, and what bounds the answers. */
const TABLE: readonly [name: string, loaded: readonly (readonly [number, number])[], bounds: Bounds & { piece?: number }][] = [
  ["nothing is loaded", [], {}],
  ["the end is loaded", [[9_400, 10_000]], {}],
  ["the beginning is loaded", [[0, 600]], {}],
  ["here and there something is loaded", [[9_400, 10_000], [5_000, 5_600], [5_600, 5_700], [0, 1]], { piece: 2_000 }],
  ["all is loaded", [[0, 10_000]], {}],
  ["answers end early", [[9_400, 10_000]], { looked: 700 }],
  ["answers have few buckets", [[9_400, 10_000], [3_000, 3_001]], { buckets: 100 }],
];

for (const [name, loaded, bounds] of TABLE) {
  test(`every line counts once, and all is known: ${name}`, () => {
    const log = upToNoon(API, 10_000);
    const histogram = following(log);
    for (const [from, to] of loaded) loads(histogram, log, from, to);
    const { asked } = countAll(histogram, log, bounds);
    assert.deepEqual(stateOf(histogram), exact(log));
    for (const [from, to] of [[0, 10_000], [4_000, 8_000]] as const) loads(histogram, log, from, to);
    assert.deepEqual(stateOf(histogram), exact(log));
    assert.equal(asked > 0, !loaded.some(([from, to]) => to - from === 10_000));
  });
}

test("lines that are loaded while an answer is on its way count once", () => {
  const log = upToNoon(API, 10_000);
  const histogram = following(log);
  const { asked } = countAll(histogram, log, { piece: 4_000, between: (question) => question < 4 && loads(histogram, log, question * 2_500, question * 2_500 + 600) });
  assert.deepEqual(stateOf(histogram), exact(log));
  assert.ok(asked > 3);
});

test("an answer that crosses what was loaded is dropped, and what is left is asked for", () => {
  const log = upToNoon(API, 10_000);
  const histogram = following(log);
  const question: Question = { stream: API.name, from: 0, to: 10_000, width: 1 };
  assert.deepEqual(nextQuestion(histogram, ALL, 10_000), question);
  const answer = counted(log, question);
  loads(histogram, log, 5_000, 5_001);
  assert.equal(take(histogram, question, answer), "crossed");
  assert.deepEqual(histogram.totals, { none: 0, trace: 0, debug: 0, info: 1, warn: 0, error: 0, fatal: 0 });
  assert.deepEqual(nextQuestion(histogram, ALL, 10_000), { ...question, from: 5_001 });
});

test("what comes live is not asked for, and counts", () => {
  const log = upToNoon(API, 5_000);
  const histogram = following(log.slice(0, 4_000));
  countAll(histogram, log, { piece: 1_000, between: (question) => loads(histogram, log, 4_000 + question * 100, 4_100 + question * 100) });
  loads(histogram, log, 4_000, 5_000);
  assert.deepEqual(stateOf(histogram), exact(log));
});

test("streams are counted together, backward in time", () => {
  const logs = [upToNoon(API, 6_000), upToNoon(WEB, 600, 10_000)];
  const histogram = following(...logs);
  for (const log of logs) loads(histogram, log, log.length - 10, log.length);
  const { back } = countAll(histogram, logs.flat(), { piece: 500 });
  assert.deepEqual(stateOf(histogram), exact(logs.flat()));
  const times = back.slice(0, -1) as number[];
  assert.deepEqual(times, times.toSorted((a, b) => b - a));
});

test("with a filter, what matches counts, and what was looked through is not asked for", () => {
  const log = upToNoon(API, 10_000);
  const matches = ({ line }: LineEntry) => line.level === "error" && line.offset < 9_000;
  const histogram = following(log);
  loads(histogram, log, 9_900, 10_000, matches);
  countAll(histogram, log, { matches, piece: 1_000 });
  assert.deepEqual(stateOf(histogram), exact(log.filter(matches)));
  assert.equal(nextQuestion(histogram, ALL, 1_000), undefined);
});

test("what retention takes away is not waited for, and stays unknown where lines were", () => {
  const log = upToNoon(API, 10_000);
  const histogram = following(log);
  loads(histogram, log, 9_000, 10_000);
  loads(histogram, log, 100, 200);
  const { asked } = countAll(histogram, log, { firstAvailable: 8_500, piece: 400 });
  assert.deepEqual([asked, progress(histogram, ALL).share, histogram.totals.error], [2, 1, 320]);
  assert.deepEqual(histogram.bins(NOON - 10_800_000, NOON, 12).known, [true, ...Array.from({ length: 9 }, () => false), true, true]);
  histogram.beginsAt(API.name, 9_500);
  assert.equal(progress(histogram, ALL).share, 1);
});

test("days are asked for more coarsely than minutes, and what was known finely stays so", () => {
  const log = upToNoon(API, 100_000, 10_000);
  const histogram = following(log);
  loads(histogram, log, 99_400, 100_000);
  const widths = new Set<number>();
  for (let question = nextQuestion(histogram, ALL, 10_000); question; question = nextQuestion(histogram, ALL, 10_000)) {
    const answer = counted(log, question);
    widths.add(question.width);
    take(histogram, question, answer);
  }
  assert.deepEqual([...widths], [1, 60, 3_600]);
  assert.deepEqual(stateOf(histogram, 300), exact(log));
  assert.equal(histogram.bins(NOON - 5 * MINUTE, NOON, 300).width, 1_000);
});

test("an answer is never shown more finely than it is", () => {
  const log = upToNoon(API, 7_200);
  const histogram = following(log);
  loads(histogram, log, 7_100, 7_200);
  const question: Question = { stream: API.name, from: 0, to: 7_100, width: 3_600 };
  assert.equal(take(histogram, question, counted(log, question)), "counted");
  const bins = histogram.bins(NOON - 5 * MINUTE, NOON, 300);
  assert.deepEqual([bins.width, bins.most], [HOUR, 3_600]);
});

test("buckets that became wider while an answer was on its way take it", () => {
  const log = upToNoon(API, 40_000);
  const histogram = following(log);
  const question: Question = { stream: API.name, from: 10_000, to: 20_000, width: 1 };
  const answer = counted(log, question);
  loads(histogram, log, 20_000, 40_000);
  assert.equal(take(histogram, question, answer), "counted");
  countAll(histogram, log);
  assert.deepEqual(stateOf(histogram, 12), exact(log));
});

test("a clock that is wrong by years makes nothing known", () => {
  const log = upToNoon(API, 3_600).map((line, offset) => (offset === 3_000 ? lineAt(API, offset, 0) : line));
  const histogram = following(log);
  const question: Question = { stream: API.name, from: 2_700, to: 3_600, width: 1 };
  take(histogram, question, counted(log, question));
  assert.deepEqual(histogram.bins(NOON - HOUR, NOON, 4).known, [false, false, false, true]);
});

const NOTHINGS: readonly [name: string, changed: object][] = [
  ["goes no further", { next: 5_000 }],
  ["is of other buckets", { width: 2 }],
  ["is of more than was asked for", { next: 10_001 }],
];

for (const [name, changed] of NOTHINGS) {
  test(`an answer that ${name} says nothing`, () => {
    const log = upToNoon(API, 10_000);
    const histogram = following(log);
    const question: Question = { stream: API.name, from: 5_000, to: 10_000, width: 1 };
    assert.equal(take(histogram, question, { ...counted(log, question), ...changed }), "nothing");
    assert.deepEqual([histogram.extent, progress(histogram, ALL).share], [undefined, 0]);
  });
}

test("however the tab loads and the server answers, every line counts once", () => {
  // The same numbers at each run.
  let seed = 7;
  const random = (below: number) => ((seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647) * below;
  const whole = (below: number) => Math.floor(random(below));
  for (let round = 0; round < 60; round += 1) {
    const [api, web] = [upToNoon(API, 1 + whole(3_000), 1_000 + whole(3) * 1_000), upToNoon(WEB, 1 + whole(500), 7_000)];
    const logs = [api, web];
    const matches = round % 2 ? ({ line }: LineEntry) => line.offset % 3 === 0 : () => true;
    const histogram = following(...logs);
    const anywhere = () => {
      const log = logs[whole(2)] as LineEntry[];
      const from = whole(log.length);
      loads(histogram, log, from, Math.min(log.length, from + whole(300)), matches);
    };
    for (let i = whole(4); i > 0; i -= 1) anywhere();
    countAll(histogram, logs.flat(), { matches, looked: 50 + whole(1_000), buckets: 20 + whole(1_000), piece: 50 + whole(2_000), between: () => random(3) < 1 && anywhere() });
    assert.deepEqual({ round, ...stateOf(histogram) }, { round, ...exact(logs.flat().filter(matches)) });
  }
});
