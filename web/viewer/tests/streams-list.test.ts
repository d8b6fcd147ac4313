import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamInfo } from "tailcast-client";
import { rate, sameNames, search, shortened, summary, toggled, type Order } from "../src/streams/list.ts";

function streamOf(name: string, linesPerSecond = 0, lastArrival?: string): StreamInfo {
  return { name, firstAvailable: 0, next: 1, linesPerSecond, ...(lastArrival ? { lastArrival } : {}) };
}

const STREAMS = [
  streamOf("web/access", 40, "2026-11-21T10:00:05.000000000Z"),
  streamOf("payments/api", 2, "2026-11-21T10:00:09.000000000Z"),
  streamOf("payments/jobs"),
  streamOf("payments", 3, "2026-11-21T10:00:01.000000000Z"),
];

function titles(sought: string, order: Order = "name"): string[] {
  return search(STREAMS, sought, { order }).items.map(({ title }) => title);
}

const SOUGHT: [string, string[]][] = [
  ["", ["All streams", "payments", "payments/api", "payments/jobs", "web/access"]],
  [" PAY", ["payments", "payments/api", "payments/jobs", "Follow PAY"]],
  ["payments", ["payments", "payments/api", "payments/jobs"]],
  ["payments/**", ["Follow payments/**", "payments", "payments/api", "payments/jobs"]],
  ["*/a*", ["Follow the 2 streams that match now", "payments/api", "web/access"]],
  ["nosuch/**", ["Follow nosuch/**"]],
  ["new/one", ["Follow new/one"]],
  ["web/access, payments", ["Follow web/access, payments"]],
];

for (const [sought, found] of SOUGHT) {
  test(`a search for "${sought}" finds ${found.join(" | ")}`, () => assert.deepEqual(titles(sought), found));
}

test("streams are ordered by name, by rate or by the last line", () => {
  assert.deepEqual(titles("", "rate").slice(1), ["web/access", "payments", "payments/api", "payments/jobs"]);
  assert.deepEqual(titles("", "last").slice(1), ["payments/api", "web/access", "payments", "payments/jobs"]);
});

test("a name typed in full comes first in any order", () => {
  assert.deepEqual(titles("payments", "last"), ["payments", "payments/api", "payments/jobs"]);
});

test("of ten thousand streams some hundreds are shown, and the others told", () => {
  const many = Array.from({ length: 10_000 }, (_, n) => streamOf(`s/${n}`));
  const found = search(many, "", { order: "rate" });
  assert.deepEqual([found.items.length, summary(found)], [301, "300 of 10,000 streams: search to see the others"]);
  // Also when the order would have left it out.
  assert.equal(search(many, "s/9", { order: "name", most: 5 }).items[0]?.title, "s/9");
  assert.equal(summary(search(many, "s/999", { order: "name" })), "11 of 10,000 streams");
  assert.equal(summary(search([], "", { order: "name" })), "No stream has a line that you may read yet.");
  assert.equal(summary(search([streamOf("a")], "", { order: "name" })), "1 stream");
});

test("the list that was handed in stays as it was", () => {
  const before = [...STREAMS];
  search(STREAMS, "", { order: "rate" });
  assert.deepEqual(STREAMS, before);
});

test("streams are taken in and out", () => {
  assert.deepEqual(toggled(["a"], "b"), ["a", "b"]);
  assert.deepEqual(toggled(["a", "b"], "a"), ["b"]);
  assert.equal(sameNames(["a", "b"], ["b", "a"]), true);
  assert.equal(sameNames(["a"], ["a", "b"]), false);
});

test("rates are short", () => {
  assert.deepEqual([0, 0.01, 0.4, 9.97, 12.4, 3_100].map(rate), ["", "<0.1/s", "0.4/s", "10/s", "12/s", "3.1k/s"]);
});

/** Five hundred and five. */
const MANY = [
  ...Array.from({ length: 120 }, (_, n) => streamOf(`prod/eu/web-${n}`, 1)),
  ...Array.from({ length: 384 }, (_, n) => streamOf(`dev/ap/mailer-${n}`)),
  streamOf("alone/in/there"),
];

test("many streams stand in folders, with how many there are below each", () => {
  const rows = (opened: string[]) => search(MANY, "", { order: "name", opened: new Set(opened) }).items.slice(1);
  assert.deepEqual(rows([]).map(({ title, folder, names }) => [title, folder?.streams, ...names]), [
    ["alone/in/there", undefined, "alone/in/there"],
    ["dev/ap/", 384, "dev/ap/**"],
    ["prod/eu/", 120, "prod/eu/**"],
  ]);
  const [, , prod, first] = rows(["prod/eu"]);
  assert.deepEqual([prod?.folder?.open, prod?.folder?.rate, first?.title, first?.depth], [true, 120, "web-0", 1]);
});

test("a pattern says how many streams it covers, and one that is none says why, and finds what a shell would", () => {
  const whole = search(MANY, "prod/**", { order: "name" });
  assert.deepEqual([whole.found, whole.all, whole.items[0]?.note, whole.problem], [120, 505, "120 of 505 streams match", undefined]);
  const shell = search(MANY, "prod/*/web-1?".replace("?", "*"), { order: "name" });
  assert.deepEqual([shell.found, shell.items[0]?.names.length], [31, 31]);
  assert.match(shell.problem ?? "", /whole segment/);
  assert.deepEqual(search(MANY, "dev/*/mailer*", { order: "name" }).items.filter(({ stream }) => !stream), [], "too many to be named");
});

test("favourites stand on top, and not in a folder", () => {
  const { items } = search(MANY, "", { order: "name", favourites: ["prod/eu/web-7", "gone/away"] });
  assert.deepEqual(items.slice(0, 3).map(({ title }) => title), ["All streams", "prod/eu/web-7", "alone/in/there"]);
});

test("a long name is cut in the middle, for names differ at their ends", () => {
  assert.deepEqual([shortened("dev/ap/mailer-with-a-long-name-3", 20), shortened("short", 20)], ["dev/ap/m…long-name-3", "short"]);
});
