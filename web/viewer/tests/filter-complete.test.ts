import assert from "node:assert/strict";
import { test } from "node:test";
import { WholeNumber, type JsonValue, type Line } from "tailcast-client";
import { completions } from "../src/filter/complete.ts";
import { Seen } from "../src/filter/seen.ts";

function line(level: Line["level"], fields?: Line["fields"]): Line {
  return { offset: 0, ts: "2026-11-21T10:00:00Z", message: "x", ...(level ? { level } : {}), ...(fields ? { fields } : {}) };
}

function service(): Seen {
  const seen = new Seen();
  seen.note(line("info", { status: 200, user: "Ann Lee", http: { method: "GET" }, tags: ["red", "blue"] }));
  seen.note(line("info", { status: 200, user: "bob", http: { method: "POST" } }));
  seen.note(line("error", { status: 500, "odd name": "x", level: "custom" }));
  return seen;
}

/** The completions where the `|` is: the text that is replaced, and by what. */
function at(text: string, seen = service()): [string, string[]] {
  const caret = text.indexOf("|");
  const plain = text.replace("|", "");
  const { from, to, items } = completions(plain, caret, seen);
  return [plain.slice(from, to), items.map(({ insert }) => insert)];
}

test("a filter is completed from what was seen", () => {
  const everything = ["level", "ts>=", "status:", "user:", "http.method:", "tags:", `"odd name":`, "fields.level:"];
  const table: [string, [string, string[]]][] = [
    ["|", ["", everything]],
    ["error |", ["", everything]],
    ["-|", ["", everything]],
    ["(|", ["", everything]],
    ["a |b", ["", []]],
    ["sta|", ["sta", ["status:"]]],
    ["st|at", ["stat", ["status:"]]],
    ["STA|", ["STA", ["status:"]]],
    ["me|", ["me", ["http.method:", `"odd name":`]]],
    ["lev|", ["lev", ["level", "fields.level:"]]],
    ["level|", ["level", ["level>=", "level:", "level<=", "level:*", "fields.level:"]]],
    ["level>=|", ["", ["info", "error"]]],
    ["level>=e|", ["e", ["error"]]],
    ["level>=|warn", ["warn", ["info", "error"]]],
    ["status|", ["status", ["status:", "status>=", "status<=", "status:*"]]],
    ["user|", ["user", ["user:", "user:*"]]],
    ["status:|", ["", ["200", "500"]]],
    ["status>=5|", ["5", ["500"]]],
    ["status>|=5", ["", []]],
    ["user:|", ["", [`"Ann Lee"`, "bob"]]],
    ["user>|", ["", []]],
    ["user:an|", ["an", [`"Ann Lee"`]]],
    [`user:"ann l|`, [`"ann l`, [`"Ann Lee"`]]],
    ["-user:b|", ["b", ["bob"]]],
    ["fields.user:b|", ["b", ["bob"]]],
    ["fields.level:|", ["", ["custom"]]],
    ["http.method:|", ["", ["GET", "POST"]]],
    [`"odd|`, [`"odd`, [`"odd name":`]]],
    [`"odd name":|`, ["", ["x"]]],
    ["use|r:bob", ["user:", ["user:"]]],
    ["/sta|/", ["", []]],
    [`"sta"|`, ["", []]],
    ["nobody:|", ["", []]],
  ];
  for (const [text, expected] of table) assert.deepEqual(at(text), expected, text);
});

test("an item says how often it was seen", () => {
  assert.deepEqual(completions("status:2", 8, service()).items, [{ insert: "200", label: "200", detail: "2 lines" }]);
});

test("no more is offered than a person reads", () => {
  const seen = new Seen();
  seen.note(line("info", Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, i]))));
  assert.equal(at("|", seen)[1].length, 12);
});

test("what is seen stays bounded, whatever comes", () => {
  const seen = new Seen();
  let deep: Line["fields"] = { end: 1 };
  for (let i = 0; i < 100; i += 1) deep = { deep };
  seen.note(line("info", deep));
  seen.note(line("info", { long: "x".repeat(61), fits: "x".repeat(60), "": 1, ["n".repeat(200)]: 1 }));
  for (let i = 0; i < 1_000; i += 1) seen.note(line("info", { [`f${i}`]: 1, id: i }));
  assert.equal(seen.paths().length, 500);
  assert.equal(seen.values("id").length, 50);
  assert.deepEqual(seen.values("long"), []);
  assert.equal(seen.values("fits").length, 1);
});

test("a value that comes often stays, though many others come once", () => {
  const seen = new Seen();
  for (let i = 0; i < 1_000; i += 1) seen.note(line("info", { user: i % 10 === 0 ? "ann" : `once-${i}` }));
  assert.deepEqual(seen.values("user")[0], { value: "ann", count: 100 });
});

test("one line with very many fields costs no more than two hundred", () => {
  const seen = new Seen();
  seen.note(line("info", Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`f${i}`, [i]]))));
  assert.equal(seen.paths().length, 100);
});

test("every level is counted, and fields in about the number of lines that had them", () => {
  const seen = new Seen();
  for (let i = 0; i < 10_000; i += 1) seen.note(line(i % 4 === 0 ? "warn" : "info", { i: 1 }));
  assert.deepEqual(seen.levels(), [
    { value: "info", count: 7_500 },
    { value: "warn", count: 2_500 },
  ]);
  assert.deepEqual(seen.paths(), [{ value: "i", count: 10_000 }]);
});

test("whole numbers beyond 2^53 keep their digits", () => {
  const seen = new Seen();
  seen.note(line("info", { id: new WholeNumber("9007199254740993") }));
  assert.deepEqual(at("id:|", seen), ["", ["9007199254740993"]]);
});

test("a field has decimals once one was seen, and no sooner", () => {
  const seen = new Seen();
  const table: [JsonValue, boolean][] = [[402, false], ["1.5", false], [new WholeNumber("9007199254740993"), false], [[1, 0.5], true], [7, true]];
  for (const [ms, decimals] of table) {
    seen.note(line("info", { ms, status: 200 }));
    assert.equal(seen.hasDecimals("ms"), decimals, JSON.stringify(ms));
  }
  assert.deepEqual([seen.hasDecimals("status"), seen.hasDecimals("none")], [false, false]);
});
