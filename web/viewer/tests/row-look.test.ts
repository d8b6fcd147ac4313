import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry, HoleEntry, Run } from "../src/buffer/entry.ts";
import { AT_REST, type Look, type RowState, isTall, shownOf } from "../src/row/look.ts";
import { gapWords, holeWords } from "../src/row/words.ts";

const LOOK: Look = {
  format: "time",
  zone: "utc",
  now: 0,
  ansi: true,
  wrap: false,
  fold: true,
  showStream: false,
  columns: [],
  fieldsSummary: true,
};

const LONG = "x".repeat(12_345);
const TRACE = "boom\n\tat a\n\tat b";

test("of a message, what fits is shown and the rest is counted", () => {
  const cases: [string, Partial<Look>, Partial<RowState>, [text: string, more: number, cutFrom: number]][] = [
    ["boom", {}, {}, ["boom", 0, 0]],
    ["boom", {}, { folded: 23 }, ["boom", 23, 0]],
    ["boom", {}, { folded: 23, unfolded: true }, ["boom", 0, 0]],
    [TRACE, {}, {}, ["boom", 2, 0]],
    [TRACE, {}, { folded: 1 }, ["boom", 3, 0]],
    [TRACE, {}, { unfolded: true }, [TRACE, 0, 0]],
    [TRACE, {}, { open: true, folded: 1 }, [TRACE, 1, 0]],
    [TRACE, { fold: false }, {}, [TRACE, 0, 0]],
    [LONG, {}, {}, ["x".repeat(1_000), 0, 12_345]],
    [LONG, {}, { whole: true }, [LONG, 0, 0]],
    [`${LONG}\nend`, {}, {}, ["x".repeat(1_000), 1, 12_349]],
  ];
  for (const [message, look, state, [text, more, cutFrom]] of cases) {
    assert.deepEqual(shownOf(message, { ...LOOK, ...look }, { ...AT_REST, ...state }), { text, more, cutFrom, terminal: false });
  }
});

const stream = (name: string): Run["stream"] => ({ name, colour: 0 });
const lineOf = (message: string): Entry => ({
  kind: "line",
  stream: stream("a"),
  line: { offset: 0, ts: "", message },
  at: 0,
});

test("a row is as tall as every other unless it shows more", () => {
  const cases: [string, Partial<Look>, Partial<RowState>, boolean][] = [
    ["boom", {}, {}, false],
    ["boom", { wrap: true }, {}, true],
    ["boom", {}, { open: true }, true],
    ["boom", {}, { unfolded: true }, false],
    ["boom", {}, { whole: true }, false],
    [TRACE, {}, {}, false],
    [TRACE, {}, { unfolded: true }, true],
    [TRACE, { fold: false }, {}, true],
    [LONG, {}, {}, false],
    [LONG, {}, { whole: true }, true],
  ];
  for (const [message, look, state, tall] of cases) {
    assert.equal(isTall(lineOf(message), { ...LOOK, ...look }, { ...AT_REST, ...state }), tall);
  }
});

const run = (name: string, from: number, to: number): Run => ({ stream: stream(name), from, to });

test("a gap says how many lines of what are gone, and why", () => {
  const cases: [Run, string, string][] = [
    [run("payments/api", 17, 1_220), "retention", "Gap: 1,203 lines of payments/api are gone: not kept any more (17 to 1,219)"],
    [run("a", 5, 6), "retention", "Gap: 1 line of a is gone: not kept any more (5)"],
    [run("a", 0, 2), "skipped", "Gap: 2 lines of a are not here: skipped to keep up (0 to 1)"],
    [run("a", 0, 2), "moved", "Gap: 2 lines of a are missing: moved (0 to 1)"],
  ];
  for (const [of, reason, words] of cases) assert.equal(gapWords({ kind: "gap", run: of, reason }), words);
});

test("a hole says how many lines of which streams, and why", () => {
  const many = [run("a", 0, 1), run("b", 0, 300), run("c", 0, 20), run("d", 0, 10), run("e", 0, 5)];
  const cases: [readonly Run[], HoleEntry["reason"], boolean, string][] = [
    [[run("a", 0, 1_000_000)], "earlier", false, "1,000,000 earlier lines in the store"],
    [[run("a", 0, 1)], "earlier", true, "1 earlier line in the store: a"],
    [[run("a", 0, 35_200)], "trimmed", false, "35,200 lines are not kept in this tab"],
    [[run("a", 0, 12_345)], "between", false, "12,345 lines between here and there are not loaded"],
    [many.slice(0, 2), "earlier", true, "301 earlier lines in the store: 300 of b and 1 of a"],
    [many.slice(0, 4), "trimmed", true, "331 lines are not kept in this tab: 300 of b, 20 of c, 10 of d and 1 more stream"],
    [many, "trimmed", true, "336 lines are not kept in this tab: 300 of b, 20 of c, 10 of d and 2 more streams"],
  ];
  for (const [runs, reason, showStream, words] of cases) {
    assert.equal(holeWords({ kind: "hole", runs, reason }, { showStream }), words);
  }
});
