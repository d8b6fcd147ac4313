import assert from "node:assert/strict";
import { test } from "node:test";
import { fromWall, toWall } from "../src/row/wall.ts";

test("times are shown and read as the clocks of a zone have them", () => {
  const table = [
    ["2026-01-01T12:00:00Z", "utc", "2026-01-01T12:00:00"],
    ["2026-01-01T12:00:00Z", "Asia/Kathmandu", "2026-01-01T17:45:00"],
    ["2026-07-01T12:00:00Z", "Europe/Paris", "2026-07-01T14:00:00"],
    ["2026-01-01T03:00:00Z", "America/New_York", "2025-12-31T22:00:00"],
    // The hour that comes twice, the first time.
    ["2026-10-25T00:30:00Z", "Europe/Paris", "2026-10-25T02:30:00"],
  ] as const;
  for (const [time, zone, wall] of table) {
    assert.equal(toWall(Date.parse(time), zone), wall);
    assert.equal(fromWall(wall, zone), Date.parse(time), wall);
  }
});

test("what is no time is none, and an hour that a zone leaves out is near it", () => {
  assert.equal(fromWall("tomorrow", "utc"), undefined);
  const near = fromWall("2026-03-29T02:30:00", "Europe/Paris");
  assert.ok(near !== undefined && Math.abs(near - Date.parse("2026-03-29T01:30:00Z")) <= 3_600_000);
});
