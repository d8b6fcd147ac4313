import assert from "node:assert/strict";
import { test } from "node:test";
import { WholeNumber, parse, parseByMarks } from "../dist/json.js";

for (const [how, read] of [["as this engine can", parse], ["without the engine's help", parseByMarks]]) {
  test(`whole numbers are never rounded, ${how}`, () => {
    const text = `{"id":9007199254740993,"less":-9007199254740993,"safe":9007199254740991,"text":"9007199254740993 \\" 1",
      "float":1.2345678901234567890,"exponent":12345678901234567e2,"list":[18446744073709551615]}`;
    const { id, less, safe, text: quoted, float, exponent, list } = read(text);
    assert.ok(id instanceof WholeNumber);
    assert.equal(`${id}`, "9007199254740993");
    assert.ok(id > 9007199254740992n && id > 5);
    assert.equal(String(less), "-9007199254740993");
    assert.deepEqual([safe, quoted, float, exponent], [9007199254740991, '9007199254740993 " 1', 1.2345678901234567, 1234567890123456800]);
    assert.match(JSON.stringify(list), /^\["?18446744073709551615"?\]$/);
  });
}

test("what is no JSON is refused", () => {
  for (const text of ["", "{", '{"id":9007199254740993']) assert.throws(() => parse(text), SyntaxError);
});
