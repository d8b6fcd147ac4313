import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer, type Place } from "../src/buffer/buffer.ts";
import { Choice } from "../src/page/choice.svelte.ts";
import { Screen } from "../src/page/screen.svelte.ts";
import { Whereabouts } from "../src/page/whereabouts.ts";
import { A, hole, line, lines } from "./samples.ts";

function scene() {
  const buffer = new Buffer();
  buffer.append([hole([[A, 0, 100]]), ...lines(A, 100, 110), hole([[A, 110, 200]], "between")]);
  const told: string[] = [];
  let arrived = 10;
  const screen = new Screen({
    arrived: () => arrived,
    followed: (following) => void told.push(following ? "follows" : "stopped"),
    moved: () => void told.push("moved"),
    stale: () => void told.push("stale"),
  });
  const choice = new Choice(buffer, {
    get frame() {
      return screen.frame;
    },
    reveal: (_, share) => void told.push(`reveals at ${share}`),
    stop: () => void told.push("reads"),
    changed: () => void told.push("changed"),
  });
  const frame = (first: number, count: number) => screen.show({ first, visible: buffer.slice(first, count), rows: buffer.length });
  const take = () => told.splice(0);
  return { buffer, screen, choice, whereabouts: new Whereabouts(buffer, screen, choice), frame, take, comes: (n: number) => (arrived += n) };
}

const offset = (place: Place | undefined) => (place?.entry.kind === "line" ? place.entry.line.offset : undefined);

test("what stands around the rows is of each frame while one reads, and may be old while one follows", () => {
  const { screen, frame, take } = scene();
  frame(0, 3);
  assert.deepEqual([take(), screen.drawn.visible.length], [[], 3], "the first lines take the place of nothing at once");
  frame(1, 3);
  assert.deepEqual([take(), screen.drawn.first, screen.frame.first], [["stale"], 0, 1]);
  screen.followed(false);
  assert.deepEqual([take(), screen.drawn.first], [["stopped", "moved"], 1]);
  frame(2, 3);
  assert.deepEqual([take(), screen.drawn.first], [["moved"], 2]);
  frame(2, 3);
  assert.deepEqual(take(), [], "nothing is told of a frame like the last one");
  assert.deepEqual(screen.times, { from: 101_000, to: 103_000 });
});

test("lines that come while one is elsewhere are counted until one is back", () => {
  const { screen, comes } = scene();
  screen.followed(false);
  comes(7);
  assert.equal(screen.unseen, 7);
  screen.followed(true);
  assert.equal(screen.unseen, 0);
});

test("the reader is at the row that keys act on, or at the last line that can be seen, or behind all of them", () => {
  const { screen, choice, whereabouts, frame, buffer } = scene();
  frame(1, 4);
  const at = () => whereabouts.line?.line.offset;
  assert.equal(at(), undefined);
  assert.deepEqual(whereabouts.edges("earlier").map((edge) => edge.offset), [200], "the nearest hole before the live end");
  screen.followed(false);
  assert.equal(at(), 103);
  assert.deepEqual(whereabouts.edges("earlier").map((edge) => edge.offset), [100]);
  assert.deepEqual(whereabouts.edges("later"), [{ name: "a", offset: 110, to: 200 }]);
  choice.cursor = buffer.at(2);
  assert.equal(at(), 101);
});

test("keys go on from the cursor, and begin at the edge of what can be seen", () => {
  const { choice, frame, take } = scene();
  frame(3, 4);
  take();
  choice.move(-1, "moving");
  assert.deepEqual([offset(choice.cursor), take()], [105, ["reveals at 0.1", "changed"]]);
  choice.move(1, "moving");
  assert.deepEqual([offset(choice.cursor), take()], [106, ["reveals at 0.8", "changed"]]);
  choice.move(50, "moving");
  assert.equal(choice.cursor?.entry.kind, "hole", "nobody goes beyond the last row");
});

test("rows are chosen on the way, from where choosing began", () => {
  const { choice, frame, buffer, take } = scene();
  frame(3, 4);
  choice.move(1, "choosing");
  choice.move(2, "choosing");
  assert.deepEqual(choice.lines().map(({ line: { offset } }) => offset), [102, 103, 104]);
  take();
  choice.upTo(buffer.at(2) as Place, buffer.at(9) as Place);
  assert.deepEqual(choice.lines().map(({ line: { offset } }) => offset), [101, 102], "from where choosing began, not from the click");
  assert.deepEqual(take(), ["reads", "changed"]);
  choice.clear();
  assert.deepEqual([choice.empty, choice.lines(), offset(choice.cursor)], [true, [], 101]);
  take();
  choice.clear();
  assert.deepEqual(take(), [], "there is nothing to tell");
  assert.equal(choice.has(line(A, 101)), false);
});
