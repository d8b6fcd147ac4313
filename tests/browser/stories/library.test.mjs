// The client library in Node, against a server that does what a good one seldom does.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock } from "node:test";
import WebSocketOfWs from "ws";
import { Client, TailcastError } from "../../../web/client/dist/tailcast.js";
import { story } from "../browser.mjs";
import { Fake, TOKEN } from "../fake.mjs";
import { range } from "../lines.mjs";

const STREAM = "payments/api";
const numbered = (from, to, more = "") =>
  Array.from({ length: to - from }, (_, i) => ({ ts: "2025-11-21T10:12:03.123456789Z", message: `line ${from + i}${more}` }));
const frame = (first, lines) => ({ type: "lines", stream: STREAM, first, next: first + lines.length, lines });

let fake, client, problems;

beforeEach(async () => {
  fake = await Fake.start();
  problems = [];
});
afterEach(async () => {
  client?.close();
  if (fake.http.listening) await fake.kill();
});

function connect(more) {
  client = new Client({
    url: fake.url,
    token: TOKEN,
    onProblem: ({ code }) => problems.push(code),
    WebSocket: globalThis.WebSocket ?? WebSocketOfWs,
    ...more,
  });
  return client;
}

async function until(condition) {
  for (let i = 0; !condition(); i += 1) {
    assert.ok(i < 6000, `waited too long for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The next events of these types. */
async function take(iterator, count, types = ["lines", "gap", "fault", "dropped", "warning"]) {
  const events = [];
  while (events.length < count) {
    const { value, done } = await iterator.next();
    assert.ok(!done, "it ended");
    if (types.includes(value.type)) events.push(value);
  }
  return events;
}

const offsets = (events) => events.flatMap(({ lines }) => lines.map(({ offset }) => offset));

story("what waits for the consumer outlives the connection, and the cursors are the consumer's", async () => {
  fake.append(STREAM, numbered(0, 250));
  const subscription = connect().subscribe(STREAM, { from: { last: 250 } });
  const events = subscription[Symbol.asyncIterator]();
  assert.deepEqual(offsets(await take(events, 1)), range(0, 100));
  assert.deepEqual(subscription.cursors(), { epoch: "epoch-1", cursors: { [STREAM]: 100 } });
  await until(() => subscription.state.name === "live");
  fake.closeAll(1012, { reason: "draining", retry_after_ms: 0 });
  await until(() => fake.subscribes.length === 2);
  assert.deepEqual(fake.subscribes[1].from, { cursors: { [STREAM]: 250 }, epoch: "epoch-1" });
  assert.deepEqual(client.cursors(), { epoch: "epoch-1", cursors: { [STREAM]: 100 } });
  assert.deepEqual(offsets(await take(events, 2)), range(100, 250));
  fake.append(STREAM, numbered(250, 251));
  assert.deepEqual(offsets(await take(events, 1)), [250]);
});

story("a pattern that met nothing yet loses nothing of what came while there was no connection", async () => {
  const subscription = connect().subscribe("new/**");
  await until(() => subscription.state.name === "live");
  await fake.kill();
  fake.append("new/a", numbered(0, 3));
  await fake.listen();
  const [lines] = await take(subscription[Symbol.asyncIterator](), 1);
  assert.deepEqual([lines.stream, offsets([lines])], ["new/a", [0, 1, 2]]);
});

story("a hole, a repetition and a wrong count are events", async () => {
  fake.append(STREAM, numbered(0, 3));
  const subscription = connect().subscribe(STREAM);
  await until(() => subscription.state.name === "live");
  fake.sendAll(frame(5, numbered(5, 6)));
  fake.sendAll(frame(5, numbered(5, 7)));
  fake.sendAll({ ...frame(7, numbered(7, 8)), next: 9 });
  const events = await take(subscription[Symbol.asyncIterator](), 6);
  assert.deepEqual(
    events.map((event) => (event.type === "fault" ? [event.kind, event.from, event.to] : offsets([event]))),
    [["missing", 3, 5], [5], ["repeated", 5, 6], [6], ["miscounted", 7, 9], [7]],
  );
});

const begun = (id, streams, epoch = "epoch-1") => ({ type: "subscribed", id, epoch, streams, patterns: [] });
const place = (cursor) => ({ first_available: 0, next: cursor, cursor });

story("a stream that is taken away and given back goes on where it was, also after a reconnection", async () => {
  fake.append(STREAM, numbered(0, 3));
  const subscription = connect().subscribe("payments/**");
  await until(() => subscription.state.name === "live");
  const [{ id }] = fake.subscribes;
  const events = subscription[Symbol.asyncIterator]();
  fake.append(STREAM, numbered(3, 5));
  fake.sendAll({ type: "dropped", id, streams: [STREAM], reason: "grant" });
  fake.sendAll(begun(id, { [STREAM]: place(5) }));
  fake.append(STREAM, numbered(5, 6));
  const told = await take(events, 3, ["lines", "dropped", "fault"]);
  assert.deepEqual(told.map(({ type, lines }) => lines?.map(({ offset }) => offset) ?? type), [[3, 4], "dropped", [5]]);
  fake.sendAll({ type: "dropped", id, streams: [STREAM], reason: "grant" });
  await take(events, 1, ["dropped"]);
  assert.deepEqual(subscription.cursors().cursors, { [STREAM]: 6 });
  fake.closeAll(1012, { reason: "draining", retry_after_ms: 0 });
  await until(() => fake.subscribes.length === 2);
  assert.deepEqual(fake.subscribes[1].from, { cursors: { [STREAM]: 6 }, epoch: "epoch-1" });
});

story("a pattern takes over what a name lets go of, where that stood, and nothing is called missing", async () => {
  fake.append(STREAM, numbered(0, 3));
  const named = connect().subscribe(STREAM);
  await until(() => named.state.name === "live");
  fake.onSubscribe = (session, { id }) => {
    fake.send(session, begun(id, {}));
    return true;
  };
  const pattern = client.subscribe("payments/*");
  await until(() => pattern.state.name === "live");
  const [session] = fake.sessions;
  fake.onRequest = (_, { type, id }) => {
    if (type !== "unsubscribe") return false;
    fake.send(session, { type: "done", id, request: type });
    fake.send(session, begun(fake.subscribes[1].id, { [STREAM]: place(4) }));
    fake.send(session, frame(4, numbered(4, 5)));
    return true;
  };
  fake.append(STREAM, numbered(3, 4));
  await take(named[Symbol.asyncIterator](), 1);
  named.close();
  const told = await take(pattern[Symbol.asyncIterator](), 2, ["begin", "lines", "fault"]);
  assert.deepEqual(told.map(({ type, cursor, lines }) => cursor ?? lines?.[0].offset ?? type), [4, 4]);
});

story("a pattern that another passes by its name begins anew once it has the stream again", async () => {
  fake.append(STREAM, numbered(0, 2));
  const pattern = connect().subscribe("payments/*", { from: { last: 2 } });
  await until(() => pattern.state.name === "live");
  await fake.kill();
  const named = client.subscribe(STREAM, { from: { last: 1 } });
  fake.onSubscribe = (session, message) => {
    if (!message.streams.includes("payments/*")) return false;
    fake.send(session, begun(message.id, {}));
    return true;
  };
  await fake.listen();
  await until(() => named.state.name === "live" && pattern.state.name === "live");
  assert.deepEqual(pattern.cursors().cursors, {});
  fake.sendAll(begun(fake.subscribes.at(-1).id, { [STREAM]: place(9) }));
  fake.sendAll(frame(9, numbered(9, 10)));
  const told = await take(pattern[Symbol.asyncIterator](), 4, ["begin", "lines", "fault"]);
  assert.deepEqual(told.map(({ type, cursor, lines }) => cursor ?? lines?.map(({ offset }) => offset) ?? type), [0, [0, 1], 9, [9]]);
});

story("nobody comes back with a token that ended", async () => {
  const subscription = connect({ token: () => TOKEN }).subscribe(STREAM);
  await until(() => subscription.state.name === "live");
  fake.closeAll(4003, { reason: "token_expired", retry_after_ms: 0 });
  await until(() => subscription.state.name === "ended");
  assert.deepEqual([subscription.state.error.code, fake.subscribes.length], ["no_token", 1]);
});

story("a message that makes no sense ends the connection, not the reading", async () => {
  fake.append(STREAM, numbered(0, 3));
  const states = [];
  const subscription = connect().subscribe(STREAM, { from: { last: 3 }, onState: (state) => states.push(state) });
  const events = subscription[Symbol.asyncIterator]();
  await take(events, 1);
  for (const bad of ["{", "7", `{"type":"lines","stream":"${STREAM}","first":"3","next":4,"lines":[{}]}`]) {
    const [session] = fake.sessions;
    session.socket.send(bad);
    await until(() => fake.sessions.size > 0 && !fake.sessions.has(session));
    await until(() => subscription.state.name === "live");
  }
  fake.append(STREAM, numbered(3, 4));
  assert.deepEqual(offsets(await take(events, 1)), [3]);
  const words = states.filter(({ name }) => name === "offline").map(({ why }) => why);
  assert.deepEqual(words, [
    "The server sent a message that is no JSON.",
    "The server sent a message without a type.",
    'The server sent a message of type "lines" without a good "first".',
  ]);
});

story("what a later version says is passed over", async () => {
  const subscription = connect().subscribe(STREAM);
  await until(() => subscription.state.name === "live");
  fake.sendAll({ type: "weather", sunny: true });
  fake.append(STREAM, numbered(0, 1));
  assert.deepEqual(offsets(await take(subscription[Symbol.asyncIterator](), 1)), [0]);
  assert.equal(fake.subscribes.length, 1);
});

story("a consumer that stands still makes the server pause, and one that is flooded all the same loses nothing", async () => {
  const long = "x".repeat(1_000);
  const subscription = connect().subscribe(STREAM, { bufferSize: 65_536 });
  await until(() => subscription.state.name === "live");
  // A good server would stop after the pause. This one sends 2 MB in spite of it.
  for (let sent = 0; sent < 2_000; sent += 50) fake.append(STREAM, numbered(sent, sent + 50, long));
  await until(() => fake.requests.some(({ type }) => type === "unsubscribe"));
  assert.deepEqual(fake.requests.map(({ type }) => type), ["pause", "unsubscribe"]);
  assert.deepEqual([subscription.state.name, subscription.state.slow], ["paused", true]);
  assert.deepEqual(subscription.cursors().cursors, { [STREAM]: 0 });

  const got = [];
  for await (const event of subscription) {
    if (event.type === "lines") got.push(...offsets([event]));
    assert.notEqual(event.type, "fault");
    if (got.length === 2_000) break;
  }
  assert.deepEqual(got, range(0, 2_000));
  assert.ok(fake.subscribes[1].from.cursors[STREAM] > 0, "it was taken up where it had been left");
});

story("cursors of another store end the subscription with wrong_epoch", async () => {
  const from = { epoch: "another", cursors: { [STREAM]: 3 } };
  const subscription = connect().subscribe(STREAM, { from });
  const ended = new TailcastError("wrong_epoch", "The cursors belong to another store.", { epoch: "epoch-1" });
  await assert.rejects(subscription[Symbol.asyncIterator]().next(), ended);
  assert.deepEqual(subscription.state, { name: "ended", error: ended });
  assert.deepEqual(subscription.cursors(), from, "they are as good as they were");
  assert.equal(client.state.name, "open");
});

story("a refusal ends one subscription and leaves the others alone", async () => {
  fake.onSubscribe = (session, { id, filter }) => {
    if (filter) fake.send(session, { type: "error", id, code: "bad_filter", message: "no such level", position: 7 });
    return filter !== undefined;
  };
  const good = connect().subscribe(STREAM);
  const ends = [];
  client.subscribe("b", { filter: "level>=x", on: { end: (error) => void ends.push(error) } });
  await until(() => ends.length > 0);
  assert.deepEqual([ends[0].code, ends[0].details], ["bad_filter", { position: 7 }]);
  await until(() => good.state.name === "live");
});

story("a stream that may not be read any more is named, and the others go on", async () => {
  const subscription = connect().subscribe(["a", "b"]);
  await until(() => subscription.state.name === "live");
  fake.onSubscribe = (session, { id, streams }) => {
    if (!streams.includes("a")) return false;
    fake.send(session, { type: "error", id, code: "stream_not_found", message: "there is no such stream", stream: "a" });
    return true;
  };
  fake.closeAll(1012, { reason: "draining", retry_after_ms: 0 });
  const events = subscription[Symbol.asyncIterator]();
  assert.deepEqual(await take(events, 1), [{ type: "dropped", streams: ["a"], reason: "grant" }]);
  await until(() => subscription.state.name === "live");
  fake.append("b", numbered(0, 1));
  assert.deepEqual((await take(events, 1))[0].stream, "b");
});

story("leaving the loop, close() and `await using` all end it", async () => {
  fake.append(STREAM, numbered(0, 3));
  const left = connect().subscribe(STREAM, { from: { last: 3 } });
  for await (const { type } of left) if (type === "lines") break;
  assert.deepEqual(left.state, { name: "ended" });
  await until(() => fake.requests.length === 1);
  assert.equal(fake.requests[0].type, "unsubscribe");

  const closed = client.subscribe(STREAM);
  await until(() => closed.state.name === "live");
  const ended = (async () => {
    for await (const event of closed) assert.notEqual(event.type, "fault");
  })();
  closed.close();
  await ended;

  const ends = [];
  const disposed = client.subscribe(STREAM, { on: { end: (error) => void ends.push(error) } });
  await disposed[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]();
  assert.deepEqual(ends, [undefined]);
  client.close();
  assert.deepEqual(client.state, { name: "ended" });
  await until(() => fake.sessions.size === 0);
});

story("a token that is refused is asked for again, and what no other helps is an end", async () => {
  const reasons = [];
  const tokens = ["old", TOKEN];
  const provider = (reason) => {
    reasons.push(reason);
    return Promise.resolve(tokens.shift());
  };
  const subscription = connect({ token: provider }).subscribe(STREAM);
  await until(() => subscription.state.name === "live");
  assert.deepEqual(reasons, ["first", "refused"]);

  fake.tokens.clear();
  fake.closeAll(4003, { reason: "token_expired", retry_after_ms: 0 });
  await assert.rejects(take(subscription[Symbol.asyncIterator](), 1), { code: "no_token" });
  assert.deepEqual(reasons, ["first", "refused", "expiring"]);
  assert.equal(client.state.name, "ended");
});

story("a token alone that is refused ends it in the server's words", async () => {
  const subscription = connect({ token: "wrong" }).subscribe(STREAM);
  const refused = new TailcastError("bad_token", "the signature is wrong");
  await assert.rejects(subscription[Symbol.asyncIterator]().next(), refused);
  assert.deepEqual(client.state, { name: "ended", error: refused });
  await assert.rejects(client.streams(), { code: "bad_token", details: { status: 401 } });
});

story("before a token ends another one takes its place on the open session", async () => {
  const reasons = [];
  connect({
    token: (reason) => {
      reasons.push(reason);
      if (reasons.length === 2) throw new Error("the login page is down");
      return reasons.length < 4 ? TOKEN.repeat(reasons.length) : "";
    },
  });
  fake.tokens.add(TOKEN);
  const subscription = client.subscribe(STREAM);
  await until(() => subscription.state.name === "live");
  fake.sendAll({ type: "expiring", expires_at: new Date(Date.now() + 2_000).toISOString() });
  await until(() => fake.requests.length > 0);
  assert.deepEqual(fake.requests, [{ type: "refresh", id: "refresh", token: TOKEN.repeat(3) }]);
  assert.deepEqual(reasons, ["first", "expiring", "expiring"]);
  assert.deepEqual(problems, ["token_expiring"]);
  assert.equal(fake.subscribes.length, 1);
});

story("a token that nobody renews is warned of", async () => {
  const subscription = connect().subscribe(STREAM);
  await until(() => subscription.state.name === "live");
  fake.sendAll({ type: "expiring", expires_at: "2025-11-21T10:00:00Z" });
  await until(() => problems.length > 0);
  assert.deepEqual(problems, ["token_expiring"]);
});

story("pause holds everything back and says how much waits; resume goes on without a seam", async () => {
  const got = [];
  const subscription = connect().subscribe(STREAM, { on: { lines: (event) => void got.push(...offsets([event])) } });
  await until(() => subscription.state.name === "live");
  subscription.pause();
  // Lines that were on their way wait here, the others at the server.
  fake.append(STREAM, numbered(0, 2));
  await until(() => fake.requests.length === 1 && subscription.state.behind === 2);
  fake.sendAll({ type: "behind", id: fake.requests[0].id, stream: STREAM, count: 12 });
  await until(() => subscription.state.behind === 14);
  assert.deepEqual([subscription.state, got], [{ name: "paused", behind: 14, slow: false }, []]);
  subscription.resume();
  await until(() => subscription.state.name === "live" && fake.requests.length === 2);
  assert.deepEqual([got, fake.requests.map(({ type }) => type)], [[0, 1], ["pause", "resume"]]);
});

story("a seek lets go of what waits; one that was not finished on this connection did not happen", async () => {
  fake.append(STREAM, numbered(0, 10));
  const subscription = connect().subscribe(STREAM, { from: { last: 10 } });
  const events = subscription[Symbol.asyncIterator]();
  await until(() => subscription.state.name === "live");
  await subscription.seek(STREAM, 4);
  fake.sendAll(frame(4, numbered(4, 10)));
  assert.deepEqual(offsets(await take(events, 1)), range(4, 10));

  // To the head, which the server did not tell when the connection broke.
  await subscription.seek(STREAM, "live");
  fake.closeAll(1012, { reason: "draining", retry_after_ms: 0 });
  await until(() => fake.subscribes.length === 2);
  assert.deepEqual(fake.subscribes[1].from, { cursors: { [STREAM]: 10 }, epoch: "epoch-1" });
  await until(() => subscription.state.name === "live");
  await subscription.seek(STREAM, "live");
  fake.sendAll({ type: "live", stream: STREAM, next: 90 });
  fake.sendAll(frame(90, numbered(90, 91)));
  assert.deepEqual(offsets(await take(events, 1)), [90]);

  fake.onRequest = () => true;
  const unanswered = subscription.seek(STREAM, 1);
  fake.closeAll(1012, { reason: "draining", retry_after_ms: 60_000 });
  await assert.rejects(unanswered, { code: "offline" });
  await assert.rejects(subscription.seek(STREAM, 1), { code: "offline" });
});

story("a callback that throws is reported, and does not stop the next event", async () => {
  const thrown = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error.message));
  try {
    const got = [];
    const subscription = connect().subscribe(STREAM, {
      onState: ({ name }) => {
        if (name === "live") throw new Error("not live");
      },
      on: {
        lines: ({ first }) => {
          got.push(first);
          throw new Error(`not ${first}`);
        },
      },
    });
    await until(() => subscription.state.name === "live");
    fake.append(STREAM, numbered(0, 1));
    fake.append(STREAM, numbered(1, 2));
    await until(() => thrown.length === 3);
    assert.deepEqual([got, thrown], [[0, 1], ["not live", "not 0", "not 1"]]);
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  }
});

story("a connection on which nobody is left is noticed by a ping, and taken up again", async () => {
  fake.welcome = { heartbeat_ms: 25_000, requests: ["ping"] };
  const [got, states] = [[], []];
  const subscription = connect().subscribe(STREAM, {
    on: { lines: (event) => void got.push(...offsets([event])) },
    onState: ({ name }) => states.push(name),
  });
  await until(() => subscription.state.name === "live");
  const reached = fake.sessions.size;
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  try {
    // The first one is answered, the second one is not.
    mock.timers.tick(25_000);
    await until(() => fake.requests.length === 1);
    fake.onRequest = () => true;
    // What was sent after the answer has come, and so has the answer.
    fake.append(STREAM, numbered(0, 1));
    await until(() => got.length === 1);
    mock.timers.tick(25_000);
    await until(() => fake.requests.length === 2);
    mock.timers.tick(15_001);
    await until(() => states.includes("offline"));
    mock.timers.tick(5_000);
    await until(() => fake.subscribes.length === 2 && subscription.state.name === "live");
  } finally {
    mock.timers.reset();
  }
  assert.deepEqual([reached, fake.requests[0]], [1, { type: "ping", id: "ping" }]);
});

story("a server that knows no ping is not asked for one", async () => {
  const subscription = connect().subscribe(STREAM);
  await until(() => subscription.state.name === "live");
  // Both connections are looked at every so often: between two pings on this one, the other was looked at.
  const asked = await Fake.start();
  asked.welcome = { heartbeat_ms: 25_000, requests: ["ping"] };
  const other = new Client({ url: asked.url, token: TOKEN, WebSocket: globalThis.WebSocket ?? WebSocketOfWs });
  const pinged = other.subscribe(STREAM);
  try {
    await until(() => pinged.state.name === "live");
    mock.timers.enable({ apis: ["Date"], now: Date.now() + 3_600_000 });
    // Time goes on until both are asked for: an answer may come at any moment of it.
    await until(() => {
      mock.timers.tick(250);
      return asked.requests.length >= 2;
    });
    subscription.pause();
    await until(() => fake.requests.length > 0);
  } finally {
    mock.timers.reset();
    other.close();
    await asked.kill();
  }
  assert.deepEqual([fake.requests.map(({ type }) => type), fake.subscribes.length], [["pause"], 1]);
});
