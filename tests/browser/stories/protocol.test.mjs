// What the page makes of every turn that the protocol can take, most of which a good server seldom takes.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { openBrowser, story } from "../browser.mjs";
import { Fake, TOKEN } from "../fake.mjs";

const STREAM = "payments/api";
const line = (message, more) => ({ ts: "2025-11-21T10:12:03.123456789Z", level: "info", message, fields: {}, ...more });
const numbered = (from, to) => Array.from({ length: to - from }, (_, i) => line(`line ${from + i}`));
const names = (from, to) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
const frame = (first, lines) => ({ type: "lines", stream: STREAM, first, next: first + lines.length, lines });

let browser, fake, viewer;

before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());
beforeEach(async () => {
  fake = await Fake.start();
});
afterEach(async () => {
  assert.deepEqual({ violations: viewer.seen.violations, errors: viewer.seen.errors }, { violations: [], errors: [] });
  assert.deepEqual([...viewer.seen.hosts], [new URL(fake.url).host]);
  await viewer.page.close();
  if (fake.http.listening) await fake.kill();
});

/** A reader with a good token who opened a stream and sees it live. */
async function follow(stream = STREAM) {
  viewer = await browser.open(`${fake.url}#token=${TOKEN}`);
  await viewer.page.waitForFunction(() => location.hash === "#/");
  await viewer.page.goto(`${fake.url}#/stream/${stream}`);
  await viewer.waitForState(/^live$/);
}

story("a token leaves the address at once and stays in the tab", async () => {
  fake.append(STREAM, [line("hello")]);
  viewer = await browser.open(`${fake.url}#token=${TOKEN}`);
  await viewer.page.getByRole("link", { name: STREAM }).waitFor();
  assert.equal(viewer.page.url(), `${fake.url}#/`);
  await viewer.page.reload();
  await viewer.page.getByRole("link", { name: STREAM }).click();
  await viewer.waitForMessage("hello");
  assert.equal(viewer.page.url(), `${fake.url}#/stream/${STREAM}`);
  assert.equal(await viewer.page.evaluate(() => JSON.stringify(localStorage) + document.cookie), "{}");
});

story("a token can be pasted, and a wrong one is refused in words", async () => {
  fake.append(STREAM, [line("hello")]);
  viewer = await browser.open(fake.url);
  const paste = async (text) => {
    await viewer.page.getByLabel("Token", { exact: true }).fill(text);
    await viewer.page.getByRole("button", { name: "Read logs" }).click();
  };
  await paste("what is this");
  await viewer.page.getByText("That is not a token.").waitFor();
  await paste("wrong.fake.token");
  await viewer.page.getByText("The server refuses this token: the signature is wrong").waitFor();
  await paste(`Bearer ${TOKEN}`);
  await viewer.page.getByRole("link", { name: STREAM }).waitFor();
});

story("the search narrows the list, and a pattern can be typed", async () => {
  for (const name of ["payments/api", "payments/ledger", "web/nginx"]) fake.append(name, [line(`from ${name}`)]);
  viewer = await browser.open(`${fake.url}#token=${TOKEN}`);
  await viewer.page.getByRole("link", { name: "web/nginx" }).waitFor();
  await viewer.page.keyboard.press("/");
  await viewer.page.keyboard.type("payments/**");
  await viewer.page.keyboard.press("Enter");
  await viewer.waitForState(/^live$/);
  assert.deepEqual((await viewer.messages()).toSorted(), ["from payments/api", "from payments/ledger"]);
  assert.equal(viewer.page.url(), `${fake.url}#/stream/payments/**`);
  await viewer.page.getByLabel("Find a stream").fill("NGINX");
  const found = await viewer.page.$$eval("#streams .name", (all) => all.map((name) => name.textContent));
  assert.deepEqual(found, ["web/nginx", "Follow NGINX"]);
});

story("the last 200 lines come first, then what arrives", async () => {
  fake.append(STREAM, numbered(0, 500));
  await follow();
  assert.deepEqual(await viewer.messages(), names(300, 500));
  fake.append(STREAM, numbered(500, 503));
  await viewer.waitForMessage("line 502");
  assert.deepEqual(await viewer.messages(), names(300, 503));
});

story("earlier lines come from the store without moving what is read", async () => {
  fake.append(STREAM, numbered(0, 900));
  await follow();
  await viewer.scrollBy(-100_000);
  const front = viewer.page.locator(".edge");
  await front.getByText("700 earlier lines in the store.").waitFor();
  const place = () =>
    viewer.page.$$eval("#log .message", (all) =>
      all.find((message) => message.textContent === "line 700").getBoundingClientRect().top);
  const top = await place();
  await front.getByRole("button").click();
  await viewer.waitForMessage("line 200");
  assert.ok(Math.abs((await place()) - top) < 1, `moved from ${top} to ${await place()}`);
  await viewer.scrollBy(-100_000);
  await front.getByRole("button").click();
  await front.getByText("The beginning of the stream.").waitFor();
  assert.deepEqual(await viewer.messages(), names(0, 900));
});

story("the rows stay bounded, what is let go is said and comes back on a click", async () => {
  fake.append(STREAM, numbered(0, 10));
  await follow();
  for (let sent = 10; sent < 12_010; sent += 1_000) fake.append(STREAM, numbered(sent, sent + 1_000));
  await viewer.waitForMessage("line 12009");
  const rows = await viewer.page.$$eval("#log .rows .row", (all) => all.length);
  assert.ok(rows >= 5_000 && rows <= 5_250, `${rows} rows`);
  await viewer.scrollBy(-1_000_000);
  const [first] = await viewer.messages();
  const gone = Number(first.split(" ")[1]);
  await viewer.page.getByText(`${gone.toLocaleString("en")} earlier lines not on the page any more.`).waitFor();
  await viewer.page.locator(".edge .load").first().click();
  await viewer.waitForMessage(`line ${gone - 500}`);
  const loaded = await viewer.messages();
  assert.deepEqual(loaded, names(gone - 500, gone - 500 + loaded.length));
  await viewer.badge().click();
  await viewer.waitForMessage("line 12009");
});

story("a reader who scrolled up keeps the place while thousands of lines pass, and finds every one of them", async () => {
  fake.append(STREAM, numbered(0, 200));
  await follow();
  await viewer.scrollBy(-600);
  await viewer.badge().waitFor();
  const place = () =>
    viewer.page.evaluate(() => {
      const top = document.getElementById("log").getBoundingClientRect().top;
      const row = [...document.querySelectorAll("#log .row")].find((row) => row.getBoundingClientRect().bottom > top + 1);
      return `${row.textContent} at ${Math.round(row.getBoundingClientRect().top)}`;
    });
  const before = await place();
  for (let sent = 200; sent < 15_200; sent += 500) fake.append(STREAM, numbered(sent, sent + 500));
  await viewer.page.getByRole("button", { name: "15,000 new lines" }).waitFor();
  assert.equal(await place(), before);
  const rows = await viewer.page.$$eval("#log .rows .row", (all) => all.length);
  assert.ok(rows <= 5_250, `${rows} rows`);

  // Down to where the rows end: what was let go in between is a row, and comes on a click.
  const hole = viewer.page.locator(".rows .edge .load");
  await viewer.page.locator("#log").hover();
  // As a reader does: turns the wheel until the end is there. A page that is busy drawing may not heed every turn.
  while ((await hole.count()) === 0) {
    await viewer.page.mouse.wheel(0, 1_000_000);
    await viewer.page.evaluate(() => new Promise(requestAnimationFrame));
  }
  const lineAround = (step) =>
    hole.evaluate((button, name) => button.closest(".row")[name].querySelector(".message").textContent, step);
  const last = Number((await lineAround("previousElementSibling")).split(" ")[1]);
  await hole.click();
  await viewer.waitForMessage(`line ${last + 500}`);
  assert.equal(await lineAround("previousElementSibling"), `line ${last + 500}`);

  await viewer.page.keyboard.press("End");
  await viewer.waitForMessage("line 15199");
  assert.ok(await viewer.badge().isHidden());
});

story("a gap is a row of its own", async () => {
  fake.append(STREAM, numbered(0, 3));
  await follow();
  fake.sendAll({ type: "gap", stream: STREAM, from: 3, to: 10, reason: "skipped" });
  fake.sendAll(frame(10, [line("after")]));
  await viewer.waitForMessage("after");
  assert.deepEqual(await viewer.notes(), [`Gap: 7 lines of ${STREAM} skipped to keep up (3 to 9)`]);
});

story("lines that are missing or come twice are shown as faults", async () => {
  fake.append(STREAM, numbered(0, 3));
  await follow();
  fake.sendAll(frame(5, [line("line 5")]));
  fake.sendAll(frame(5, [line("line 5"), line("line 6")]));
  await viewer.waitForMessage("line 6");
  assert.deepEqual(await viewer.messages(), ["line 0", "line 1", "line 2", "line 5", "line 6"]);
  assert.deepEqual(await viewer.notes(), [
    `Fault: 2 lines did not arrive (${STREAM}, 3 to 4)`,
    `Fault: 1 line arrived a second time and stands here once (${STREAM}, 5 to 5)`,
  ]);
  await viewer.page.getByText("2 faults").waitFor();
});

story("a broken connection is taken up where it ended, gap and all", async () => {
  fake.append(STREAM, numbered(0, 5));
  await follow();
  await fake.kill();
  await viewer.waitForState(/^offline, retrying/);
  const stream = fake.streams.get(STREAM);
  stream.lines.push(...numbered(5, 20));
  stream.lines.splice(0, 8);
  stream.floor = 8;
  await fake.listen();
  await viewer.waitForMessage("line 19");
  await viewer.waitForState(/^live$/);
  assert.deepEqual(await viewer.messages(), [...names(0, 5), ...names(8, 20)]);
  assert.deepEqual(await viewer.notes(), [`Gap: 3 lines of ${STREAM} not kept any more (5 to 7)`]);
  assert.deepEqual(fake.subscribes.at(-1).from, { cursors: { [STREAM]: 5 }, epoch: "epoch-1" });
});

story("another store behind the same address is said, and begins anew", async () => {
  fake.append(STREAM, numbered(0, 5));
  await follow();
  await fake.kill();
  fake.epoch = "epoch-2";
  fake.streams.clear();
  fake.append(STREAM, [line("of the new store")]);
  await fake.listen();
  await viewer.waitForMessage("of the new store");
  assert.deepEqual(await viewer.messages(), [...names(0, 5), "of the new store"]);
  assert.match((await viewer.notes()).join(), /another store/);
});

story("a store that was set back is a fault, and is followed from where it is", async () => {
  fake.append(STREAM, numbered(0, 5));
  await follow();
  fake.onSubscribe = (session, { id, from }) => {
    if (from.cursors[STREAM] <= 3) return false;
    fake.send(session, { type: "error", id, code: "cursor_ahead", message: "the head is 3", stream: STREAM, next: 3 });
    return true;
  };
  fake.streams.get(STREAM).lines.length = 3;
  fake.closeAll(1012);
  await viewer.waitForNote("the store was set back; 2 lines shown above are not in it");
  await viewer.waitForState(/^live$/);
  fake.append(STREAM, [line("another third")]);
  await viewer.waitForMessage("another third");
});

story("the server's own time to come back is heeded and shown", async () => {
  await follow();
  fake.closeAll(1012, { reason: "draining", retry_after_ms: 60_000 });
  await viewer.waitForState(/^offline, retrying in (60|59) s. The server is being stopped.$/);
  await viewer.page.getByRole("button", { name: "Try now" }).click();
  await viewer.waitForState(/^live$/);
});

story("close codes that say do not come back are obeyed", async () => {
  await follow();
  fake.closeAll(4502, { reason: "rate_limited" });
  await viewer.waitForState(/^ended: This client asked for too much.$/);
  assert.equal(fake.subscribes.length, 1);
});

story("a token that ends is asked for again, and reading goes on where it was", async () => {
  fake.append(STREAM, numbered(0, 3));
  await follow();
  fake.closeAll(4003, { reason: "token_expired", retry_after_ms: 0 });
  await viewer.page.getByText("The server refuses this token: The token ended.").waitFor();
  fake.append(STREAM, numbered(3, 5));
  await viewer.page.getByLabel("Token", { exact: true }).fill(TOKEN);
  await viewer.page.getByRole("button", { name: "Read logs" }).click();
  await viewer.waitForMessage("line 4");
  assert.deepEqual(await viewer.messages(), names(0, 5));
  assert.deepEqual(await viewer.notes(), []);
});

story("a refusal of the stream is said and not repeated", async () => {
  fake.onSubscribe = (session, { id }) => {
    fake.send(session, { type: "error", id, code: "stream_not_found", message: "no such stream" });
    return true;
  };
  viewer = await browser.open(`${fake.url}#token=${TOKEN}`);
  await viewer.page.goto(`${fake.url}#/stream/secret`);
  await viewer.waitForState(/^There is no such stream, or this token may not read it.$/);
  assert.equal(fake.subscribes.length, 1);
});

story("a store that does not answer is waited for", async () => {
  fake.append(STREAM, [line("hello")]);
  let refusals = 2;
  fake.onSubscribe = (session, { id }) => {
    if (refusals === 0) return false;
    refusals -= 1;
    fake.send(session, { type: "error", id, code: "unavailable", message: "the store is away", retry_after_ms: 100 });
    return true;
  };
  viewer = await browser.open(`${fake.url}#token=${TOKEN}`);
  await viewer.page.goto(`${fake.url}#/stream/${STREAM}`);
  await viewer.waitForMessage("hello");
  await viewer.waitForState(/^live$/);
});

story("many streams are one view, their past in the order of time", async () => {
  const at = (second, message) => line(message, { ts: `2025-11-21T10:00:0${second}Z` });
  fake.append("a", [at(1, "a1"), at(4, "a4")]);
  fake.append("b", [at(2, "b2"), at(3, "b3")]);
  await follow("**");
  assert.deepEqual(await viewer.messages(), ["a1", "b2", "b3", "a4"]);
  fake.append("b", [at(0, "b, live")]);
  await viewer.waitForMessage("b, live");
  assert.deepEqual(await viewer.messages(), ["a1", "b2", "b3", "a4", "b, live"]);
});

story("a line opens to its fields, numbers of 64 bits as they are", async () => {
  await follow();
  const raw = `{"type":"lines","stream":"${STREAM}","first":0,"next":1,"lines":[{"ts":"2025-11-21T10:00:00Z","message":"big","fields":{"id":9007199254740993}}]}`;
  for (const { socket } of fake.sessions) socket.send(raw);
  await viewer.waitForMessage("big");
  const fields = viewer.page.locator(".fields");
  assert.equal(await fields.innerText(), "id=9007199254740993");
  await fields.click();
  assert.equal(await viewer.page.locator(".open").innerText(), '{\n  "id": 9007199254740993\n}');
  await fields.click();
  assert.equal(await viewer.page.locator(".open").count(), 0);
});

story("selecting text stops following", async () => {
  fake.append(STREAM, numbered(0, 200));
  await follow();
  await viewer.page.getByText("line 199", { exact: true }).dblclick();
  await viewer.badge().waitFor();
});

story("thousands of lines while the tab is hidden are all there afterwards", async () => {
  fake.append(STREAM, numbered(0, 100));
  await follow();
  const other = await browser.open("about:blank");
  await other.page.bringToFront();
  for (let sent = 100; sent < 20_100; sent += 500) fake.append(STREAM, numbered(sent, sent + 500));
  await viewer.page.bringToFront();
  await other.page.close();
  await viewer.waitForMessage("line 20099");
  const shown = await viewer.messages();
  const first = 20_100 - shown.length;
  assert.deepEqual(shown, names(first, 20_100));
  await viewer.page.getByText(`${first.toLocaleString("en")} earlier lines not on the page any more.`).waitFor({ state: "attached" });
  assert.deepEqual(await viewer.notes(), []);
});
