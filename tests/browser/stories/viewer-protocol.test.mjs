// What the page makes of every turn that the protocol can take, most of which a good server seldom takes.

import assert from "node:assert/strict";
import { beforeEach } from "node:test";
import { story } from "../browser.mjs";
import { Fake, TOKEN } from "../fake.mjs";
import { names, setStage } from "../stage.mjs";
import { readUp } from "../walk.mjs";

const STREAM = "payments/api";
const line = (message, more) => ({ ts: "2025-11-21T10:12:03.123456789Z", level: "info", message, fields: {}, ...more });
const numbered = (from, to) => Array.from({ length: to - from }, (_, i) => line(`line ${from + i}`));
const frame = (first, lines) => ({ type: "lines", stream: STREAM, first, next: first + lines.length, lines });

const stage = setStage({ start: () => Fake.start(), each: true });

let fake, viewer;

beforeEach(() => {
  fake = stage.server;
});

/** A reader with a good token who opened a stream and sees it live. */
async function follow(stream = STREAM) {
  viewer = await stage.follow(stream);
}

const read = (text) => viewer.page.getByText(text, { exact: true });

story("a token leaves the address at once and stays in the tab", async () => {
  fake.append(STREAM, [line("hello")]);
  viewer = await stage.open(`${fake.url}#token=${TOKEN}`);
  await viewer.page.getByRole("link", { name: STREAM }).waitFor();
  assert.equal(viewer.page.url(), `${fake.url}#/`);
  await viewer.page.reload();
  await viewer.page.getByRole("link", { name: STREAM }).click();
  await viewer.waitForMessage("hello");
  assert.equal(viewer.page.url(), `${fake.url}#/stream/${STREAM}`);
  assert.ok(!(await viewer.page.evaluate(() => JSON.stringify(localStorage) + document.cookie)).includes(TOKEN));
});

story("a token can be pasted, and a wrong one is refused in words", async () => {
  fake.append(STREAM, [line("hello")]);
  viewer = await stage.open(fake.url);
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

/** A token of somebody, as far as a page can read it. */
const tokenOf = (sub) => `e30.${Buffer.from(JSON.stringify({ sub, exp: 4e9 })).toString("base64url")}.signature`;

story("a link does not make somebody else of who reads without being asked", async () => {
  fake.append(STREAM, [line("hello")]);
  const [alice, again, mallory] = [tokenOf("alice"), `${tokenOf("alice")}2`, tokenOf("mallory")];
  for (const token of [alice, again, mallory]) fake.tokens.add(token);
  viewer = await stage.open(`${fake.url}#token=${alice}`);
  const { page } = viewer;
  const kept = () => page.evaluate(() => JSON.stringify(sessionStorage));
  const follow = async (token) => {
    await page.evaluate((fragment) => (location.hash = fragment), `#token=${token}&to=/stream/${STREAM}`);
  };
  const dialog = page.getByRole("dialog", { name: "Read as somebody else?" });

  await page.getByRole("link", { name: STREAM }).waitFor();
  await follow(mallory);
  await dialog.getByText("This link signs you in as mallory. You read as alice now.").waitFor();
  assert.ok(!page.url().includes("token"), "it left the address");
  assert.ok((await kept()).includes(alice) && !(await kept()).includes(mallory));
  if (process.env.TAILCAST_SCREENSHOTS) await page.screenshot({ path: `${process.env.TAILCAST_SCREENSHOTS}/take-over.png` });
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await viewer.waitForMessage("hello");
  assert.ok((await kept()).includes(alice), "who presses Enter stays who they are, and sees the link's view");

  await follow(mallory);
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.ok((await kept()).includes(alice));

  await follow(again);
  await viewer.waitFor((token) => JSON.stringify(sessionStorage).includes(token), again);
  await viewer.waitForMessage("hello");
  assert.equal(await dialog.count(), 0, "a new token of the same subscriber is no question");
  const before = fake.subscribes.length;
  fake.append(STREAM, [line("still here")]);
  await viewer.waitForMessage("still here");

  await follow(mallory);
  await dialog.waitFor();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await viewer.waitFor((token) => JSON.stringify(sessionStorage).includes(token), mallory);
  await viewer.waitForMessage("still here");
  assert.equal(fake.subscribes.length, before + 1);
});

story("who reads is not signed out by an address without a token", async () => {
  fake.append(STREAM, [line("hello")]);
  await follow();
  await viewer.page.evaluate(() => (location.hash = "#token=what is this&to=/stream/payments/api"));
  await read("The address carried something that is not a token.").waitFor();
  fake.append(STREAM, [line("still here")]);
  await viewer.waitForMessage("still here");
});

story("a gap is a row of its own, with its size and its reason", async () => {
  fake.append(STREAM, numbered(0, 3));
  await follow();
  fake.sendAll({ type: "gap", stream: STREAM, from: 3, to: 1_210, reason: "skipped" });
  fake.sendAll(frame(1_210, [line("after")]));
  await viewer.waitForMessage("after");
  assert.deepEqual(await viewer.messages(), [...names(0, 3), "after"]);
  assert.deepEqual(await viewer.notices(), [`Gap: 1,207 lines of ${STREAM} are not here: skipped to keep up (3 to 1,209)`]);
});

story("lines that are missing or come twice are shown as faults, and counted", async () => {
  fake.append(STREAM, numbered(0, 3));
  await follow();
  fake.sendAll(frame(5, [line("line 5")]));
  fake.sendAll(frame(5, [line("line 5"), line("line 6")]));
  await viewer.waitForMessage("line 6");
  assert.deepEqual(await viewer.messages(), ["line 0", "line 1", "line 2", "line 5", "line 6"]);
  assert.deepEqual(await viewer.notices(), [
    `Fault: 2 lines did not arrive (${STREAM}, 3 to 4).`,
    `Fault: 1 line arrived a second time and stands here once (${STREAM}, 5 to 5).`,
  ]);
  await read("2 faults").waitFor();
});

story("a broken connection is taken up where it ended, gap and all", async () => {
  fake.append(STREAM, numbered(0, 5));
  await follow();
  await viewer.waitForMessage("line 4");
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
  assert.deepEqual(await viewer.notices(), [`Gap: 3 lines of ${STREAM} are gone: not kept any more (5 to 7)`]);
  assert.deepEqual(fake.subscribes.at(-1).from, { cursors: { [STREAM]: 5 }, epoch: "epoch-1" });
});

const ANOTHER_STORE = "The server stands on another store now. Its lines begin here, with offsets of their own.";

/** The server comes back with another store, which has these lines. */
async function standsOnAnotherStore(lines) {
  await fake.kill();
  await viewer.waitForState(/^offline/);
  fake.epoch = "epoch-2";
  fake.streams.clear();
  fake.append(STREAM, lines);
  await fake.listen();
  await viewer.waitForState(/^live$/);
}

story("another store behind the same address is said, and its lines stand behind those of the old one", async () => {
  fake.append(STREAM, numbered(0, 5));
  await follow();
  await viewer.waitForMessage("line 4");
  await standsOnAnotherStore([line("of the new store")]);
  fake.append(STREAM, [line("and live")]);
  await viewer.waitForMessage("and live");
  assert.deepEqual(await viewer.messages(), [...names(0, 5), "of the new store", "and live"]);
  assert.deepEqual(await viewer.notices(), [ANOTHER_STORE]);
});

story("what was not loaded of a store that is gone is never taken from another one", async () => {
  fake.append(STREAM, numbered(0, 900));
  await follow();
  await viewer.waitForMessage("line 899");
  await standsOnAnotherStore(Array.from({ length: 800 }, (_, i) => line(`new ${i}`)));
  await viewer.waitForMessage("new 799");
  const gone = "300 lines of the store before were not loaded, and cannot be any more.";
  const read = await readUp(viewer);
  const old = read.indexOf("line 300");
  assert.deepEqual(read.slice(0, old), [gone]);
  const later = Array.from({ length: 800 }, (_, i) => `new ${i}`);
  assert.deepEqual(read.slice(old), [...names(300, 900), ANOTHER_STORE, ...later]);
});

story("a store that was set back is a fault, and is followed from where it is", async () => {
  fake.append(STREAM, numbered(0, 5));
  await follow();
  await viewer.waitForMessage("line 4");
  fake.onSubscribe = (session, { id, from }) => {
    if (from.cursors[STREAM] <= 3) return false;
    fake.send(session, { type: "error", id, code: "cursor_ahead", message: "the head is 3", stream: STREAM, next: 3 });
    return true;
  };
  fake.streams.get(STREAM).lines.length = 3;
  fake.closeAll(1012);
  await viewer.waitForNotice(`Fault: the store was set back; 2 lines shown above are not in it (${STREAM}, 3 to 4).`);
  await viewer.waitForState(/^live$/);
  fake.append(STREAM, [line("another third")]);
  await viewer.waitForMessage("another third");
  await read("1 fault").waitFor();
});

story("the server's own time to come back is heeded and shown", async () => {
  await follow();
  fake.closeAll(1012, { reason: "draining", retry_after_ms: 60_000 });
  await viewer.waitForState(/^offline, retrying in (60|59) s$/);
  await read("The server is being stopped.").waitFor();
  await viewer.page.getByRole("button", { name: "Try now" }).click();
  await viewer.waitForState(/^live$/);
});

story("close codes that say do not come back are obeyed", async () => {
  await follow();
  fake.closeAll(4502, { reason: "rate_limited" });
  await viewer.waitForState(/^ended$/);
  await read("This client asked for too much.").waitFor();
  assert.equal(fake.subscribes.length, 1);
});

story("a token that ends is asked for again, and reading goes on where it was", async () => {
  fake.append(STREAM, numbered(0, 3));
  await follow();
  await viewer.waitForMessage("line 2");
  fake.closeAll(4003, { reason: "token_expired", retry_after_ms: 0 });
  await viewer.page.getByText("The server refuses this token: The token ended.").waitFor();
  fake.append(STREAM, numbered(3, 5));
  await viewer.page.getByLabel("Token", { exact: true }).fill(TOKEN);
  await viewer.page.getByRole("button", { name: "Read logs" }).click();
  await viewer.waitForMessage("line 4");
  assert.deepEqual(await viewer.messages(), names(0, 5));
  assert.deepEqual(await viewer.notices(), []);
});

story("a token that nobody renews is said to end soon", async () => {
  await follow();
  const expires = new Date(Date.now() + 30_000);
  fake.sendAll({ type: "expiring", expires_at: expires.toISOString() });
  await viewer.page.getByText(`This token ends at ${expires.toISOString().slice(11, 19)}.`).waitFor();
});

story("a stream that may not be read any more is named, and the others go on", async () => {
  fake.append("a", [line("a 0")]);
  fake.append("b", [line("b 0")]);
  await follow("a,b");
  await viewer.waitForMessage("b 0");
  fake.sendAll({ type: "dropped", id: fake.subscribes[0].id, streams: ["b"], reason: "forbidden" });
  await viewer.waitForNotice("This token may not read b any more.");
  fake.append("a", [line("a 1")]);
  await viewer.waitForMessage("a 1");
});

story("a refusal of the stream is said and not repeated", async () => {
  fake.onSubscribe = (session, { id }) => {
    fake.send(session, { type: "error", id, code: "stream_not_found", message: "no such stream" });
    return true;
  };
  viewer = await stage.open(`${fake.url}#token=${TOKEN}&to=/stream/secret`);
  await viewer.waitForState(/^no such stream$/);
  await read("There is no such stream, or this token may not read it.").waitFor();
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
  viewer = await stage.open(`${fake.url}#token=${TOKEN}&to=/stream/${STREAM}`);
  await viewer.waitForMessage("hello");
  await viewer.waitForState(/^live$/);
});

story("connecting, replaying and live are told apart", async () => {
  fake.append(STREAM, numbered(0, 3));
  let answer;
  fake.onSubscribe = (session, message) => {
    answer = { session, message };
    return true;
  };
  viewer = await stage.open(`${fake.url}#token=${TOKEN}&to=/stream/${STREAM}`);
  await viewer.waitForState(/^connecting$/);
  while (!answer) await viewer.drawn();
  const { session, message } = answer;
  const streams = { [STREAM]: { first_available: 0, next: 1_500, cursor: 3 } };
  fake.send(session, { type: "subscribed", id: message.id, epoch: fake.epoch, streams, patterns: [] });
  await viewer.waitForState(/^replaying, 1,497 lines to go$/);
  fake.send(session, frame(3, numbered(3, 1_003)));
  await viewer.waitForState(/^replaying, 497 lines to go$/);
  fake.send(session, frame(1_003, numbered(1_003, 1_500)));
  fake.send(session, { type: "live", stream: STREAM, next: 1_500 });
  await viewer.waitForState(/^live$/);
  await viewer.waitForMessage("line 1499");
});

story("many streams are one view, their past in the order of time", async () => {
  const at = (second, message) => line(message, { ts: `2025-11-21T10:00:0${second}Z` });
  fake.append("a", [at(1, "a1"), at(4, "a4")]);
  fake.append("b", [at(2, "b2"), at(3, "b3")]);
  await follow("**");
  await viewer.waitForMessage("a4");
  assert.deepEqual(await viewer.messages(), ["a1", "b2", "b3", "a4"]);
  fake.append("b", [at(0, "b, live")]);
  await viewer.waitForMessage("b, live");
  assert.deepEqual(await viewer.messages(), ["a1", "b2", "b3", "a4", "b, live"]);
});

story("numbers of 64 bits in fields are shown as they are", async () => {
  await follow();
  const raw = `{"type":"lines","stream":"${STREAM}","first":0,"next":1,"lines":[{"ts":"2025-11-21T10:00:00Z","message":"big","fields":{"id":9007199254740993}}]}`;
  for (const { socket } of fake.sessions) socket.send(raw);
  await viewer.waitForMessage("big");
  const fields = viewer.row("big").locator(".fields");
  assert.equal(await fields.innerText(), "id=9007199254740993");
  await fields.click();
  assert.equal(await viewer.row("big").locator(".value").innerText(), "9007199254740993");
});

story("thousands of lines while the tab is hidden are all there afterwards", async () => {
  fake.append(STREAM, numbered(0, 100));
  await follow();
  const other = await stage.open("about:blank");
  await other.page.bringToFront();
  for (let sent = 100; sent < 20_100; sent += 500) fake.append(STREAM, numbered(sent, sent + 500));
  await viewer.page.bringToFront();
  await other.page.close();
  await viewer.waitForMessage("line 20099");
  await viewer.waitFor(() => {
    const { ariaValueMax, ariaValueNow } = document.querySelector("[role=scrollbar]");
    return Number(ariaValueMax) > 20_000 && ariaValueMax === ariaValueNow;
  });
  await viewer.press("Home");
  await viewer.waitForMessage("line 0");
  assert.deepEqual(await viewer.notices(), []);
});
