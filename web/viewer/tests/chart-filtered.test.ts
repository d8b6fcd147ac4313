// Under a filter the server looks through lines that never come: the chart counts them all the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "tailcast-client";
import { Histogram } from "../src/chart/histogram.ts";
import { Log } from "../src/follow/log.ts";

/** A server's end of a connection that never leaves the process. */
class Socket {
  static last: Socket;
  readonly sent: { id: string }[] = [];
  onmessage: (event: { data: string }) => void = () => {};

  constructor() {
    Socket.last = this;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {}

  says(message: object): void {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

const settled = () => new Promise((done) => setImmediate(done));

/** Offsets that matched, and the range that the server looked through for them. */
const frame = (first: number, next: number, ...offsets: number[]) => ({
  type: "lines",
  stream: "a",
  first,
  next,
  lines: offsets.map((offset) => ({ offset, ts: new Date(offset * 1_000).toISOString(), level: "warn", message: "careful" })),
});

test("what the server looked through for a filter is counted, whether or not anything in it matched", async () => {
  const histogram = new Histogram();
  const nothing = () => undefined;
  const log = new Log({
    streams: ["a"],
    filter: "level>=warn",
    continues: () => false,
    on: {
      lines: (lines, runs) => histogram.add(lines, runs),
      begun: ({ name }, firstAvailable, cursor) => histogram.begins(name, firstAvailable, cursor),
      removed: nothing,
      renewed: nothing,
      changed: nothing,
      state: nothing,
      opened: nothing,
      fault: () => assert.fail("a fault was found"),
      lost: nothing,
      reading: nothing,
      holds: () => false,
    },
  });
  const client = new Client({ url: "http://x/", token: "t", WebSocket: Socket as unknown as typeof WebSocket });
  log.start(client);
  await settled();
  const server = Socket.last;
  server.says({ type: "welcome", session: "s", node: "n", subscriber: "alice", epoch: "e" });
  server.says({ type: "subscribed", id: server.sent[0]?.id, epoch: "e", streams: { a: { first_available: 0, next: 0, cursor: 0 } } });
  for (const message of [frame(0, 10), frame(10, 11, 10), frame(11, 4_000), frame(4_000, 4_002, 4_001)]) server.says(message);
  await settled();
  assert.deepEqual([...histogram.newestUncounted()], []);
  assert.deepEqual(histogram.stored(new Set()), { all: 4_002, uncounted: 0 });
  assert.equal(histogram.totals.warn, 2);
  log.stop();
  client.close();
});
