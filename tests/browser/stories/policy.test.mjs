// What the real server sends as the page, and what the real browser lets the page do.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { openBrowser, story } from "../browser.mjs";
import { anyServer } from "../server.mjs";

let browser, server, tab;

before(async () => {
  browser = await openBrowser();
  server = await anyServer();
});
after(async () => {
  await browser?.close();
  await server?.close();
});
beforeEach(async () => {
  tab = await browser.open(server.address);
});
afterEach(() => tab.page.close());

story("the page's files come compressed, once and for all, and nobody else is asked", async () => {
  const files = () =>
    tab.page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .filter(({ name }) => name.includes("/assets/"))
        .map(({ name, transferSize }) => ({ name, transferSize })),
    );
  const first = await files();
  const sent = await tab.page.evaluate(async (names) => {
    const encodings = {};
    for (const name of names) {
      const { headers } = await fetch(name, { cache: "reload" });
      encodings[name] = headers.get("content-encoding");
    }
    return encodings;
  }, ["./", ...first.map(({ name }) => name)]);
  // From here, as over TLS; over plain HTTP from elsewhere Chromium takes gzip.
  for (const [name, encoding] of Object.entries(sent)) assert.equal(encoding, "br", name);
  assert.ok(first.some(({ name }) => name.endsWith(".js")), JSON.stringify(first));

  await tab.page.reload();
  const again = (await files()).filter(({ transferSize }) => transferSize > 0);
  assert.deepEqual(again, [], "a browser that has them does not even ask");
  assert.deepEqual([...tab.seen.hosts], [new URL(server.url).host]);
  assert.deepEqual([tab.seen.violations, tab.seen.errors], [[], []]);
});

story("the page comes with a policy under which nothing else may run", async () => {
  const refused = await tab.page.evaluate(async () => {
    const refused = new Set();
    const tried = (what, attempt) => {
      try {
        attempt();
      } catch {
        refused.add(what);
      }
    };
    document.addEventListener("securitypolicyviolation", (event) => refused.add(event.effectiveDirective));
    tried("script", () => (document.createElement("script").src = "https://elsewhere.example/x.js"));
    tried("markup", () => document.body.insertAdjacentHTML("beforeend", "<b>markup</b>"));
    tried("worker", () => new Worker("/assets/any.js"));
    tried("policy", () => trustedTypes.createPolicy("another", { createHTML: (html) => html }));
    const style = document.createElement("style");
    style.append("body { display: none }");
    document.head.append(style);
    const image = new Image();
    image.src = "https://elsewhere.example/x.png";
    await fetch("https://elsewhere.example/").catch(() => {});
    while (refused.size < 9) await new Promise((resolve) => setTimeout(resolve, 20));
    return [...refused].toSorted();
  });
  assert.deepEqual(refused, [
    "connect-src", "img-src", "markup", "policy", "require-trusted-types-for", "script", "style-src-elem",
    "trusted-types", "worker",
  ]);
});

story("the page may write to the clipboard, and may not look at anything", async () => {
  const may = await tab.page.evaluate(() => {
    const asked = ["clipboard-write", "camera", "microphone", "geolocation", "display-capture"];
    return asked.filter((feature) => document.featurePolicy.allowsFeature(feature));
  });
  assert.deepEqual(may, ["clipboard-write"]);
});
