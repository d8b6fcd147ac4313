// A reader in a real browser and a real server: what a line goes through from a sender to the page.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before } from "node:test";
import { openBrowser, story } from "../browser.mjs";
import { anyServer, startServer } from "../server.mjs";

/** A stream that nobody wrote to. */
const fresh = () => `browser/${randomBytes(6).toString("hex")}`;
const names = (from, to) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`);

let browser, server, viewer;

before(async () => {
  browser = await openBrowser();
  server = await anyServer();
});
after(async () => {
  await browser?.close();
  await server?.close();
});
afterEach(async () => {
  assert.deepEqual({ violations: viewer.seen.violations, errors: viewer.seen.errors }, { violations: [], errors: [] });
  await viewer.page.close();
});

async function follow(stream, { url, address } = server) {
  viewer = await browser.open(address);
  await viewer.page.waitForFunction(() => location.hash === "#/");
  await viewer.page.goto(`${url}#/stream/${stream}`);
  await viewer.waitForState(/^live$/);
}

story("lines sent over HTTP appear live, after the last ones that were there", async () => {
  const stream = fresh();
  await server.send(stream, names(0, 250));
  await follow(stream);
  assert.deepEqual(await viewer.messages(), names(50, 250));
  await server.send(stream, [
    { ts: "2025-11-21T10:12:03.123456789Z", level: "error", message: "card declined", fields: { status: 402 } },
  ]);
  await viewer.waitForMessage("card declined");
  const row = await viewer.page.locator("#log .row").last().innerText();
  assert.match(row.replaceAll(/\s+/g, " "), /^11-21 10:12:03.123 error card declined status=402$/i);
  assert.deepEqual([...viewer.seen.hosts], [new URL(server.url).host]);
});

story("a stream is found in the list and opened from there", async () => {
  const stream = fresh();
  await server.send(stream, names(0, 3));
  viewer = await browser.open(server.address);
  await viewer.page.keyboard.press("/");
  await viewer.page.keyboard.type(stream);
  await viewer.page.locator(`#streams a[data-names="${stream}"]:not(.typed)`).waitFor();
  await viewer.page.keyboard.press("Enter");
  await viewer.waitForMessage("line 2");
  assert.equal(viewer.page.url(), `${server.url}#/stream/${stream}`);
});

story("scrolling up stops following, the badge counts, and a click or a key jumps to live", async () => {
  const stream = fresh();
  await server.send(stream, names(0, 200));
  await follow(stream);
  assert.ok(await viewer.badge().isHidden());
  for (const [jump, sent] of [[() => viewer.badge().click(), 200], [() => viewer.page.keyboard.press("End"), 207]]) {
    await viewer.scrollBy(-500);
    const top = () => viewer.page.locator("#log").evaluate((log) => log.scrollTop);
    const before = await top();
    await server.send(stream, names(sent, sent + 7));
    await viewer.page.getByRole("button", { name: "7 new lines" }).waitFor();
    assert.equal(await top(), before);
    await jump();
    await viewer.badge().waitFor({ state: "hidden" });
    const seen = viewer.page.getByText(`line ${sent + 6}`, { exact: true });
    await viewer.waitFor(
      (message) => {
        const row = [...document.querySelectorAll("#log .message")].at(-1);
        return row.textContent === message && row.getBoundingClientRect().bottom <= innerHeight;
      },
      await seen.innerText(),
    );
  }
});

story("earlier lines come from the server's store, up to the first one", async () => {
  const stream = fresh();
  await server.send(stream, names(0, 450));
  await follow(stream);
  await viewer.scrollBy(-100_000);
  await viewer.page.getByText("250 earlier lines in the store.").waitFor();
  await viewer.page.locator(".edge .load").click();
  await viewer.page.getByText("The beginning of the stream.").waitFor({ state: "attached" });
  assert.deepEqual(await viewer.messages(), names(0, 450));
});

story("a server that is killed and started again loses and repeats no line on the page", async () => {
  const own = await startServer();
  try {
    const stream = fresh();
    await own.send(stream, names(0, 100));
    await follow(stream, own);
    await own.send(stream, names(100, 150));
    await own.kill();
    await viewer.waitForState(/^offline, retrying/);
    await own.restart();
    await own.send(stream, names(150, 300));
    await viewer.waitForMessage("line 299");
    await viewer.waitForState(/^live$/);
    assert.deepEqual(await viewer.messages(), names(0, 300));
    assert.deepEqual(await viewer.notes(), []);
  } finally {
    await own.close();
  }
});

story("a token that the server refuses is said to be refused", async () => {
  viewer = await browser.open(`${server.url}#token=${server.token.slice(0, -6)}AAAAAA`);
  await viewer.page.getByText("The server refuses this token").waitFor();
});

story("a token that ends is said to have ended, and another one goes on where it was", async () => {
  const own = await startServer();
  try {
    const stream = fresh();
    await own.send(stream, names(0, 5));
    await follow(stream, { url: own.url, address: `${own.url}#token=${await own.tokenFor("reader", "browser/**", "4s")}` });
    assert.deepEqual(await viewer.messages(), names(0, 5));
    await viewer.page.getByText(/^The token ended at \d\d:\d\d:\d\d/).waitFor();
    await own.send(stream, names(5, 9));
    await viewer.page.getByLabel("Token", { exact: true }).fill(await own.tokenFor("reader", "browser/**"));
    await viewer.page.getByRole("button", { name: "Read logs" }).click();
    await viewer.waitForMessage("line 8");
    assert.deepEqual(await viewer.messages(), names(0, 9));
  } finally {
    await own.close();
  }
});

story("a stream that may not be read is told like one that does not exist", async () => {
  const own = await startServer();
  try {
    await own.send("secret/plans", ["not for everybody"]);
    await own.send("open/api", ["for you"]);
    viewer = await browser.open(`${own.url}#token=${await own.tokenFor("reader", "open/**")}`);
    await viewer.page.getByRole("link", { name: "open/api" }).waitFor();
    const states = [];
    for (const stream of ["secret/plans", "secret/none", "@somebody-else"]) {
      await viewer.page.goto(`${own.url}#/stream/${stream}`);
      await viewer.waitFor((name) => document.getElementById("title").textContent === name, stream);
      await viewer.waitForState(/^There is no such stream/);
      states.push(await viewer.state(), (await viewer.messages()).length);
    }
    const told = ["There is no such stream, or this token may not read it.", 0];
    assert.deepEqual(states, [...told, ...told, ...told]);
    assert.deepEqual(await viewer.page.$$eval("#streams .name", (all) => all.map((name) => name.textContent)), ["open/api"]);
  } finally {
    await own.close();
  }
});

story("a name that is no stream's is refused in words", async () => {
  viewer = await browser.open(server.address);
  await viewer.page.waitForFunction(() => location.hash === "#/");
  await viewer.page.goto(`${server.url}#/stream/a//b`);
  await viewer.waitForState(/^ended: ./);
});

story("a stream before its first line is waited for", async () => {
  const stream = fresh();
  await follow(stream);
  assert.deepEqual(await viewer.messages(), []);
  await server.send(stream, ["the first one"]);
  await viewer.waitForMessage("the first one");
});

story("a pattern shows its streams together, new ones too", async () => {
  const root = fresh();
  await server.send(`${root}/a`, ["a 0"]);
  await follow(`${root}/**`);
  await server.send(`${root}/b`, ["b 0"]);
  await server.send(`${root}/a`, ["a 1"]);
  for (const message of ["a 0", "b 0", "a 1"]) await viewer.waitForMessage(message);
  assert.equal((await viewer.messages()).length, 3);
});

story("hostile lines are text and nothing else", async () => {
  const stream = fresh();
  const long = "x".repeat(100_000);
  const hostile = [
    `<img src="https://elsewhere.example/x.png" onerror="document.title='owned'">`,
    `<script>document.title = "owned"</script><style>body { display: none }</style>`,
    `<a href="javascript:document.title='owned'">click</a> &lt;b&gt; {{7*7}} \${7*7}`,
    "\u001b[31mred\u001b[0m \u001b]8;;https://elsewhere.example\u0007link\u001b]8;;\u0007",
    "\u202egnp.exe\u202c and \u2066isolated\u2069",
    `z${"\u0301".repeat(900)}algo`,
    "a\u0000b\u0008c\u007f",
    "\ud83d\ude42 \u05e9\u05dc\u05d5\u05dd",
    long,
  ];
  await follow(stream);
  const sent = hostile.map((message) => ({ message, level: "<b>bad</b>", fields: { "<i>": message.slice(0, 200), __proto: 1 } }));
  await server.send(stream, sent);
  await server.send(stream, ["the end"]);
  await viewer.waitForMessage("the end");

  const shown = await viewer.messages();
  assert.deepEqual(shown.slice(0, 3), hostile.slice(0, 3));
  assert.equal(shown[3], "ESC[31mredESC[0m ESC]8;;https://elsewhere.exampleBELlinkESC]8;;BEL");
  assert.equal(shown[4], "U+202Egnp.exeU+202C and U+2066isolatedU+2069");
  assert.equal(shown[5], hostile[5]);
  assert.equal(shown[6], "aNULbBScDEL");
  assert.equal(shown[7], hostile[7]);
  assert.equal(shown[8], long.slice(0, 1000));
  await viewer.page.getByRole("button", { name: "show all 100,000 characters" }).click();
  await viewer.waitForMessage(long);

  // Every field is opened too.
  for (const fields of await viewer.page.locator("#log .fields").all()) await fields.click();
  const made = await viewer.page.$$eval("#log *", (all) => [...new Set(all.map((made) => made.localName))].toSorted());
  assert.deepEqual(made, ["button", "div", "pre", "span"]);
  const attributes = await viewer.page.$$eval("#log *", (all) => [
    ...new Set(all.flatMap((made) => made.getAttributeNames())),
  ]);
  assert.deepEqual(attributes.filter((name) => !["class", "title", "type", "aria-expanded", "hidden"].includes(name)), []);
  assert.ok((await viewer.page.title()).startsWith(stream));
  assert.deepEqual([...viewer.seen.hosts], [new URL(server.url).host]);

  // Marks piled upon each other stay in their row.
  const clipped = await viewer.page.$$eval("#log .text", (all) => all.every((text) => getComputedStyle(text).overflow === "hidden"));
  assert.ok(clipped);
});

story("the page comes with a policy under which nothing else may run", async () => {
  viewer = await browser.open(server.address);
  const refused = await viewer.page.evaluate(async () => {
    const refused = new Set();
    document.addEventListener("securitypolicyviolation", (event) => refused.add(event.effectiveDirective));
    try {
      document.createElement("script").src = "https://elsewhere.example/x.js";
    } catch {
      refused.add("script");
    }
    const style = document.createElement("style");
    style.append("body { display: none }");
    document.head.append(style);
    const image = new Image();
    image.src = "https://elsewhere.example/x.png";
    await fetch("https://elsewhere.example/").catch(() => {});
    try {
      document.body.insertAdjacentHTML("beforeend", "<b>markup</b>");
    } catch {
      refused.add("markup");
    }
    while (refused.size < 6) await new Promise((resolve) => setTimeout(resolve, 20));
    return [...refused].toSorted();
  });
  assert.deepEqual(refused, [
    "connect-src", "img-src", "markup", "require-trusted-types-for", "script", "style-src-elem",
  ]);
  viewer.seen.violations.length = 0;
});
