import assert from "node:assert/strict";
import { test } from "node:test";
import { Continuity } from "../../../web/assets/continuity.js";

const STREAM = "payments/api";
const frame = (first, ...lines) => ({ stream: STREAM, first, next: first + lines.length, lines });

function begun(cursor) {
  const continuity = new Continuity();
  continuity.begin(STREAM, cursor);
  return continuity;
}

test("frames that join are passed on whole", () => {
  const continuity = begun(5);
  assert.deepEqual(continuity.accept(frame(5, "a", "b")), { first: 5, lines: ["a", "b"], faults: [] });
  assert.deepEqual(continuity.accept(frame(7, "c")), { first: 7, lines: ["c"], faults: [] });
  assert.deepEqual([...continuity.cursors], [[STREAM, 8]]);
});

test("lines that did not come are a fault, and the next ones are taken", () => {
  const continuity = begun(5);
  assert.deepEqual(continuity.accept(frame(8, "d")), {
    first: 8,
    lines: ["d"],
    faults: [{ kind: "missing", stream: STREAM, from: 5, to: 8 }],
  });
});

test("lines that come a second time are a fault, and only the new ones are taken", () => {
  const continuity = begun(5);
  continuity.accept(frame(5, "a", "b", "c"));
  assert.deepEqual(continuity.accept(frame(7, "c", "d")), {
    first: 8,
    lines: ["d"],
    faults: [{ kind: "repeated", stream: STREAM, from: 7, to: 8 }],
  });
  assert.deepEqual(continuity.accept(frame(5, "a")), {
    first: 6,
    lines: [],
    faults: [{ kind: "repeated", stream: STREAM, from: 5, to: 6 }],
  });
  assert.equal(continuity.cursors.get(STREAM), 9);
});

test("a frame that carries another number of lines than it says is a fault", () => {
  const { faults } = begun(0).accept({ stream: STREAM, first: 0, next: 3, lines: ["a"] });
  assert.deepEqual(faults, [{ kind: "miscounted", stream: STREAM, from: 0, to: 3, count: 1 }]);
});

test("a gap explains what is between its ends and nothing before it", () => {
  const continuity = begun(5);
  assert.deepEqual(continuity.gap({ stream: STREAM, from: 5, to: 9 }), []);
  assert.deepEqual(continuity.accept(frame(9, "a")).faults, []);
  assert.deepEqual(continuity.gap({ stream: STREAM, from: 12, to: 15 }), [
    { kind: "missing", stream: STREAM, from: 10, to: 12 },
  ]);
});

test("being told to be live with lines outstanding is a fault", () => {
  const continuity = begun(5);
  assert.deepEqual(continuity.live({ stream: STREAM, next: 5 }), []);
  assert.deepEqual(continuity.live({ stream: STREAM, next: 7 }), [{ kind: "missing", stream: STREAM, from: 5, to: 7 }]);
});

test("a stream that begins again goes on where it was", () => {
  const continuity = begun(5);
  continuity.accept(frame(5, "a"));
  continuity.begin(STREAM, 20);
  assert.deepEqual(continuity.accept(frame(20, "z")).faults, [{ kind: "missing", stream: STREAM, from: 6, to: 20 }]);
});
