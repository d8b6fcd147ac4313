import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamInfo } from "tailcast-client";
import { rate, sameNames, search, summary, toggled, type Order } from "../src/streams/list.ts";

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
  return search(STREAMS, sought, order).items.map(({ title }) => title);
}

const SOUGHT: [string, string[]][] = [
  ["", ["All streams", "payments", "payments/api", "payments/jobs", "web/access"]],
  [" PAY", ["payments", "payments/api", "payments/jobs", "Follow PAY"]],
  ["payments", ["payments", "payments/api", "payments/jobs"]],
  ["payments/**", ["Follow payments/**"]],
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
  const found = search(many, "", "name");
  assert.deepEqual([found.items.length, summary(found)], [301, "9,700 more streams: search to see them"]);
  // Also when the order would have left it out.
  assert.equal(search(many, "s/9", "name", 5).items[0]?.title, "s/9");
  assert.equal(summary(search(many, "s/999", "name")), "11 of 10,000 streams");
  assert.equal(summary(search([], "", "name")), "No stream has a line that you may read yet.");
  assert.equal(summary(search([streamOf("a")], "", "name")), "1 stream");
});

test("the list that was handed in stays as it was", () => {
  const before = [...STREAMS];
  search(STREAMS, "", "rate");
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
