import assert from "node:assert/strict";
import { test } from "node:test";
import { WholeNumber, type JsonValue, type Level } from "tailcast-client";
import { also, forget, isIn, levelOf, only, withLevel, without, type LevelOperator } from "../src/filter/compose.ts";

/** What is asked for, and how it is said: for these lines, and without them. */
const VALUES: [string, JsonValue, string | undefined, string | undefined][] = [
  ["user", "ann", "user:ann", "-user:ann"],
  ["user", "Ann Lee", `user:"Ann Lee"`, `-user:"Ann Lee"`],
  ["user", "", `user:""`, `-user:""`],
  ["user", `a "b" \\`, `user:"a \\"b\\" \\\\"`, `-user:"a \\"b\\" \\\\"`],
  ["user", "a\nb", `user:"a\\nb"`, `-user:"a\\nb"`],
  ["user", "an*", `user:"an*"`, `-user:"an*"`],
  ["ip", "2001:db8::1", `ip:"2001:db8::1"`, `-ip:"2001:db8::1"`],
  ["at", "12:30:00", `at:"12:30:00"`, `-at:"12:30:00"`],
  ["http.status", 402, `http.status:"402"`, `-http.status:"402"`],
  ["http.method", "GET", "http.method:GET", "-http.method:GET"],
  ["a-", "x", `"a-":x`, `-"a-":x`],
  ["url", "//x", `url:"//x"`, `-url:"//x"`],
  ["content type", "json", `"content type":json`, `-"content type":json`],
  ["status", 402, "status:402", "-status:402"],
  ["status", -7, "status:-7", "-status:-7"],
  ["ratio", 1.5, "ratio>=1.5 ratio<=1.5", "-(ratio>=1.5 ratio<=1.5)"],
  ["ratio", 1e300, "ratio>=1e+300 ratio<=1e+300", "-(ratio>=1e+300 ratio<=1e+300)"],
  ["zero", -0, "zero>=0 zero<=0", "-(zero>=0 zero<=0)"],
  ["id", new WholeNumber("9007199254740993"), "id:9007199254740993", "-id:9007199254740993"],
  ["retry", false, "retry:false", "-retry:false"],
  ["none", null, "none:null", "-none:null"],
  ["level", "warn", "level:warn", "-level:warn"],
  ["fields.level", "custom", "fields.level:custom", "-fields.level:custom"],
  ["message", "paid", "message:paid", "-message:paid"],
  ["ts", "2026-11-21T10:00:00.5Z", "ts:2026-11-21T10:00:00.5Z", "-ts:2026-11-21T10:00:00.5Z"],
  // What no filter can say.
  ["level", "loud", undefined, undefined],
  ["half", "\ud800", undefined, undefined],
  ["object", { a: 1 }, undefined, undefined],
  ["list", [1], undefined, undefined],
  ["", "x", undefined, undefined],
  ["long", "x".repeat(4_100), undefined, undefined],
];

test("any value that a filter can say is said, added once, and taken out again", () => {
  for (const [path, value, yes, no] of VALUES) {
    assert.equal(only("", path, value), yes);
    assert.equal(without("", path, value), no);
    if (yes === undefined || no === undefined) continue;
    assert.equal(only("x", path, value), `x ${yes}`);
    assert.equal(only("a OR b", path, value), `(a OR b) ${yes}`);
    assert.equal(only(`x ${yes} y`, path, value), `x ${yes} y`);
    assert.equal(without(`x ${no} y`, path, value), `x ${no} y`);
    assert.equal(isIn(`x ${yes}`, path, value), "only");
    assert.equal(isIn(`x ${no}`, path, value), "without");
    assert.equal(isIn("x", path, value), undefined);
    assert.equal(isIn(`x OR ${yes}`, path, value), undefined);
    assert.equal(only(`x ${no} y`, path, value), `x y ${yes}`);
    assert.equal(without(`x ${yes} y`, path, value), `x y ${no}`);
    assert.equal(forget(`(a OR b) ${yes}`, path, value), "a OR b");
    assert.equal(forget(no, path, value), "");
  }
});

test("a term is known however it was written", () => {
  for (const filter of [`status:"402"`, "fields.status:402", `("a") "status":402`]) {
    assert.equal(isIn(filter, "status", 402), "only", filter);
    assert.equal(only(filter, "status", 402), filter);
  }
  for (const filter of ["status:402*", "status=402", "status>=402", "(status:402)", "status:402 OR x", "status:4020", "stat:402"]) {
    assert.equal(isIn(filter, "status", 402), undefined, filter);
  }
  assert.equal(isIn("fields.level:warn", "level", "warn"), undefined);
  assert.equal(isIn("level:WARN", "level", "warn"), "only");
  assert.equal(isIn("--status:402", "status", 402), "only");
});

test("what was not written by us stays as it was", () => {
  const table: [string, string | undefined][] = [
    ["  a   b ", "a   b user:x"],
    ["-(a OR b)", "-(a OR b) user:x"],
    ["(a OR b)", "(a OR b) user:x"],
    ["a  OR\tb c", "(a  OR\tb c) user:x"],
    [`"a OR b"`, `"a OR b" user:x`],
    [`a"b"`, `a"b" user:x`],
    // Where the server finds fault, nothing is added.
    ["a (b", undefined],
    ["a )", undefined],
    ["a OR", undefined],
    ["a AND", undefined],
    ["a NOT", undefined],
    ["NOT OR a", undefined],
    ["(a AND) b", undefined],
    [`a "b`, undefined],
    // What is text.
    ["a)", "a) user:x"],
    ["()", "() user:x"],
    ["a -", "a - user:x"],
    ["a:", "a: user:x"],
    ["foo(bar", "foo(bar user:x"],
  ];
  for (const [filter, expected] of table) assert.equal(only(filter, "user", "x"), expected, filter);
});

test("an AND goes with the term that it joins", () => {
  assert.equal(forget("user:x AND b", "user", "x"), "b");
  assert.equal(forget("a AND user:x AND b", "user", "x"), "a AND b");
  assert.equal(forget("a AND user:x", "user", "x"), "a");
  assert.equal(only("NOT user:x AND b", "user", "x"), "b user:x");
});

test("a filter does not grow beyond what the server takes", () => {
  const nested = (depth: number) => `${"(".repeat(depth - 1)}a${")".repeat(depth - 1)} OR b`;
  assert.equal(also(nested(16), "c"), `(${nested(16)}) c`);
  assert.equal(also(nested(17), "c"), undefined);
  assert.equal(also("a ".repeat(63), "c")?.length, 127);
  assert.equal(also("a ".repeat(64), "c"), undefined);
  assert.equal(also("/a/ ".repeat(7), "/b/")?.length, 31);
  assert.equal(also("/a/ ".repeat(8), "/b/"), undefined);
  assert.equal(also("é".repeat(2_047), "c")?.length, 2_049);
  assert.equal(also("é".repeat(2_048), "c"), undefined);
  assert.equal(also("NOT ".repeat(16) + "a", "c"), "NOT ".repeat(16) + "a c");
  assert.equal(also("NOT ".repeat(17) + "a", "c"), undefined);
});

test("one term says the level", () => {
  const table: [string, LevelOperator, Level | undefined, string | undefined][] = [
    ["", ">=", "warn", "level>=warn"],
    ["x", ">=", "warn", "x level>=warn"],
    ["a OR b", ">=", "warn", "(a OR b) level>=warn"],
    ["level:info x", ">=", "warn", "level>=warn x"],
    ["level>=info x level<error", ":", "warn", "level:warn x"],
    ["x level:* y", ">=", "debug", "x level>=debug y"],
    ["-level:debug", ">=", "warn", "-level:debug level>=warn"],
    ["(a OR b) level>=warn", ">=", undefined, "a OR b"],
    ["x level>=warn y", ">=", undefined, "x y"],
    ["level:info OR x", ">=", undefined, "level:info OR x"],
    ["x", ">=", undefined, "x"],
    ["a (", ">=", "warn", undefined],
  ];
  for (const [filter, operator, level, expected] of table) assert.equal(withLevel(filter, operator, level), expected, filter);
});

test("the level that a filter asks for is read back", () => {
  const table: [string, ReturnType<typeof levelOf>][] = [
    ["x level>=WARN", { operator: ">=", level: "warn" }],
    [`level:"info"`, { operator: ":", level: "info" }],
    ["level:*", undefined],
    ["level>=info level<error", undefined],
    ["-level:info", undefined],
    ["level:info OR x", undefined],
    ["fields.level:info", undefined],
    ["", undefined],
    ["level>=", undefined],
  ];
  for (const [filter, expected] of table) assert.deepEqual(levelOf(filter), expected, filter);
});

test("among decimals a whole number is asked for by what it is worth, as it may be written 402.0", () => {
  const filter = only("x", "ms", 402, "decimal");
  assert.equal(filter, "x ms>=402 ms<=402");
  assert.equal(without("", "ms", 402, "decimal"), "-(ms>=402 ms<=402)");
  assert.equal(isIn("ms>=402 ms<=402", "ms", 402, "decimal"), "only");
  assert.equal(without("x ms>=402 ms<=402", "ms", 402, "decimal"), "x -(ms>=402 ms<=402)");
  assert.equal(forget("x ms>=402 ms<=402", "ms", 402, "decimal"), "x");
  // Nothing but numbers is written in two ways.
  assert.deepEqual(["402", true, null, new WholeNumber("9007199254740993")].map((value) => only("", "a", value, "decimal")), [
    "a:402", "a:true", "a:null", "a:9007199254740993",
  ]);
});
