// The client library in a real browser, on a page of another origin, against a real server.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, afterEach, before, beforeEach } from "node:test";
import { openBrowser, story } from "../browser.mjs";
import { fresh, names, range } from "../lines.mjs";
import { startServer } from "../server.mjs";

/** By how much the clocks of the page and of the story may differ, in ms. */
const ROUNDED = 2;

let browser, server, origin, page, viewer;

before(async () => {
  browser = await openBrowser();
  server = await startServer();
  origin = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><title>somebody's page</title>");
  });
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
});
after(async () => {
  await browser?.close();
  await server?.close();
  origin?.close();
});
beforeEach(async () => {
  viewer = await browser.open(`http://127.0.0.1:${origin.address().port}/`);
  page = viewer.page;
  await library(server);
});
afterEach(async () => {
  assert.deepEqual(viewer.seen.errors, []);
  await page.close();
});

/** Makes the library of this server known to the page, and what the stories have in common. */
async function library({ url }) {
  await page.evaluate(async (url) => {
    const { Client } = await import(`${url}client/v1/tailcast.js`);
    Object.assign(globalThis, {
      Client,
      /** What every story looks at. */
      seen: { states: [], offsets: [], messages: [], events: [], error: undefined },
      note(event) {
        if (event.type !== "lines") return void seen.events.push(event);
        for (const { offset, message } of event.lines) {
          seen.offsets.push(offset);
          seen.messages.push(message);
        }
      },
      onState: (state) => seen.states.push({ ...state, at: Date.now() }),
    });
  }, url);
}

const seen = () => page.evaluate(() => globalThis.seen);
const waitFor = (condition, argument) => viewer.waitFor(condition, argument);
const waitForLines = (count) => waitFor((count) => seen.offsets.length >= count, count);
const waitForState = (name) => waitFor((name) => globalThis.subscription.state.name === name, name);

/** Iterates in the page over what it follows. */
function iterate({ url, token }, streams, options = {}) {
  return page.evaluate(
    ([url, token, streams, options]) => {
      globalThis.client = new Client({ url, token });
      globalThis.subscription = client.subscribe(streams, { ...options, onState });
      void (async () => {
        try {
          for await (const event of subscription) note(event);
        } catch (error) {
          seen.error = { code: error.code, ...error.details };
        }
      })();
    },
    [url, token, streams, options],
  );
}

story("a server that is killed and started again: every line once, in order, and the reader is told", async () => {
  const own = await startServer();
  try {
    const stream = fresh();
    await own.send(stream, names(0, 100));
    await library(own);
    await iterate(own, stream, { from: { last: 100 } });
    await waitForLines(100);
    for (const sent of [100, 300]) {
      await own.send(stream, names(sent, sent + 100));
      await own.kill();
      await waitForState("offline");
      await own.restart();
      await own.send(stream, names(sent + 100, sent + 200));
      await waitForLines(sent + 200);
      await waitForState("live");
    }
    const { offsets, messages, events, states } = await seen();
    assert.deepEqual(offsets, range(0, 500));
    assert.deepEqual(messages, names(0, 500));
    assert.deepEqual(events.map(({ type }) => type).filter((type) => type !== "live"), ["begin"]);
    assert.ok(states.some(({ name, why }) => name === "offline" && why === "The connection broke."));
  } finally {
    await own.close();
  }
});

story("a server that is stopped says when to come back, and is heeded", async () => {
  const own = await startServer();
  try {
    const stream = fresh();
    await library(own);
    const opened = [];
    const closing = new Promise((resolve) => {
      page.on("websocket", (socket) => {
        opened.push(Date.now());
        socket.on("framereceived", ({ payload }) => {
          if (String(payload).startsWith('{"type":"closing"')) resolve(JSON.parse(payload));
        });
      });
    });
    await iterate(own, stream);
    await waitForState("live");
    await own.send(stream, names(0, 10));
    const before = Date.now();
    await own.drain();
    const hint = await closing;
    await waitFor(() => seen.states.some(({ name }) => name === "offline"));
    const { name, why, until, at } = (await seen()).states.find(({ name }) => name === "offline");
    assert.deepEqual([hint.code, name, why], [1012, "offline", "The server is being stopped."]);
    // It waits exactly so long from when it was told, which was between the order to stop and the page's word of it.
    const told = until - hint.retry_after_ms;
    assert.ok(told >= before - ROUNDED && told <= at + ROUNDED, `told at ${told}, between ${before} and ${at}`);
    await own.restart();
    await own.send(stream, names(10, 20));
    await waitForLines(20);
    assert.deepEqual((await seen()).messages, names(0, 20));
    assert.ok(opened[1] >= until - ROUNDED, "it did not come sooner");
  } finally {
    await own.close();
  }
});

story("the page's token provider keeps one session open past the end of its first token", async () => {
  const stream = fresh();
  const reasons = [];
  let sockets = 0;
  page.on("websocket", () => (sockets += 1));
  const first = await server.tokenFor("reader", "stories/**", "8s");
  await page.exposeFunction("askForToken", (reason) => {
    reasons.push(reason);
    return reason === "first" ? first : server.tokenFor("reader", "stories/**", "1h");
  });
  await page.evaluate(
    ([url, stream, first]) => {
      globalThis.client = new Client({ url, token: askForToken });
      globalThis.subscription = client.subscribe(stream, { on: { lines: note } });
      // Nobody renews it here: this one ends with the token.
      globalThis.ending = new Client({ url, token: first }).subscribe(stream);
    },
    [server.url, stream, first],
  );
  await waitForState("live");
  await waitFor(() => ending.state.name === "ended" && ending.state.error.code === "token_expired");
  await server.send(stream, names(0, 3));
  await waitForLines(3);
  assert.deepEqual([reasons, sockets], [["first", "expiring"], 2]);
});

story("a slow consumer makes the server wait, and gets every line in the end", async () => {
  const stream = fresh();
  let received = 0;
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      const { type, next } = JSON.parse(payload);
      if (type === "lines") received = next;
    });
  });
  await page.evaluate(
    ([url, token, stream]) => {
      let go;
      globalThis.gate = new Promise((resolve) => (go = resolve));
      globalThis.openGate = go;
      globalThis.client = new Client({ url, token });
      globalThis.subscription = client.subscribe(stream, { bufferSize: 65_536, onState });
      void (async () => {
        for await (const event of subscription) {
          note(event);
          if (event.type === "lines") await gate;
        }
      })();
    },
    [server.url, server.token, stream],
  );
  await waitForState("live");
  const long = "x".repeat(1_000);
  const sent = names(0, 4_000).map((name) => `${name} ${long}`);
  // Little at a time, and no more before the page has that, until the server was asked to pause.
  const slow = () => page.evaluate(() => subscription.state.slow);
  let from = 0;
  for (; !(await slow()); from += 20) {
    await server.send(stream, sent.slice(from, from + 20));
    while (received < from + 20 && !(await slow())) await viewer.drawn();
  }
  await server.send(stream, sent.slice(from));
  await waitFor(() => subscription.state.name === "paused" && subscription.state.slow && subscription.state.behind > 0);
  const held = await page.evaluate((stream) => [seen.offsets.length, subscription.cursors().cursors[stream]], stream);
  assert.equal(held[0], held[1]);
  assert.ok(held[0] < 1_000, `${held[0]} lines were taken`);
  await page.evaluate(() => openGate());
  await waitForLines(sent.length);
  const { offsets, messages, events } = await seen();
  assert.deepEqual(offsets, range(0, sent.length));
  assert.deepEqual(messages, sent);
  assert.deepEqual(events.map(({ type }) => type), ["begin", "live"]);
});

story("a page that is closed goes on where it was when it is opened again", async () => {
  const stream = fresh();
  await server.send(stream, names(0, 20));
  const follow = () =>
    page.evaluate(
      ([url, token, stream]) => {
        const saved = JSON.parse(localStorage.getItem("place"));
        globalThis.client = new Client({ url, token });
        globalThis.subscription = client.subscribe(stream, {
          from: saved ?? { last: 10 },
          on: {
            begin: note,
            lines(event) {
              note(event);
              localStorage.setItem("place", JSON.stringify(client.cursors()));
            },
          },
        });
      },
      [server.url, server.token, stream],
    );
  await follow();
  await waitForLines(10);
  const before = (await seen()).offsets;
  await page.reload();
  await server.send(stream, names(20, 30));
  await library(server);
  await follow();
  await waitForLines(10);
  assert.deepEqual([before, (await seen()).offsets], [range(10, 20), range(20, 30)]);
});

story("a filter, a pause, a seek and a refusal", async () => {
  const stream = fresh();
  const line = (i) => ({ level: i % 2 ? "warn" : "info", message: `line ${i}` });
  await server.send(stream, range(0, 20).map(line));
  await iterate(server, stream, { from: { last: 20 }, filter: "level>=warn" });
  await waitForLines(10);
  await waitForState("live");
  assert.deepEqual((await seen()).offsets, range(0, 20).filter((i) => i % 2));

  await page.evaluate(() => subscription.pause());
  await server.send(stream, [line(20), line(21)]);
  await waitFor(() => subscription.state.name === "paused" && subscription.state.behind === 2);
  assert.equal((await seen()).offsets.length, 10);
  await page.evaluate(() => subscription.resume());
  await waitForLines(11);

  await page.evaluate((stream) => subscription.seek(stream, 15), stream);
  await waitForLines(15);
  assert.deepEqual((await seen()).offsets.slice(10), [21, 15, 17, 19, 21]);
  const refused = await page.evaluate(
    (stream) => subscription.seek(stream, 1_000).catch(({ code, details }) => ({ code, ...details })),
    stream,
  );
  assert.deepEqual(refused, { code: "cursor_ahead", stream, next: 22 });

  await iterate(server, stream, { filter: "level>=nonsense" });
  await waitFor(() => seen.error);
  assert.equal((await seen()).error.code, "bad_filter");
});

story("numbers of 64 bits are not rounded on their way to the page", async () => {
  const stream = fresh();
  // JavaScript's own JSON could not send them.
  const posted = await fetch(`${server.url}v1/lines?stream=${stream}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${server.token}`, "Content-Type": "application/x-ndjson" },
    body: '{"message":"big","fields":{"id":18446744073709551615,"small":7}}',
  });
  assert.equal(posted.status, 200);
  const shown = await page.evaluate(
    async ([url, token, stream]) => {
      const client = new Client({ url, token });
      for await (const event of client.subscribe(stream, { from: { last: 1 } })) {
        if (event.type !== "lines") continue;
        const { fields } = event.lines[0];
        client.close();
        return [`${fields.id}`, fields.id > 2n ** 63n, fields.small, JSON.stringify(fields)];
      }
    },
    [server.url, server.token, stream],
  );
  assert.deepEqual(shown, ["18446744073709551615", true, 7, '{"id":18446744073709551615,"small":7}']);
});

story("the cursors of another server's store are refused in words", async () => {
  const own = await startServer();
  try {
    const stream = fresh();
    await server.send(stream, names(0, 3));
    await iterate(server, stream, { from: { last: 3 } });
    await waitForLines(3);
    const saved = await page.evaluate(() => subscription.cursors());
    await own.send(stream, names(0, 9));
    await iterate(own, stream, { from: saved });
    await waitFor(() => seen.error);
    const { error } = await seen();
    assert.equal(error.code, "wrong_epoch");
    assert.notEqual(error.epoch, saved.epoch);
  } finally {
    await own.close();
  }
});
