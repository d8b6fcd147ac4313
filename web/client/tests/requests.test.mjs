// Which `subscribe` messages a subscription takes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, personal } from "../dist/names.js";
import { requests } from "../dist/requests.js";

const LAST = { last: 200 };
const wanted = (more) => ({ targets: ["a/**"], from: LAST, cursors: new Map(), takenAway: new Set(), epoch: "e", begun: false, ...more });
const asked = (more, bytes = 16_384) =>
  requests(wanted(more), "Ann", bytes).map(({ streams, from }) => ({ streams, from }));
const resume = (cursors) => ({ cursors, epoch: "e" });

test("a pattern covers what it says, and never a personal stream", () => {
  const table = [
    ["payments/**", "payments", true],
    ["payments/**", "payments/api/eu", true],
    ["payments/**", "pay", false],
    ["payments/*", "payments/api", true],
    ["payments/*", "payments/api/eu", false],
    ["**/api", "api", true],
    ["**/api", "a/b/api", true],
    ["**/api", "a/api/b", false],
    ["**/a/**/z", "x/a/b/a/c/z", true],
    ["a/*/**/z", "a/z", false],
    ["**", "x", true],
    ["**", "@ann", false],
    ["@*", "@ann", true],
    ["@*", "ann", false],
    ["*", "a/b", false],
  ];
  for (const [pattern, name, expected] of table) assert.equal(covers(pattern, name), expected, `${pattern} ${name}`);
  assert.equal(personal("ann@example.org"), "@ann~40example.org");
  assert.equal(personal("Zoë"), "@Zo~c3~ab");
});

test("a subscription begins as it was asked to, and goes on at its cursors", () => {
  assert.deepEqual(asked({}), [{ streams: ["a/**"], from: LAST }]);
  assert.deepEqual(asked({ cursors: new Map([["a/b", 7]]), begun: true }), [
    { streams: ["a/**"], from: resume({ "a/b": 7 }) },
  ]);
});

test("a pattern that met nothing yet wants all of what it meets", () => {
  assert.deepEqual(asked({ begun: true }), [{ streams: ["a/**"], from: resume({}) }]);
});

test("a name without a cursor begins as it was asked to, beside those that go on", () => {
  assert.deepEqual(asked({ targets: ["x", "y", "a/*"], cursors: new Map([["x", 3]]), begun: true }), [
    { streams: ["a/*", "x"], from: resume({ x: 3 }) },
    { streams: ["y"], from: LAST },
  ]);
});

test("cursors of streams that are not asked for are left out", () => {
  const cursors = new Map([["a/b", 1], ["b", 2], ["@Ann", 3], ["@bob", 4]]);
  assert.deepEqual(asked({ targets: ["a/*", "@me"], cursors, begun: true }), [
    { streams: ["a/*", "@Ann"], from: resume({ "a/b": 1, "@Ann": 3 }) },
  ]);
});

test("what was taken away is not asked for by name, and its pattern keeps the cursor", () => {
  const cursors = new Map(Array.from({ length: 500 }, (_, i) => [`a/${"long".repeat(20)}/${i}`, i]));
  const gone = [...cursors.keys()][7];
  const takenAway = new Set([gone]);
  const made = asked({ cursors, takenAway, begun: true });
  assert.equal(made.some(({ streams }) => streams.includes(gone)), false);
  assert.deepEqual(made.at(-1), { streams: ["a/**"], from: resume({ [gone]: 7 }) });
  const few = new Map([["a/b", 1], ["a/c", 2]]);
  assert.deepEqual(asked({ cursors: few, takenAway: new Set(["a/c"]), begun: true }), [
    { streams: ["a/**"], from: resume({ "a/b": 1, "a/c": 2 }) },
  ]);
});

test("what does not fit into one message goes in several, and nothing is asked for twice", () => {
  const cursors = new Map(Array.from({ length: 1000 }, (_, i) => [`a/${"long".repeat(20)}/${i}`, i * 1000]));
  for (const targets of [["a/**"], [...cursors.keys()], [...cursors.keys(), "a/**"]]) {
    const made = requests(wanted({ targets, cursors, begun: true, filter: "\"ä\"".repeat(200) }), "ann", 16_384);
    for (const request of made) assert.ok(Buffer.byteLength(JSON.stringify({ id: "123", ...request })) <= 16_384);
    const names = made.flatMap(({ streams }) => streams);
    assert.equal(new Set(names).size, names.length);
    assert.deepEqual(Object.assign({}, ...made.map(({ from }) => from.cursors)), Object.fromEntries(cursors));
    assert.equal(made.filter(({ streams }) => streams.includes("a/**")).length, targets.includes("a/**") ? 1 : 0);
  }
  const fresh = requests(wanted({ targets: ["b/**", ...cursors.keys()] }), "ann", 16_384);
  assert.deepEqual(fresh.flatMap(({ streams }) => streams), ["b/**", ...cursors.keys()]);
  for (const request of fresh) assert.ok(JSON.stringify(request).length <= 16_384);
});
