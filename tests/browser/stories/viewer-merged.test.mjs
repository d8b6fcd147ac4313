// Several streams in one view.

import assert from "node:assert/strict";
import { beforeEach } from "node:test";
import { story } from "../browser.mjs";
import { fresh, setStage } from "../stage.mjs";
import { readUp } from "../walk.mjs";

const stage = setStage();

let viewer, root;

beforeEach(() => {
  root = fresh();
});

/** What the store has of a stream, message by message. */
async function stored(stream) {
  const messages = [];
  for (;;) {
    const asked = new URLSearchParams({ stream, from: messages.length, limit: 1_000 });
    const answer = await fetch(`${stage.server.url}v1/lines?${asked}`, { headers: { Authorization: `Bearer ${stage.server.token}`, Accept: "application/json" } });
    const { lines } = await answer.json();
    if (lines.length === 0) return messages;
    messages.push(...lines.map(({ message }) => message));
  }
}

/** Lines `a 0`, `a 1`, … of the stream that ends in `a`, all of them at times of their own. */
const lines = (name, from, to, second) =>
  Array.from({ length: to - from }, (_, i) => ({
    ts: new Date(Date.UTC(2025, 10, 21, 10) + second(from + i) * 1_000).toISOString(),
    message: `${name} ${from + i}`,
  }));

const of = (name, messages) => messages.filter((message) => message.startsWith(`${name} `));

const chip = (name) => viewer.page.getByRole("group", { name: "Streams in this view" }).getByRole("button", { name: `${root}/${name}` });

/** The names at the lines in sight. */
const streams = () =>
  viewer.page.$$eval("[role=log] .row.line .stream", (all) => [...new Set(all.map((stream) => stream.textContent))].toSorted());

story("three streams through a pattern: each in its order, none lost, exact against the store", async () => {
  for (const name of "abc") await stage.send(`${root}/${name}`, [`${name} 0`]);
  viewer = await stage.follow(`${root}/**`);
  const sent = { a: 1, b: 1, c: 1 };
  const send = async (name, most) => {
    while (sent[name] < most) {
      const count = 1 + ((sent[name] * 7) % 13);
      const next = Array.from({ length: count }, (_, i) => `${name} ${sent[name] + i}`);
      sent[name] += count;
      await stage.send(`${root}/${name}`, next);
    }
  };
  await Promise.all([send("a", 500), send("b", 300), send("c", 100)]);
  // Which of them come last is not certain, nor which are in sight then: their number is.
  await viewer.page.getByTitle(`${sent.a + sent.b + sent.c} lines without a level`).waitFor();
  const read = await readUp(viewer);
  for (const name of "abc") assert.deepEqual(of(name, read), await stored(`${root}/${name}`), name);
  assert.equal(read.length, sent.a + sent.b + sent.c);
});

story("the past of several streams is one, in the order of time, page by page up to the first line", async () => {
  // `a` is busy, `b` is not, and `c` ended long ago.
  const all = { a: lines("a", 0, 1_400, (i) => 600 + i), b: lines("b", 0, 140, (i) => 605.5 + i * 10), c: lines("c", 0, 60, (i) => i) };
  for (const [name, sent] of Object.entries(all)) await stage.send(`${root}/${name}`, sent);
  viewer = await stage.follow(`${root}/**`);
  await viewer.waitForMessage("a 1399");
  const order = Object.values(all).flat().toSorted((x, y) => x.ts.localeCompare(y.ts));
  assert.deepEqual(await readUp(viewer), order.map(({ message }) => message));
});

story("a stream that appears later joins the view, and has a colour of its own", async () => {
  await stage.send(`${root}/a`, ["a 0"]);
  viewer = await stage.follow(`${root}/**`);
  await viewer.waitForMessage("a 0");
  await stage.send(`${root}/b`, ["b 0"]);
  await stage.send(`${root}/c`, ["c 0"]);
  for (const message of ["b 0", "c 0"]) await viewer.waitForMessage(message);
  await chip("c").waitFor();
  await viewer.until(streams, ["a", "b", "c"].map((name) => `${root}/${name}`));
  const colours = await viewer.page.$$eval("[role=log] .row.line", (rows) =>
    rows.map((row) => [row.querySelector(".stream"), row.querySelector(".mark-bar")].map((part, i) => getComputedStyle(part)[i ? "backgroundColor" : "color"])));
  assert.equal(new Set(colours.flat()).size, 3);
  for (const [name, bar] of colours) assert.equal(name, bar);
});

story("streams are hidden, shown alone and shown again, and what is hidden goes on to come in", async () => {
  for (const name of "abc") await stage.send(`${root}/${name}`, [`${name} 0`, `${name} 1`]);
  viewer = await stage.follow(`${root}/**`);
  await viewer.waitForMessage("c 1");
  const names = async () => [...new Set((await viewer.messages()).map((message) => message[0]))].toSorted().join("");
  const shows = (wanted) => viewer.until(names, wanted);
  await chip("c").waitFor();
  await chip("b").click();
  await shows("ac");
  await viewer.until(() => chip("b").getAttribute("aria-pressed"), "false");
  // What is hidden has come when its level is counted.
  await stage.send(`${root}/b`, [{ level: "error", message: "b 2" }]);
  await viewer.page.getByRole("group", { name: "Lines by level" }).getByRole("button", { name: "error" }).waitFor();
  await stage.send(`${root}/a`, ["a 2"]);
  await viewer.waitForMessage("a 2");
  assert.equal(await names(), "ac");
  await viewer.waitFor(() => location.hash.includes("hide="));
  await chip("c").click({ modifiers: ["Shift"] });
  await shows("c");
  await viewer.page.getByRole("button", { name: "Show all" }).click();
  await shows("abc");
  assert.deepEqual(of("b", await viewer.messages()), ["b 0", "b 1", "b 2"]);
  await viewer.waitFor(() => !location.hash.includes("hide="));
});

story("hiding a stream keeps the place of what is read", async () => {
  const all = [lines("a", 0, 300, (i) => i), lines("b", 0, 300, (i) => i + 0.5)];
  await stage.send(`${root}/a`, all[0]);
  await stage.send(`${root}/b`, all[1]);
  viewer = await stage.follow(`${root}/**`);
  await viewer.waitForMessage("b 299");
  await chip("b").waitFor();
  await viewer.wheel(-2_000);
  const first = (await viewer.inSight()).find((message) => message.startsWith("a "));
  const { y } = await viewer.boxOf(first);
  await chip("b").click();
  await viewer.drawn();
  const seen = await viewer.inSight();
  assert.ok(Math.abs((await viewer.boxOf(first)).y - y) <= 20, `${first} moved`);
  assert.deepEqual(of("a", seen), seen);
  await chip("b").click();
  await viewer.drawn();
  assert.ok(Math.abs((await viewer.boxOf(first)).y - y) <= 20, `${first} moved`);
});
