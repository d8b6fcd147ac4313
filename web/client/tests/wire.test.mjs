// The conversations that every client is held to; see tests/wire.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Client } from "../dist/tailcast.js";
import { settled, Socket } from "./socket.mjs";

const conversations = JSON.parse(await readFile(new URL("../../../tests/wire/conversations.json", import.meta.url), "utf8"));
const EPOCH = "e1";

function told(event) {
  switch (event.type) {
    case "lines":
      return event.lines.length > 0 ? [["lines", ...event.lines.map(({ offset }) => offset)].join(" ")] : [];
    case "gap":
      return [`gap ${event.from} ${event.to} ${event.reason}`];
    case "fault":
      return [{ missing: `fault missing ${event.from} ${event.to}`, repeated: `fault repeated ${event.from}`, miscounted: "fault nonsense" }[event.kind]];
    default:
      return [];
  }
}

for (const { name, filter, cursor, says, told: expected, cursor_after: after } of conversations) {
  test(name, async () => {
    Socket.opened = [];
    const heard = [];
    const client = new Client({ url: "http://x/", token: "t", WebSocket: Socket });
    const hear = (event) => void heard.push(...told(event));
    const on = { lines: hear, gap: hear, fault: hear };
    const subscription = client.subscribe("a", { on, ...(filter ? { filter: "level>=warn" } : {}) });
    await settled();
    const [socket] = Socket.opened;
    socket.says({ type: "welcome", session: "s", node: "n", subscriber: "alice", epoch: EPOCH });
    const [{ id }] = socket.sent;
    socket.says({ type: "subscribed", id, epoch: EPOCH, streams: { a: { first_available: 0, next: 100, cursor } } });
    for (const message of says) socket.says(message);
    await settled();
    const cursors = subscription.cursors();
    client.close();
    // What makes no sense is told, and a client may take of it what it likes.
    const nonsense = heard.indexOf("fault nonsense");
    assert.deepEqual(nonsense < 0 ? heard : heard.slice(0, nonsense + 1), expected);
    if (after !== undefined) assert.deepEqual(cursors, { epoch: EPOCH, cursors: { a: after } });
  });
}
