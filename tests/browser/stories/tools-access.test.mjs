// What the page is to people who hear it, who see little of it, and whom movement disturbs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";
import { startServer } from "../server.mjs";

const table = setTable({ start: startServer, viewport: { width: 1280, height: 1000 } });
const AXE = await readFile(new URL("../../../web/viewer/node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

const LINES = [
  { message: "x".repeat(3000) },
  ...["trace", "debug", "info", "warn", "error", "fatal"].map((level, i) => ({
    level, message: `${level} happened`, fields: { status: 200 + i, user: { name: "ann" }, note: "said" },
  })),
  { message: "\u001b[31mred\u001b[0m \u001b[42mon green\u001b[0m \u001b[2mdim\u001b[0m a\u0000b \u202e" },
  { message: "java.lang.IllegalStateException: no such order" },
  { message: "\tat shop.Orders.find(Orders.java:42)" },
];

/** What axe finds, as `rule: element`, without what is of minor weight. */
async function faults(desk) {
  await desk.nextFrame();
  await desk.page.evaluate(AXE);
  const { violations } = await desk.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact !== "minor")
    .flatMap(({ id, impact, nodes }) => nodes.map(({ target, any }) => `${impact} ${id}: ${target.join(" ")} ${any[0]?.message ?? ""}`));
}

async function merged(theme, view = "") {
  const root = fresh();
  await table.server.send(`${root}/api`, LINES);
  await table.server.send(`${root}/web`, LINES);
  const desk = await table.open(`${root}/*`, { view });
  await desk.page.emulateMedia({ colorScheme: theme });
  await desk.row("trace happened").waitFor();
  return desk;
}

const press = (key) => (desk) => desk.page.keyboard.press(key);

/** What is looked at, from a merged log with lines of all kinds. */
const STATES = [
  ["a merged log", async () => {}],
  ["an open line", (desk) => desk.openLine("error happened")],
  ["chosen lines", async (desk) => {
    await desk.log.focus();
    await desk.page.keyboard.press("k");
    for (let i = 0; i < 3; i++) await desk.page.keyboard.press("Shift+ArrowUp");
  }],
  ["columns", async (desk) => {
    await desk.act("error happened", "status", "As column");
    await desk.page.getByRole("group", { name: "Column status" }).waitFor();
  }],
  ["a filter that is refused", async (desk) => {
    await desk.filter('"never closed');
    await desk.page.getByRole("alert").filter({ hasText: /./ }).first().waitFor();
  }],
  ["completions", async (desk) => {
    await desk.filterBox.click();
    await desk.page.keyboard.type("le");
    await desk.page.keyboard.press("ArrowDown");
  }],
  ["find with kept highlights", async (desk) => {
    await desk.page.keyboard.press("Control+f");
    await desk.page.keyboard.type("happened");
    await desk.page.getByRole("button", { name: "Keep" }).click();
    await desk.page.keyboard.press("Control+f");
    await desk.page.keyboard.type("error");
    await desk.page.keyboard.press("Enter");
    await desk.log.locator("mark.now").first().waitFor();
  }],
  ["settings", press(",")],
  ["saved views", async (desk) => {
    await desk.button("Saved views").click();
    await desk.page.getByRole("textbox", { name: "Name for this view" }).fill("mine");
    await desk.page.keyboard.press("Enter");
    await desk.page.getByRole("link", { name: "mine" }).first().waitFor();
  }],
  ["the export dialog", press("e")],
  ["the export dialog with times", async (desk) => {
    await desk.page.keyboard.press("e");
    await desk.page.getByRole("radio", { name: "What is kept, between two times" }).click();
  }],
  ["the jump dialog", press("t")],
  ["the help sheet", press("?")],
  ["a hidden stream", async (desk) => {
    await desk.page.getByRole("group", { name: "Streams in this view" }).getByRole("button").first().click();
  }],
  ["a paused log", async (desk) => {
    await desk.page.keyboard.press("p");
    await desk.stands(/^paused/);
  }],
];

/** The chart while it counts what is stored, and when that failed. */
async function faultsOfCounting(theme) {
  const stream = fresh();
  await table.server.send(stream, range(0, 2_000, (i) => `line ${i}`));
  const desk = await table.open(stream);
  await desk.page.emulateMedia({ colorScheme: theme });
  let hold;
  const held = new Promise((resolve) => (hold = resolve));
  await desk.page.route("**/v1/counts?**", hold);
  await desk.button("Count what is stored").click();
  const route = await held;
  await desk.button("Stop").waitFor();
  const counting = await faults(desk);
  await route.fulfill({ status: 400, contentType: "application/problem+json", body: '{"code":"bad_parameter","detail":"not today"}' });
  await desk.button("Try again").waitFor();
  return [...counting, ...(await faults(desk))];
}

for (const theme of ["light", "dark"]) {
  story(`axe finds nothing in a chart that counts, ${theme}`, async () => {
    assert.deepEqual(await faultsOfCounting(theme), []);
  });

  story(`axe finds nothing in the log and its tools, ${theme}`, async () => {
    const found = {};
    for (const [name, reach] of STATES) {
      const desk = await merged(theme);
      await reach(desk);
      const all = await faults(desk);
      if (all.length > 0) found[name] = all;
      await table.leave();
    }
    assert.deepEqual(found, {});
  });

  story(`axe finds nothing in signing in, the list of streams, and a log that is offline, ${theme}`, async () => {
    const found = {};
    const desk = await table.openAt("");
    await desk.page.emulateMedia({ colorScheme: theme });
    const look = async (name) => {
      const all = await faults(desk);
      if (all.length > 0) found[name] = all;
    };
    await desk.page.getByLabel("Token", { exact: true }).waitFor();
    await look("signing in");
    await desk.page.getByLabel("Token", { exact: true }).fill("nonsense !");
    await desk.page.keyboard.press("Enter");
    await desk.page.getByRole("alert").filter({ hasText: /./ }).waitFor();
    await look("a token that is none");
    const stream = fresh();
    await table.server.send(stream, LINES);
    await desk.page.getByLabel("Token", { exact: true }).fill(table.server.token);
    await desk.page.keyboard.press("Enter");
    // Many streams stand in folders.
    await desk.page.getByRole("searchbox").fill(stream);
    await desk.page.getByRole("link", { name: stream }).waitFor();
    await look("the list of streams");
    await desk.page.getByRole("link", { name: stream }).focus();
    await desk.page.keyboard.press("Space");
    await desk.page.getByRole("button", { name: "Follow 1 stream" }).waitFor();
    await look("chosen streams");
    await desk.page.keyboard.press("Enter");
    await desk.stands(/^live$/);
    await table.server.kill();
    await desk.stands(/^offline/);
    await look("offline");
    await table.server.restart();
    await desk.stands(/^live$/);
    assert.deepEqual(found, {});
  });
}

story("who hears the page is not flooded while a thousand lines come", async () => {
  const stream = fresh();
  await table.server.send(stream, ["first"]);
  const desk = await table.open(stream);
  await desk.page.evaluate(() => {
    window.said = [];
    const live = "[aria-live=polite], [aria-live=assertive], [role=status], [role=alert]";
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const region = (target.nodeType === 1 ? target : target.parentElement)?.closest(live);
        if (region) window.said.push(region.textContent);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  for (let i = 0; i < 10; i++) await table.server.send(stream, range(0, 100, (n) => `line ${i * 100 + n}`));
  await desk.row("line 999").waitFor();
  const said = await desk.page.evaluate(() => window.said);
  assert.ok(said.length <= 5, `${said.length}: ${said.slice(0, 5)}`);
  const log = desk.log;
  assert.equal(await log.getAttribute("aria-live"), "off");
  assert.ok(await log.getAttribute("aria-label"));
});

story("nothing moves for who asked for that", async () => {
  const desk = await merged("light");
  await desk.page.emulateMedia({ reducedMotion: "reduce" });
  await desk.page.keyboard.press("p");
  const moving = await desk.page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === "running").length);
  assert.equal(moving, 0);
});
