import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { asName, asValue, pathOf, placeOf, plainName, quoted, tokens } from "../src/filter/syntax.ts";

/** The tokens without spaces, as `kind text`; `*` for a prefix, `!` for what cannot stand so. */
function read(text: string): string[] {
  const said = tokens(text).filter(({ kind }) => kind !== "space");
  return said.map(({ kind, text, prefix, faulty }) => `${kind} ${text}${prefix ? "*" : ""}${faulty ? "!" : ""}`);
}

/** What the server reads, too: lines/src/filter/tests/pasted.rs. */
const AGREED: { filter: string; tokens: string[] }[] = JSON.parse(
  readFileSync(new URL("../../../tests/wire/filters.json", import.meta.url), "utf8"),
);

/** What cannot stand so, or is not finished. */
const UNFINISHED: [string, string[]][] = [
  [`a "b`, ["word a", "phrase b!"]],
  [`a:"b`, ["name a", "operator :", "value b!"]],
  ["a:b*c", ["name a", "operator :", "value b*c!"]],
  ["level>=", ["name level", "operator >=!"]],
  ["ts< x", ["name ts", "operator <!", "word x"]],
  ["a )", ["word a", "close )"]],
];

const GRAMMAR: [string, string[]][] = [...AGREED.map(({ filter, tokens }): [string, string[]] => [filter, tokens]), ...UNFINISHED];

test("a filter is read as the server reads it", () => {
  assert.ok(AGREED.length > 100);
  for (const [text, expected] of GRAMMAR) assert.deepEqual(read(text), expected, text);
});

test("tokens cover the whole text", () => {
  for (const [text] of GRAMMAR) {
    assert.equal(tokens(text).map(({ from, to }) => text.slice(from, to)).join(""), text);
  }
});

test("any text is read, however long", () => {
  for (const text of [`"${"\\".repeat(100_001)}`, "(".repeat(100_000), `/${"\\/".repeat(100_000)}`, "a:".repeat(50_000)]) {
    assert.equal(tokens(text).at(-1)?.to, text.length);
  }
});

test("a value is quoted when it needs it, and reads as it was", () => {
  const table: [string, string | undefined][] = [
    ["POST", "POST"],
    ["/healthz", "/healthz"],
    ["12:30:00", `"12:30:00"`],
    ["a-b", "a-b"],
    ["Ann Lee", `"Ann Lee"`],
    ["", `""`],
    ["*", `"*"`],
    ["(x)", `"(x)"`],
    [`say "x"`, `"say \\"x\\""`],
    ["C:\\dir", `"C:\\\\dir"`],
    ["a\nb\r\t", `"a\\nb\\r\\t"`],
    ["\u0000\u202e\u00a0\ufeff\u2028", `"\\u0000\\u202e\\u00a0\\ufeff\\u2028"`],
    ["//cdn", `"//cdn"`],
    [">5", `">5"`],
    ["日本 😀", `"日本 😀"`],
    ["😀", "😀"],
    ["\ud800", undefined],
  ];
  for (const [value, expected] of table) {
    const said = asValue(value);
    assert.equal(said, expected);
    if (said !== undefined) assert.deepEqual(read(`f:${said}`).at(-1), `value ${value}`);
  }
});

test("a name is quoted when it needs it", () => {
  const table: [string, string | undefined][] = [
    ["http.method", "http.method"],
    ["@t", "@t"],
    ["content type", `"content type"`],
    ["1st", `"1st"`],
    ["-x", `"-x"`],
    [`"q"`, `"\\"q\\""`],
    ["a\nb", `"a\\nb"`],
    ["", undefined],
  ];
  for (const [name, expected] of table) assert.equal(asName(name), expected);
});

test("a phrase in quotes reads as it was", () => {
  for (const text of ["OR", "-", `a "b" \\ c`, "a\u0001b"]) assert.deepEqual(read(quoted(text) ?? ""), [`phrase ${text}`]);
});

test("fields that are called like the line's own are told apart", () => {
  const table: [string[], string | undefined][] = [
    [["status"], "status"],
    [["http", "method"], "http.method"],
    [["level"], "fields.level"],
    [["level", "name"], "level.name"],
    [["fields", "x"], "fields.fields.x"],
    [["a", ""], undefined],
    [[], undefined],
  ];
  for (const [names, path] of table) assert.equal(pathOf(names), path);
});

test("a name that says more than it needs is made plain", () => {
  const table: [string, string][] = [
    ["status", "status"],
    ["fields.status", "status"],
    ["fields.level", "fields.level"],
    ["fields.fields.x", "fields.fields.x"],
    ["level", "level"],
  ];
  for (const [name, plain] of table) assert.equal(plainName(name), plain);
});

test("the server's position, in characters, is found in the text", () => {
  assert.equal(placeOf("é😀)", 2), 3);
  assert.equal(placeOf("abc", 3), 3);
  assert.equal(placeOf("abc", 9), 3);
});
