// How long the server has been silent, as a reader is told: from its last word, whatever was tried since.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../dist/tailcast.js";
import { settled, Socket } from "./socket.mjs";

test("a silence goes on through all attempts, from the last word that was heard", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  const states = [];
  const client = new Client({ url: "http://x/", token: "t", WebSocket: Socket });
  client.subscribe("a", { on: {}, onState: (state) => states.push(state) });
  await settled();
  const [first] = Socket.opened;
  first.says({ type: "welcome", session: "s", node: "n", subscriber: "alice", epoch: "e", requests: ["ping"], heartbeat_ms: 5_000 });
  const [{ id }] = first.sent;
  first.says({ type: "subscribed", id, epoch: "e", streams: { a: { first_available: 0, next: 0, cursor: 0 } } });
  const lastWord = Date.now();
  for (let second = 0; second < 90; second += 1) {
    mock.timers.tick(1_000);
    await settled();
  }
  assert.ok(Socket.opened.length > 1, "other connections were tried");
  const silences = states.filter(({ name }) => name === "silent");
  assert.ok(silences.length > 1, "and were silent, too");
  assert.deepEqual([...new Set(silences.map(({ since }) => since.getTime()))], [lastWord]);
  assert.equal(client.heardAt.getTime(), lastWord);
  // A word ends it, on the next connection that is tried.
  for (let second = 0; second < 120 && !Socket.opened.at(-1).onmessage; second += 1) {
    mock.timers.tick(1_000);
    await settled();
  }
  Socket.opened.at(-1).says({ type: "welcome", session: "s", node: "n", subscriber: "alice", epoch: "e", requests: ["ping"], heartbeat_ms: 5_000 });
  assert.equal(client.heardAt.getTime(), Date.now());
  client.close();
});
