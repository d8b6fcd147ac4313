import assert from "node:assert/strict";
import { test } from "node:test";
import { type TimeFormat, datedFormat, exact, instant, isZone, offsetAt, relative, written, writtenAt } from "../src/row/clock.ts";

const NOW = Date.parse("2026-11-21T14:03:10Z");
const TS = "2026-11-21T14:03:07.123456789Z";

test("a time in each format", () => {
  const cases: [TimeFormat, string, string][] = [
    ["time", "utc", "14:03:07.123"],
    ["datetime", "utc", "11-21 14:03:07.123"],
    ["iso", "Europe/Berlin", TS],
    ["relative", "utc", "2 s ago"],
    ["time", "Europe/Berlin", "15:03:07.123"],
    ["time", "Asia/Kathmandu", "19:48:07.123"],
    ["datetime", "Pacific/Kiritimati", "11-22 04:03:07.123"],
    ["datetime", "America/St_Johns", "11-21 10:33:07.123"],
  ];
  for (const [format, zone, expected] of cases) assert.equal(written(TS, { format, zone, now: NOW }), expected);
});

test("what is seen has as much of a date as tells it from today", () => {
  const at = Date.parse(TS);
  const [today, yesterday, before] = [at, at - 15 * 3_600_000, Date.parse("2015-10-18T18:01:47.978Z")];
  const table: [TimeFormat, (number | undefined)[], ReturnType<typeof datedFormat>][] = [
    ["time", [today, today], "time"],
    ["time", [undefined, undefined], "time"],
    ["time", [yesterday, today], "datetime"],
    ["time", [before, today], "full"],
    ["datetime", [today], "datetime"],
    ["datetime", [before], "full"],
    ["iso", [before], "iso"],
    ["relative", [before], "relative"],
  ];
  for (const [prefers, seen, expected] of table) assert.equal(datedFormat(prefers, seen, NOW, "utc"), expected, `${prefers} ${seen}`);
  assert.equal(datedFormat("time", [yesterday], NOW, "Pacific/Kiritimati"), "datetime");
  assert.equal(datedFormat("time", [at - 13 * 3_600_000], NOW, "Etc/GMT+12"), "datetime");
  assert.equal(writtenAt(before, "full", "utc"), "2015-10-18 18:01:47.978");
  assert.equal(writtenAt(Date.parse("0001-01-01T00:00:00Z"), "full", "utc"), "0001-01-01 00:00:00.000");
});

test("what is no time stands as it came", () => {
  for (const ts of ["", "yesterday", "5", "2026-13-45T99:00:00Z", "2026"]) {
    for (const format of ["time", "datetime", "iso", "relative"] as const) {
      assert.equal(written(ts, { format, zone: "local", now: NOW }), ts);
    }
    assert.equal(exact(ts, "local"), ts);
    assert.equal(instant(ts), undefined);
  }
});

test("how long ago, in one unit", () => {
  const cases: [number, string][] = [
    [999, "now"],
    [3_000, "3 s ago"],
    [59_999, "59 s ago"],
    [60_000, "1 min ago"],
    [7_200_000, "2 h ago"],
    [400 * 86_400_000, "400 d ago"],
    [-5_000, "in 5 s"],
  ];
  for (const [before, expected] of cases) assert.equal(relative(NOW - before, NOW), expected);
});

test("the exact time names the zone's distance and keeps every digit", () => {
  assert.equal(exact(TS, "utc"), TS);
  assert.equal(exact(TS, "Europe/Berlin"), `2026-11-21 15:03:07.123 +01:00\n${TS}`);
  assert.equal(exact(TS, "America/St_Johns"), `2026-11-21 10:33:07.123 -03:30\n${TS}`);
});

test("every quarter of an hour around a change of the clock is what Intl says", () => {
  const changes: [string, string][] = [
    ["Europe/Berlin", "2026-03-29T01:00:00Z"],
    ["Europe/Berlin", "2026-10-25T01:00:00Z"],
    ["America/New_York", "2026-03-08T07:00:00Z"],
    ["America/New_York", "2026-11-01T06:00:00Z"],
    ["Australia/Lord_Howe", "2026-04-04T15:00:00Z"],
    ["Pacific/Chatham", "2026-09-26T14:00:00Z"],
    ["America/St_Johns", "2006-10-29T02:31:00Z"],
    ["Pacific/Apia", "2011-12-30T10:00:00Z"],
    ["Asia/Kolkata", "2026-01-01T00:00:00Z"],
  ];
  for (const [zone, change] of changes) {
    const intl = new Intl.DateTimeFormat("en-GB", {
      month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
      fractionalSecondDigits: 3, hourCycle: "h23", timeZone: zone,
    });
    for (let at = Date.parse(change) - 7_200_000; at < Date.parse(change) + 7_200_000; at += 437_123) {
      const part = Object.fromEntries(intl.formatToParts(at).map(({ type, value }) => [type, value]));
      const expected = `${part["month"]}-${part["day"]} ${part["hour"]}:${part["minute"]}:${part["second"]}.${part["fractionalSecond"]}`;
      assert.equal(writtenAt(at, "datetime", zone), expected, `${zone} ${new Date(at).toISOString()}`);
    }
  }
});

test("the reader's own zone is that of Date", () => {
  for (const ts of ["2026-01-15T00:00:00Z", "2026-07-15T12:34:56Z", "1999-12-31T23:59:59Z"]) {
    const date = new Date(ts);
    assert.equal(writtenAt(date.getTime(), "time", "local").slice(0, 8), date.toTimeString().slice(0, 8));
  }
});

test("times before 1970 and beyond the usual years are times", () => {
  assert.equal(written("1969-12-31T23:59:59.999Z", { format: "datetime", zone: "utc", now: NOW }), "12-31 23:59:59.999");
  assert.equal(written("0001-01-01T00:00:00Z", { format: "datetime", zone: "utc", now: NOW }), "01-01 00:00:00.000");
  assert.equal(written("9999-12-31T23:59:59.5Z", { format: "datetime", zone: "utc", now: NOW }), "12-31 23:59:59.500");
  assert.equal(offsetAt(Date.parse("0050-06-01T00:00:00Z"), "Etc/GMT-2"), 7_200_000);
});

test("a day ends at the zone's midnight", () => {
  const before = Date.parse("2026-11-21T22:59:59.999Z");
  assert.equal(writtenAt(before, "datetime", "Europe/Berlin"), "11-21 23:59:59.999");
  assert.equal(writtenAt(before + 1, "datetime", "Europe/Berlin"), "11-22 00:00:00.000");
});

test("a zone that the browser does not know is UTC", () => {
  assert.equal(isZone("Europe/Berlin"), true);
  assert.equal(isZone("local"), true);
  assert.equal(isZone("Middle/Earth"), false);
  assert.equal(written(TS, { format: "time", zone: "Middle/Earth", now: NOW }), "14:03:07.123");
});
