import assert from "node:assert/strict";
import { test } from "node:test";
import { Latest } from "../src/page/latest.ts";

test("one thing is done at a time, and of what is asked for meanwhile only the last", async () => {
  const done: number[] = [];
  const ends: (() => void)[] = [];
  const latest = new Latest<number>((what) => {
    done.push(what);
    return new Promise<void>((end) => ends.push(end));
  });
  const settled = () => new Promise((next) => setImmediate(next));
  for (const what of [1, 2, 3]) latest.ask(what);
  assert.deepEqual(done, [1]);
  ends.shift()?.();
  await settled();
  assert.deepEqual(done, [1, 3]);
  ends.shift()?.();
  await settled();
  latest.ask(4);
  assert.deepEqual(done, [1, 3, 4]);
});
