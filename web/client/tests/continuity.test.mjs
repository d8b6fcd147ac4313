import assert from "node:assert/strict";
import { test } from "node:test";
import { Continuity } from "../dist/continuity.js";
import { isComplete } from "../dist/proof.js";

const STREAM = "payments/api";
const line = (message, offset) => ({ ...(offset === undefined ? {} : { offset }), message });
const frame = (first, ...messages) => ({
  type: "lines", stream: STREAM, first, next: first + messages.length, lines: messages.map((message) => line(message)),
});
const fault = (kind, from, to) => ({ type: "fault", kind, stream: STREAM, from, to });

function begun(cursor, filtered = false) {
  const continuity = new Continuity(filtered);
  continuity.begin(STREAM, cursor);
  return continuity;
}

test("frames that join are passed on whole, each line with its offset", () => {
  const continuity = begun(5);
  const first = { first: 5, next: 7, lines: [line("a", 5), line("b", 6)], faults: [] };
  assert.deepEqual(continuity.accept(frame(5, "a", "b")), first);
  assert.deepEqual(continuity.accept(frame(7, "c")), { first: 7, next: 8, lines: [line("c", 7)], faults: [] });
  assert.deepEqual([...continuity.cursors], [[STREAM, 8]]);
});

test("lines that did not come are a fault, and the next ones are taken", () => {
  assert.deepEqual(begun(5).accept(frame(8, "d")), {
    first: 8, next: 9, lines: [line("d", 8)], faults: [fault("missing", 5, 8)],
  });
});

test("lines that come a second time are a fault, and only the new ones are taken", () => {
  const continuity = begun(5);
  continuity.accept(frame(5, "a", "b", "c"));
  assert.deepEqual(continuity.accept(frame(7, "c", "d")), {
    first: 8, next: 9, lines: [line("d", 8)], faults: [fault("repeated", 7, 8)],
  });
  assert.deepEqual(continuity.accept(frame(5, "a")), { first: 9, next: 9, lines: [], faults: [fault("repeated", 5, 6)] });
  assert.equal(continuity.cursors.get(STREAM), 9);
});

test("a frame that carries another number of lines than it says is a fault", () => {
  const { faults } = begun(0).accept({ ...frame(0, "a"), next: 3 });
  assert.deepEqual(faults, [{ ...fault("miscounted", 0, 3), count: 1 }]);
});

test("a gap explains what is between its ends and nothing before it", () => {
  const continuity = begun(5);
  assert.deepEqual(continuity.gap({ stream: STREAM, from: 5, to: 9 }), []);
  assert.deepEqual(continuity.accept(frame(9, "a")).faults, []);
  assert.deepEqual(continuity.gap({ stream: STREAM, from: 12, to: 15 }), [fault("missing", 10, 12)]);
});

test("being told to be live with lines outstanding is a fault", () => {
  const continuity = begun(5);
  assert.deepEqual(continuity.live({ stream: STREAM, next: 5 }), []);
  assert.deepEqual(continuity.live({ stream: STREAM, next: 7 }), [fault("missing", 5, 7)]);
});

test("a stream that begins again goes on where it was", () => {
  const continuity = begun(5);
  continuity.accept(frame(5, "a"));
  continuity.begin(STREAM, 20);
  assert.deepEqual(continuity.accept(frame(20, "z")).faults, [fault("missing", 6, 20)]);
});

test("a filter leaves lines out, but brings none twice and none from elsewhere", () => {
  const filtered = (first, next, ...offsets) => ({
    type: "lines", stream: STREAM, first, next, lines: offsets.map((offset) => line("x", offset)),
  });
  const continuity = begun(5, true);
  assert.deepEqual(continuity.accept(filtered(5, 20, 7, 11)).faults, []);
  assert.deepEqual(continuity.accept(filtered(20, 40)).faults, []);
  assert.deepEqual(continuity.accept(filtered(50, 60, 51)).faults, [fault("missing", 40, 50)]);
  assert.deepEqual(continuity.live({ stream: STREAM, next: 80 }), [fault("missing", 60, 80)]);
  const again = continuity.accept(filtered(70, 90, 75, 85));
  assert.deepEqual(again.lines, [line("x", 85)]);
  assert.deepEqual(again.faults, [fault("repeated", 70, 80)]);
  const wild = continuity.accept(filtered(90, 100, 95, 94));
  assert.deepEqual(wild.faults, [{ ...fault("miscounted", 90, 100), count: 2 }]);
});

test("what was taken away keeps its place, and no more of it than a session may have", () => {
  const continuity = begun(5);
  continuity.takeAway(STREAM);
  assert.deepEqual([...continuity.takenAway], [STREAM]);
  continuity.begin(STREAM, 0);
  assert.deepEqual([[...continuity.takenAway], continuity.cursors.get(STREAM)], [[], 5]);
  for (let i = 0; i <= 1_000; i += 1) {
    continuity.begin(`s/${i}`, 1);
    continuity.takeAway(`s/${i}`);
  }
  assert.deepEqual([continuity.cursors.size, continuity.cursors.has("s/0"), continuity.cursors.has("s/1")], [1_001, false, true]);
});

test("the proof enters every offset twice, and says whether all that was due came once", () => {
  const whole = new Continuity(false, [["a", 10]]);
  whole.accept({ stream: "a", first: 10, next: 12, lines: [{}, {}] });
  whole.gap({ stream: "a", from: 12, to: 20, reason: "retention" });
  whole.live({ stream: "a", next: 20 });
  const sums = { leftOut: 0, gone: 0, missing: 0, repeated: 0, miscounted: 0 };
  assert.deepEqual(whole.proof.streams, [{ stream: "a", next: 20, passed: 10, ...sums, received: 2, gone: 8 }]);
  assert.deepEqual(whole.proof.streams.map(isComplete), [true]);
  const filtered = new Continuity(true, [["a", 0]]);
  filtered.accept({ stream: "a", first: 0, next: 9, lines: [{ offset: 3 }, { offset: 8 }] });
  assert.deepEqual(filtered.proof.streams, [{ stream: "a", next: 9, passed: 9, ...sums, received: 2, leftOut: 7 }]);
  assert.deepEqual(filtered.proof.streams.map(isComplete), [true]);
});

test("the proof is none as soon as a line is missing, repeated or not what its message said", () => {
  const told = [
    { first: 12, next: 13, lines: [{}] },
    { first: 9, next: 11, lines: [{}, {}] },
    { first: 10, next: 12, lines: [{}] },
  ];
  const found = told.map((frame) => {
    const continuity = new Continuity(false, [["a", 10]]);
    continuity.accept({ stream: "a", ...frame });
    const [{ missing, repeated, miscounted }] = continuity.proof.streams;
    return [missing, repeated, miscounted, ...continuity.proof.streams.map(isComplete)];
  });
  assert.deepEqual(found, [[2, 0, 0, false], [0, 1, 0, false], [0, 0, 1, false]]);
});
