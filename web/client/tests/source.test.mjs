import assert from "node:assert/strict";
import { test } from "node:test";
import { Numeral, WholeNumber, parseAsWritten } from "../dist/json.js";
import { parseWithSources } from "../dist/source.js";

const page = (...lines) => `{"type":"lines","stream":"a","first":0,"next":${lines.length},"lines":[${lines.join(",")}]}`;

test("a number that JavaScript would write otherwise is as it was written", () => {
  const written = ["12345678901234567.89", "1e400", "-0", "1.50", "1.0", "1E3", "9223372036854775807", "0.00000001"];
  for (const source of written) {
    const value = parseAsWritten(`{"n":${source}}`).n;
    assert.ok(value instanceof Numeral, source);
    assert.deepEqual([String(value), `${value}`, value.source], [source, source, source]);
  }
  assert.ok(parseAsWritten("9223372036854775807") instanceof WholeNumber);
  assert.ok(parseAsWritten("1.50") == 1.5 && parseAsWritten("1.50") < 2);
  for (const source of ["0", "1.5", "-3", "200", "0.1", "9007199254740991"]) assert.equal(parseAsWritten(source), Number(source));
});

test("a line that JSON.stringify writes as it is stored needs no text of its own", () => {
  const plain = `{"ts":"2026-01-01T00:00:00Z","level":"info","message":"a } \\" b","fields":{"n":1.5,"list":[1,{"x":null}]}}`;
  const { lines } = parseWithSources(page(plain, plain));
  assert.deepEqual(lines, [JSON.parse(plain), JSON.parse(plain)]);
});

test("every other line keeps its text, and its numbers as they were written", () => {
  const odd = [
    `{"ts":"t","message":"amounts","fields":{"amount":12345678901234567.89,"e":1e400,"neg":-0,"tiny":1.50,"id":9223372036854775807}}`,
    `{"ts":"t","message":"order","fields":{"b":1,"2":1,"1":1}}`,
    `{"ts":"t","message":"escapes \\u00e9 { \\" }","fields":{}}`,
    `{"ts":"t","message":"twice","fields":{"a":1,"a":2}}`,
  ];
  const plain = `{"ts":"t","message":"plain"}`;
  const { lines } = parseWithSources(page(...odd.flatMap((line) => [plain, line])));
  assert.deepEqual(lines.map(({ source }) => source), odd.flatMap((line) => [undefined, line]));
  assert.deepEqual(Object.values(lines[1].fields).map(String), ["12345678901234567.89", "1e400", "-0", "1.50", "9223372036854775807"]);
});

test("what the server puts before a line is no part of it", () => {
  const { lines } = parseWithSources(page(`{"offset":7,"ts":"t","message":"x","fields":{"n":1.0}}`, `{"offset":8,"undecided":true,"message":"y","fields":{"n":1.0}}`));
  assert.deepEqual(
    lines.map(({ offset, source }) => [offset, source]),
    [[7, `{"ts":"t","message":"x","fields":{"n":1.0}}`], [8, `{"message":"y","fields":{"n":1.0}}`]],
  );
});

test("other messages are read as ever, and so are lines in another form", () => {
  assert.deepEqual(parseWithSources(`{"type":"live","stream":"a","next":3}`), { type: "live", stream: "a", next: 3 });
  const spaced = parseWithSources(`{"lines":[ {"message":"x","fields":{"n":1.0}} ]}`);
  assert.deepEqual([spaced.lines[0].message, String(spaced.lines[0].fields.n)], ["x", "1.0"]);
  assert.deepEqual(parseWithSources(`{"lines":[]}`), { lines: [] });
  assert.throws(() => parseWithSources(`{"lines":[{]}`), SyntaxError);
});
