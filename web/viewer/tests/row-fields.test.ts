import assert from "node:assert/strict";
import { test } from "node:test";
import { type JsonValue, type Line, WholeNumber } from "tailcast-client";
import { type Fields, asText, hasFields, json, lineJson, pairs, summary, valueAt } from "../src/row/fields.ts";

const FIELDS: Fields = {
  status: 200,
  path: "/cart",
  user: { id: new WholeNumber("9223372036854775807"), "full.name": "Ann Lee", tags: [] },
  "a.b": true,
  items: [{ sku: "x" }, { sku: "y" }],
  nothing: null,
  empty: {},
};

test("the summary is on one line, values quoted where they must be", () => {
  const cases: [Fields, string][] = [
    [{ status: 200, path: "/cart", user: { id: 7 } }, "status=200 path=/cart user.id=7"],
    [{ text: "two words", "odd name": 'a"b', empty: "" }, 'text="two words" "odd name"="a\\"b" empty=""'],
    [{ list: [1, "a"], none: null, object: {} }, 'list=[1,"a"] none=null object={}'],
    [{ id: new WholeNumber("18446744073709551615") }, "id=18446744073709551615"],
    [{}, ""],
  ];
  for (const [fields, expected] of cases) assert.equal(summary(fields), expected);
});

test("the summary is bounded and ends with a whole character", () => {
  assert.equal(summary({ a: "x".repeat(1_000_000) }, 10), "a=xxxxxxxx…");
  assert.equal(summary({ a: "👍".repeat(100) }, 5), "a=👍…");
  assert.ok(summary({ list: Array<number>(1_000_000).fill(0) }).length <= 241);
});

test("every value has its path", () => {
  assert.deepEqual([...pairs(FIELDS)].map(({ path, value }) => [path, asText(value)]), [
    ["status", "200"],
    ["path", "/cart"],
    ["user.id", "9223372036854775807"],
    ["user.full.name", "Ann Lee"],
    ["user.tags", "[]"],
    ["a.b", "true"],
    ["items", '[{"sku":"x"},{"sku":"y"}]'],
    ["nothing", "null"],
    ["empty", "{}"],
  ]);
});

test("a value is found by its path, as the server's filters find it", () => {
  const cases: [string, JsonValue | undefined][] = [
    ["status", 200],
    ["a.b", true],
    ["user.full.name", "Ann Lee"],
    ["items.sku", ["x", "y"]],
    ["nothing", null],
    ["user", FIELDS["user"]],
    ["user.missing", undefined],
    ["status.more", undefined],
    ["__proto__", undefined],
    ["constructor.name", undefined],
    ["", undefined],
    [".", undefined],
  ];
  for (const [path, expected] of cases) assert.deepEqual(valueAt(FIELDS, path), expected, path);
  assert.equal(valueAt(undefined, "status"), undefined);
});

test("every path of a line leads to its value", () => {
  for (const { path, value } of pairs(FIELDS)) assert.deepEqual(valueAt(FIELDS, path), value, path);
});

test("only an object with members has something to show", () => {
  assert.equal(hasFields({ a: 1 }), true);
  assert.equal(hasFields({}), false);
  assert.equal(hasFields(undefined), false);
});

test("a value as text keeps every digit", () => {
  const cases: [JsonValue | undefined, string][] = [
    ["two words", "two words"],
    [new WholeNumber("-9223372036854775808"), "-9223372036854775808"],
    [[new WholeNumber("18446744073709551615")], "[18446744073709551615]"],
    [1.5, "1.5"],
    [false, "false"],
    [null, "null"],
    [undefined, ""],
  ];
  for (const [value, expected] of cases) assert.equal(asText(value), expected);
});

test("JSON is what JSON.stringify writes", () => {
  const value: JsonValue = { a: [1, [], {}, { b: null }], 'q"': "\n\u2028\ud800", c: {}, d: 1e21 };
  assert.equal(json(value), JSON.stringify(value));
  assert.equal(json(value, "pretty"), JSON.stringify(value, null, 2));
});

test("a line as JSON is what is stored, with its offset first", () => {
  const fields = { id: new WholeNumber("18446744073709551615") };
  const line: Line = { ts: "2026-01-01T00:00:00Z", level: "info", message: "paid", fields, offset: 7 };
  assert.equal(
    lineJson(line),
    '{"offset":7,"ts":"2026-01-01T00:00:00Z","level":"info","message":"paid","fields":{"id":18446744073709551615}}',
  );
  const source = '{"ts":"2026-01-01T00:00:00Z","message":"\\u0070aid","fields":{"2":1.50,"1":-0}}';
  assert.equal(lineJson({ ...line, source }), `{"offset":7,${source.slice(1)}`);
});
