import assert from "node:assert/strict";
import { test } from "node:test";
import { fragmentOf, isMany, readFragment, splitNames, tokenEnd, tokenFrom } from "../../../web/assets/address.js";
import { Past } from "../../../web/assets/past.js";
import { ago, clock, count, cut, rate, summary, visible } from "../../../web/assets/text.js";

const shown = (text) => visible(text).map((part) => (part.control ? `[${part.text}]` : part.text)).join("");

test("characters that hide or move others stand as a sign of their own", () => {
  const table = [
    ["plain é 漢字 🙂", "plain é 漢字 🙂"],
    ["a\tb", "a\tb"],
    ["one\r\ntwo", "one[CR][LF]\ntwo"],
    ["\u001b[31mred", "[ESC][31mred"],
    ["\u0000\u007f\u0085", "[NUL][DEL][U+0085]"],
    ["\u202egnp.exe\u2066", "[U+202E]gnp.exe[U+2066]"],
    ["a\u200bb\ufeff\u00ad", "a[U+200B]b[U+FEFF][U+00AD]"],
    ["\u{e0041}", "[U+E0041]"],
    ["", ""],
  ];
  for (const [text, expected] of table) assert.equal(shown(text), expected);
});

test("text is cut between characters", () => {
  assert.equal(cut("abc", 3), "abc");
  assert.equal(cut("abcd", 3), "abc");
  assert.equal(cut("ab🙂", 3), "ab");
});

test("fields stand on one line", () => {
  const table = [
    [{ status: 200, path: "/cart" }, "status=200 path=/cart"],
    [{ user: { id: 7, tags: ["a", 1] } }, 'user.id=7 user.tags=["a",1]'],
    [{ said: "two words", empty: "", none: null, nothing: {} }, 'said="two words" empty="" none=null nothing={}'],
  ];
  for (const [fields, expected] of table) assert.equal(summary(fields, 200), expected);
  assert.equal(summary({ long: "x".repeat(300) }, 10), "long=xxxxx…");
});

test("times, counts and rates read well", () => {
  assert.match(clock("2025-11-21T10:12:03.123456789Z").time, /^\d\d:12:03\.123$/);
  assert.deepEqual(clock("yesterday"), { date: "", time: "yesterday" });
  assert.deepEqual([count(1, "line"), count(12_345, "line")], ["1 line", "12,345 lines"]);
  assert.deepEqual([0, 0.04, 0.42, 12.4, 3120].map(rate), ["", "<0.1/s", "0.4/s", "12/s", "3.1k/s"]);
  const now = Date.parse("2025-11-21T10:00:00Z");
  const before = (seconds) => ago(new Date(now - seconds * 1000).toISOString(), now);
  assert.deepEqual([1, 42, 90, 7300, 200_000].map(before), ["now", "42 s ago", "1 min ago", "2 h ago", "2 d ago"]);
});

test("the address holds what is followed, or hands over a token", () => {
  const table = [
    ["", { streams: [] }],
    ["#/", { streams: [] }],
    ["#/stream/payments/api", { streams: ["payments/api"] }],
    ["#/stream/payments/**,@me", { streams: ["payments/**", "@me"] }],
    ["#token=a.b.c", { token: "a.b.c" }],
    ["#token=a.b.c&more=1", { token: "a.b.c" }],
    ["#/stream/%ff", { streams: ["%ff"] }],
  ];
  for (const [fragment, expected] of table) assert.deepEqual(readFragment(fragment), expected);
  assert.equal(fragmentOf(["payments/**", "@me"]), "#/stream/payments/**,@me");
  assert.deepEqual(splitNames(" a, b  a"), ["a", "b"]);
  assert.deepEqual([["a"], ["a", "b"], ["a/*"]].map(isMany), [false, true, true]);
});

test("a token is found in whatever was pasted", () => {
  const table = [
    [" a.b.c\n", "a.b.c"],
    ["Bearer a.b.c", "a.b.c"],
    ["Authorization: Bearer a.b.c", "a.b.c"],
    ["http://127.0.0.1:7440/#token=a.b.c", "a.b.c"],
    ["not a token", undefined],
    ["", undefined],
  ];
  for (const [pasted, expected] of table) assert.equal(tokenFrom(pasted), expected);
});

test("a token says when it ends", () => {
  const token = `x.${Buffer.from('{"exp":1700000000,"sub":"é"}').toString("base64url")}.y`;
  assert.equal(tokenEnd(token), 1_700_000_000_000);
  assert.equal(tokenEnd("nothing"), undefined);
});

test("the past of many streams is one order that breaks none of theirs", () => {
  const past = new Past();
  const at = (offset, second) => ({ offset, ts: `2025-11-21T10:00:0${second}Z` });
  past.lines("a", [at(4, 1), at(5, 5), at(6, 2)]);
  past.lines("b", [at(0, 0), at(1, 3), at(2, 6)]);
  const seen = [];
  past.into({ lines: (stream, [{ offset }]) => seen.push(`${stream}${offset}`) });
  assert.deepEqual(seen, ["b0", "a4", "b1", "a5", "a6", "b2"]);
});
