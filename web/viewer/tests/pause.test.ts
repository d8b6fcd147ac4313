import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { type TestContext, test } from "node:test";
import { pause } from "../src/pause.ts";

test("what was given up before is not waited for", async ({ mock }: TestContext) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const waits = pause(1_000, AbortSignal.abort(new Error("given up")));
  mock.timers.tick(1_000);
  await assert.rejects(waits, /^Error: given up$/);
});

test("what is given up meanwhile ends the waiting, and what is not leaves nothing behind", async ({ mock }: TestContext) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const hunt = new AbortController();
  const waited = pause(1_000, hunt.signal);
  mock.timers.tick(1_000);
  await waited;
  assert.deepEqual(getEventListeners(hunt.signal, "abort"), []);
  const waits = pause(1_000, hunt.signal);
  hunt.abort(new Error("given up"));
  await assert.rejects(waits, /^Error: given up$/);
});
