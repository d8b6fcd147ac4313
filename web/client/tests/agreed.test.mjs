// The messages that server and clients agree on; see tests/wire.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { mock, test } from "node:test";
import { readMessage } from "../dist/messages.js";
import { Client } from "../dist/tailcast.js";
import { settled, Socket } from "./socket.mjs";

const TEXT = await readFile(new URL("../../../tests/wire/messages.json", import.meta.url), "utf8");
const { client: requests, server: messages } = JSON.parse(TEXT);

test("what the server says is understood, and nothing of it is lost", () => {
  for (const { name, message } of messages) assert.deepEqual(readMessage(JSON.stringify(message)), message, name);
});

test("a message that lacks what all of its kind have is none", () => {
  for (const { type } of messages.map(({ message }) => message)) {
    const all = messages.map(({ message }) => message).filter((message) => message.type === type);
    const always = Object.keys(all[0]).filter((member) => all.every((message) => member in message));
    const needed = always.filter((member) => !OPTIONAL[type]?.includes(member));
    for (const member of needed) {
      const { [member]: _, ...rest } = all[0];
      assert.throws(() => readMessage(JSON.stringify(rest)), { code: "bad_answer" }, `${type} without ${member}`);
    }
  }
});

/** What a client can do without: it has a default, or a use for nothing of it. */
const OPTIONAL = {
  welcome: ["expires_at", "heartbeat_ms", "limits", "requests"],
  subscribed: ["patterns"],
};

/** A subscription of `a` stands. */
function stands(socket, id) {
  const streams = { a: { first_available: 0, next: 9, cursor: 9 } };
  socket.says({ type: "subscribed", id, epoch: "1f0c", streams, patterns: [] });
}

const WELCOME = messages.find(({ message }) => message.type === "welcome").message;

/** What a client sends while a page does all that it can, beginning as `options` say. */
async function sentBy(options) {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  try {
    Socket.opened = [];
    const tokens = ["a.b.c", "d.e.f"];
    const client = new Client({ url: "http://x/", token: async () => tokens.shift(), WebSocket: Socket, onProblem: () => {} });
    const subscription = client.subscribe("a", { on: {}, ...options });
    await settled();
    const [socket] = Socket.opened;
    socket.says({ ...WELCOME, epoch: "1f0c" });
    const [{ id }] = socket.sent;
    stands(socket, id);
    subscription.pause();
    subscription.resume();
    subscription.seek("a", 4).catch(() => {});
    subscription.seek("a", "live").catch(() => {});
    socket.says({ type: "expiring", expires_at: new Date(Date.now() + 60_000).toISOString() });
    mock.timers.tick(1);
    await settled();
    for (const [request, answered] of [["pause", id], ["resume", id], ["seek", id], ["seek", id], ["refresh", "refresh"]]) {
      socket.says({ type: "done", id: answered, request });
    }
    // Nothing is heard for a heartbeat.
    for (let i = 0; i < 12; i += 1) mock.timers.tick(2_500);
    subscription.close();
    mock.timers.tick(1_000);
    client.close();
    return socket.sent;
  } finally {
    mock.timers.reset();
  }
}

/** Which members there are, and of what kind. */
function shape(value) {
  if (Array.isArray(value)) return "list";
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shape(one)]));
}

/** Names of streams stand for members there. */
function shapeOf(message) {
  const { from, ...rest } = message;
  const begin = typeof from === "object" && "cursors" in from ? { cursors: "streams", epoch: "string" } : shape(from);
  return JSON.stringify({ ...shape(rest), ...(from === undefined ? {} : { from: begin }) });
}

test("what the library asks for is as agreed on, and every request that is agreed on can be asked for", async () => {
  const ways = [
    {},
    { from: { last: 200 } },
    { from: { since: new Date(0) } },
    { from: { cursors: { a: 4 }, epoch: "1f0c" } },
    { filter: "level>=warn" },
    { mode: "recent" },
  ];
  const agreed = new Set(requests.map(({ message }) => shapeOf(message)));
  const asked = [];
  for (const options of ways) asked.push(...(await sentBy(options)));
  for (const message of asked) assert.ok(agreed.has(shapeOf(message)), JSON.stringify(message));
  assert.deepEqual(new Set(asked.map(({ type }) => type)), new Set(requests.map(({ message }) => message.type)));
});
