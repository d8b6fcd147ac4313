import assert from "node:assert/strict";
import { test } from "node:test";
import { problemOf, progressWords, shareWords, timesOf, type ExportRequest } from "../src/export/request.ts";
import { fromWall } from "../src/row/wall.ts";

const RANGE: ExportRequest = { what: "range", format: "text", way: "download", zone: "Europe/Paris" };

test("times of the form are of the reader's zone", () => {
  const request = { ...RANGE, since: "2026-11-21T10:00", until: "2026-11-21T11:00:30" };
  assert.deepEqual(timesOf(request), { since: "2026-11-21T09:00:00.000Z", until: "2026-11-21T10:00:30.000Z" });
  assert.deepEqual(timesOf({ ...RANGE, since: "", until: "2026-07-01T00:00" }), { until: "2026-06-30T22:00:00.000Z" });
  assert.equal(fromWall("2026-10-25T04:00", "Europe/Paris"), Date.parse("2026-10-25T03:00:00Z"));
  assert.equal(fromWall("soon", "utc"), undefined);
});

const PROBLEMS: [Partial<ExportRequest>, string | undefined][] = [
  [{ what: "stream" }, undefined],
  [{ since: "2026-11-21T10:00" }, undefined],
  [{ since: "2026-11-21T10:00", until: "2026-11-21T10:01" }, undefined],
  [{}, "Say from when or to when."],
  [{ since: "x" }, "One of these times cannot be read."],
  [{ since: "2026-11-21T10:00", until: "2026-11-21T10:00" }, "The end has to be later than the beginning."],
];

for (const [request, problem] of PROBLEMS) {
  test(`${JSON.stringify(request)} is ${problem ? "refused in a sentence" : "fine"}`, () => {
    assert.equal(problemOf({ ...RANGE, ...request }), problem);
  });
}

test("progress and its end are told in words", () => {
  const progress = { lines: 12_345, bytes: 3_210_000, share: 0.409, missing: 0, damaged: 0 };
  assert.equal(shareWords(progress), "12,345 lines, 3.2 MB, 40%");
  assert.equal(progressWords(progress, "download"), "Saved 12,345 lines, 3.2 MB.");
  assert.equal(progressWords({ ...progress, lines: 1, bytes: 80 }, "copy"), "Copied 1 line.");
  assert.match(progressWords({ ...progress, damaged: 1 }, "download"), /^Saved .* 1 line is damaged in the store, and left out\.$/);
  const nothing = { ...progress, lines: 0, damaged: 3 };
  assert.equal(progressWords(nothing, "copy"), "There is no such line. The file is empty. 3 lines are damaged in the store, and left out.");
  assert.match(progressWords({ ...progress, missing: 7 }, "download"), /^Saved .* 7 lines went out of the time they are kept/);
  assert.match(progressWords({ ...progress, lines: 0 }, "download"), /no such line/);
});
