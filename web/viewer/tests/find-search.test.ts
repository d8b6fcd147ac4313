import assert from "node:assert/strict";
import { test } from "node:test";
import { WholeNumber, type Line } from "tailcast-client";
import { NO_QUERY, searchFor, type Pattern, type Query } from "../src/find/query.ts";
import { compile, rangesIn, textsOf, work } from "../src/find/search.ts";
import { beyondStanding, standing } from "../src/find/words.ts";

function pattern(query: Partial<Query>): Pattern {
  const search = searchFor({ ...NO_QUERY, ...query });
  assert.ok(search.kind === "plain" || search.kind === "regex");
  return search;
}

/** What is found, in brackets. */
function found(query: Partial<Query>, text: string): string {
  let out = "";
  let at = 0;
  for (const [from, to] of rangesIn(text, compile(pattern(query)))) {
    out += `${text.slice(at, from)}[${text.slice(from, to)}]`;
    at = to;
  }
  return out + text.slice(at);
}

test("what is looked for is found where it stands", () => {
  const table: [Partial<Query>, string, string][] = [
    [{ text: "ann" }, "Ann and ANN", "[Ann] and [ANN]"],
    [{ text: "ann", matchCase: true }, "Ann and ann", "Ann and [ann]"],
    [{ text: "an", word: true }, "an ant, an", "[an] ant, [an]"],
    [{ text: "größe", word: true }, "Größe Größen übergröße", "[Größe] Größen übergröße"],
    [{ text: "a.b*(c)" }, "aXb a.b*(c)", "aXb [a.b*(c)]"],
    [{ text: "\\d" }, "1 \\d", "1 [\\d]"],
    [{ text: "{}[]|^$/-" }, "{}[]|^$/-", "[{}[]|^$/-]"],
    [{ text: "İ" }, "aİİb", "a[İ][İ]b"],
    [{ text: "😀" }, "x😀y", "x[😀]y"],
    [{ text: "a\nb" }, "a\nb", "[a\nb]"],
    [{ text: "\\d+", regex: true }, "12 and 3", "[12] and [3]"],
    [{ text: "^a", regex: true }, "ab\nab", "[a]b\nab"],
    [{ text: "a|ab", regex: true, word: true }, "ab a", "[ab] [a]"],
    [{ text: "A", regex: true, matchCase: true }, "aA", "a[A]"],
    [{ text: "\\p{Lu}", regex: true, matchCase: true }, "aÄ", "a[Ä]"],
    // Forgiven, as browsers do.
    [{ text: "a\\-b", regex: true }, "a-b", "[a-b]"],
    // Nothing, many times, is nothing to paint, and has an end.
    [{ text: "x*", regex: true }, "axxb😀x", "a[xx]b😀[x]"],
    [{ text: "(?:)", regex: true }, "😀😀", "😀😀"],
    [{ text: "$|^|\\b", regex: true }, "a b", "a b"],
  ];
  for (const [query, text, expected] of table) assert.equal(found(query, text), expected, JSON.stringify(query));
});

test("no text has more than a thousand places", () => {
  assert.equal(rangesIn("a".repeat(5_000), compile(pattern({ text: "a" }))).length, 1_000);
});

test("an expression that is none is told in a sentence", () => {
  const search = searchFor({ ...NO_QUERY, text: "(", regex: true });
  assert.deepEqual(search, { kind: "bad", error: "This is no expression: unterminated group." });
  assert.equal(searchFor(NO_QUERY).kind, "nothing");
  assert.equal(searchFor({ ...NO_QUERY, text: "x".repeat(1_001) }).kind, "bad");
});

const LINE: Line = {
  offset: 1,
  ts: "2026-11-21T10:00:00Z",
  level: "warn",
  message: "paid",
  fields: { user: "Ann", http: { status: 402 }, tags: ["red", null, true], id: new WholeNumber("9007199254740993") },
};

test("plain text is looked for in the message and in every value, an expression in the message", () => {
  assert.deepEqual(textsOf(LINE, pattern({ text: "x" })), ["paid", "Ann", "402", "red", "null", "true", "9007199254740993"]);
  assert.deepEqual(textsOf(LINE, pattern({ text: "x", regex: true })), ["paid"]);
});

test("the worker says which lines match, and where", () => {
  const ann = pattern({ text: "ann" });
  assert.deepEqual(work({ kind: "which", pattern: ann, lines: [["x"], ["x", "Ann"], [], ["ann"]] }), [1, 3]);
  assert.deepEqual(work({ kind: "where", pattern: ann, texts: ["x", "an ann"] }), [[], [[3, 6]]]);
});

test("the bar says where one stands", () => {
  const table: [Parameters<typeof standing>[0], string][] = [
    [{ count: 0, position: undefined, finished: false }, "Looking…"],
    [{ count: 0, position: undefined, finished: true }, "Not in the loaded lines"],
    [{ count: 1, position: undefined, finished: true }, "1 line"],
    [{ count: 1_200, position: undefined, finished: false }, "1,200 lines so far"],
    [{ count: 120, position: 3, finished: true }, "3 of 120"],
    [{ count: 120, position: 3, finished: false }, "3 of 120 so far"],
  ];
  for (const [given, expected] of table) assert.equal(standing(given), expected);
});

test("the bar says how the search in the store stands", () => {
  const offsets = new Map<string, number>();
  const table: [Parameters<typeof beyondStanding>[0], string][] = [
    [{ state: "idle" }, ""],
    [{ state: "searching" }, "Searching earlier lines…"],
    [{ state: "searching", reached: { looked: 12_000, left: 3_000, offsets } }, "Searched 12,000 earlier lines, 3,000 to go"],
    [{ state: "searching", direction: "later", reached: { looked: 10, offsets } }, "Searched 10 later lines"],
    [{ state: "none", direction: "later" }, "Not in later lines either."],
    [{ state: "failed", error: "It broke." }, "It broke."],
  ];
  for (const [given, expected] of table) assert.equal(beyondStanding(given), expected);
});
