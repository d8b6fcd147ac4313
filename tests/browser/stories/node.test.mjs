// The client library in Node, against a real server: many streams, and many subscriptions on one connection.

import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocketOfWs from "ws";
import { Client } from "../../../web/client/dist/tailcast.js";
import { PATIENCE_MS, story } from "../browser.mjs";
import { range } from "../lines.mjs";
import { startServer } from "../server.mjs";

const Socket = globalThis.WebSocket ?? WebSocketOfWs;

/** One request for all of them. */
function sendTo(server, streams, message) {
  return server.send(undefined, streams.map((stream) => ({ stream, message })));
}

async function until(condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited too long for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

story("hundreds of streams go on after a restart, and new ones are met", async () => {
  const server = await startServer();
  const client = new Client({ url: server.url, token: server.token, WebSocket: Socket });
  try {
    const streams = range(0, 400).map((i) => `many/${"long-name".repeat(8)}/${i}`);
    await sendTo(server, streams, "0");
    const got = new Map();
    const wrong = [];
    const problem = (event) => void wrong.push(event);
    const subscription = client.subscribe("many/**", {
      on: {
        lines: ({ stream, lines }) => {
          const offsets = got.get(stream) ?? got.set(stream, []).get(stream);
          offsets.push(...lines.map(({ offset }) => offset));
        },
        gap: problem,
        fault: problem,
        warning: problem,
        end: problem,
      },
    });
    await until(() => subscription.state.name === "live");
    await sendTo(server, streams, "1");
    await until(() => got.size === 400);
    await server.kill();
    await until(() => subscription.state.name === "offline");
    await server.restart();
    await sendTo(server, [...streams, "many/new"], "2");
    // More cursors than fit into one request: several are asked, no faster than allowed.
    await until(() => [...got.values()].flat().length === 801);
    assert.deepEqual(wrong, []);
    for (const stream of streams) assert.deepEqual(got.get(stream), [1, 2]);
    assert.deepEqual(got.get("many/new"), [0]);
  } finally {
    client.close();
    await server.close();
  }
});

story("subscriptions share a connection, and end one by one", async () => {
  const server = await startServer();
  let opened = 0;
  class Counting extends Socket {
    constructor(...args) {
      super(...args);
      opened += 1;
    }
  }
  const client = new Client({ url: server.url, token: server.token, WebSocket: Counting });
  try {
    const got = [];
    const follow = (streams, name, more) =>
      client.subscribe(streams, { ...more, on: { lines: ({ stream, lines }) => void lines.forEach(({ message }) => got.push(`${name} ${stream} ${message}`)) } });
    const one = follow("a", "one");
    const rest = follow("**", "rest");
    const warnings = follow("b", "warnings", { filter: "level>=warn" });
    await until(() => [one, rest, warnings].every(({ state }) => state.name === "live"));
    const ts = "2026-11-21T14:03:59Z";
    await server.send("b", [{ ts, message: "fine", level: "info" }, { ts, message: "bad", level: "error" }]);
    await sendTo(server, ["a", "c"], "x");
    await until(() => got.length === 3);
    assert.deepEqual(got.toSorted(), ["one a x", "rest c x", "warnings b bad"]);

    const again = client.subscribe("a");
    await assert.rejects(again[Symbol.asyncIterator]().next(), { code: "duplicate_stream", details: { stream: "a" } });
    assert.equal(opened, 1);
    assert.deepEqual(client.cursors().cursors, { a: 1, b: 2, c: 1 });
    one.close();
    const anew = follow("a", "anew", { from: { last: 1 } });
    await until(() => got.includes("anew a x"));
    assert.equal(anew.state.name, "live");

    // A listing may be a second old, and the pattern had one made before there were streams.
    let listed = [];
    for (const begun = Date.now(); listed.length < 3 && Date.now() < begun + PATIENCE_MS; ) {
      listed = (await client.streams("*")).map(({ name, next }) => [name, next]);
    }
    assert.deepEqual(listed, [["a", 1], ["b", 2], ["c", 1]]);
    const { from, next, lines } = await client.lines("b", { last: 1 });
    assert.deepEqual([from, next, lines.map(({ offset, message }) => [offset, message])], [1, 2, [[1, "bad"]]]);
    await assert.rejects(client.lines("none"), { code: "stream_not_found", details: { status: 404 } });
    const buckets = [{ at: "2026-11-21T14:00:00Z", lines: 2, levels: { info: 1, error: 1 } }];
    const counts = { stream: "b", firstAvailable: 0, from: 0, next: 2, width: 3600, buckets };
    assert.deepEqual(await client.counts({ stream: "b", width: 3600 }), counts);
    await assert.rejects(client.counts({ stream: "none" }), { code: "stream_not_found", details: { status: 404 } });
  } finally {
    client.close();
    await server.close();
  }
});

test("an address that is none is refused at once", () => {
  assert.throws(() => new Client({ url: "logs.example.org", token: "t" }), TypeError);
  const client = new Client({ url: "http://127.0.0.1:9/", token: "t" });
  assert.throws(() => client.subscribe([]), TypeError);
  client.close();
});
