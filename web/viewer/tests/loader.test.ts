import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer } from "../src/buffer/buffer.ts";
import type { HoleEntry, LineEntry } from "../src/buffer/entry.ts";
import { Loader } from "../src/page/loader.ts";
import { A, B, hole, line } from "./samples.ts";

/** A log of two holes around a line, whose loads answer what the test says. */
function scene({ following = false, roomAbove = false, hidden = "" } = {}) {
  const [earlier, between] = [hole([[A, 0, 10]]), hole([[A, 11, 20]], "between")];
  const buffer = new Buffer();
  buffer.append([earlier, line(A, 10), between]);
  const loads: string[] = [];
  let answer: readonly LineEntry[] | undefined = [line(A, 9)];
  const loader = new Loader({
    log: {
      buffer,
      isLoading: () => false,
      load: async ({ reason }: HoleEntry, side) => {
        loads.push(`${reason} ${side}`);
        return answer;
      },
    },
    following: () => following,
    roomAbove: () => roomAbove,
    shown: () => (entry) => entry.kind !== "line" || entry.stream.name !== hidden,
  });
  return { loader, loads, earlier, between, answers: (lines: readonly LineEntry[] | undefined) => (answer = lines) };
}

const settled = () => new Promise((done) => setImmediate(done));

test("a hole that comes near is loaded from the side that is read", () => {
  const { loader, loads, earlier, between } = scene();
  loader.near(earlier, "end");
  loader.near(between, "start");
  assert.deepEqual(loads, ["earlier end", "between start"]);
});

test("who follows has loaded what there is room for, and no more", () => {
  for (const [roomAbove, expected] of [[false, []], [true, ["earlier end"]]] as const) {
    const { loader, loads, earlier, between } = scene({ following: true, roomAbove });
    loader.near(earlier, "end");
    loader.near(between, "end");
    assert.deepEqual(loads, expected);
  }
});

test("a hole that gave nothing is loaded again only when the reader asks for it", async () => {
  const { loader, loads, earlier, answers } = scene();
  answers(undefined);
  loader.near(earlier, "end");
  await settled();
  loader.near(earlier, "end");
  assert.deepEqual(loads, ["earlier end"]);
  loader.fill(earlier);
  assert.deepEqual(loads, ["earlier end", "earlier end"]);
});

test("lines that are all hidden end the loading of what is near", async () => {
  const { loader, loads, earlier, between, answers } = scene({ hidden: "b" });
  answers([line(B, 9)]);
  loader.near(earlier, "end");
  await settled();
  loader.near(between, "start");
  assert.deepEqual(loads, ["earlier end"]);
});

test("a hole below lines is filled from its start, the first one from its end", () => {
  const { loader, loads, earlier, between } = scene();
  loader.fill(between);
  loader.fill(earlier);
  assert.deepEqual(loads, ["between start", "earlier end"]);
});
