// The filter: typed with what was seen, applied, refused in the server's words, remembered.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

/** Ten lines of four levels, with a status. */
const LINES = range(0, 10, (i) => ({
  level: ["info", "debug", "warn", "error"][i % 4],
  message: `line ${i}`,
  fields: { status: i % 2 ? 500 : 200, user: { name: i < 5 ? "ann" : "bob lee" } },
}));

async function ten() {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream);
  await desk.shows(...LINES.map(({ message }) => message));
  return { stream, desk };
}

story("a filter is completed from the fields and values that were seen, by the keyboard alone", async () => {
  const { desk } = await ten();
  await desk.page.keyboard.press("/");
  await desk.page.keyboard.type("sta");
  await desk.until(() => desk.offers(), ["status:"]);
  await desk.page.keyboard.press("Tab");
  await desk.until(() => desk.offers(), ["200", "500"]);
  await desk.page.keyboard.press("ArrowDown");
  await desk.page.keyboard.press("ArrowDown");
  await desk.page.keyboard.press("Enter");
  assert.equal(await desk.filterBox.inputValue(), "status:500");
  assert.equal(desk.applied, "");
  await desk.page.keyboard.type(" user.");
  await desk.until(() => desk.offers(), ["user.name:"]);
  await desk.page.keyboard.press("Tab");
  await desk.until(() => desk.offers(), ["ann", '"bob lee"']);
  await desk.page.keyboard.press("ArrowUp");
  await desk.page.keyboard.press("Enter");
  await desk.page.keyboard.press("Enter");
  await desk.shows("line 5", "line 7", "line 9");
  assert.equal(desk.applied, 'status:500 user.name:"bob lee"');
});

story("levels are completed with what they mean", async () => {
  const { desk } = await ten();
  await desk.filterBox.click();
  await desk.page.keyboard.type("lev");
  await desk.until(() => desk.offers(), ["level"]);
  await desk.page.keyboard.press("Tab");
  await desk.until(() => desk.offers(), ["level>=", "level:", "level<=", "level:*"]);
  await desk.page.keyboard.press("Tab");
  await desk.page.keyboard.type("wa");
  await desk.until(() => desk.offers(), ["warn"]);
  await desk.page.keyboard.press("Tab");
  await desk.page.keyboard.press("Enter");
  await desk.until(() => desk.applied, "level>=warn");
  await desk.shows("line 2", "line 3", "line 6", "line 7");
});

story("only lines that match come live, and out of the store", async () => {
  const stream = fresh();
  await table.server.send(stream, range(0, 2000, (i) => ({ level: i % 200 ? "info" : "error", message: `line ${i}` })));
  const desk = await table.open(stream, { view: `?filter=${encodeURIComponent("level:error")}` });
  const matching = range(0, 10, (i) => `line ${i * 200}`);
  await desk.shows(...matching);
  await table.server.send(stream, [{ level: "info", message: "quiet" }, { level: "error", message: "loud" }]);
  await desk.shows(...matching, "loud");
});

story("a filter that the server refuses is told in its words, at its place, and what was typed stays", async () => {
  const { desk } = await ten();
  await desk.filter('status:500 "never closed');
  const error = desk.page.getByRole("alert").filter({ hasText: /./ });
  await error.waitFor();
  const refused = await fetch(`${table.server.url}v1/lines?stream=x&filter=${encodeURIComponent('status:500 "never closed')}`, {
    headers: { Authorization: `Bearer ${table.server.token}` },
  });
  assert.equal(refused.status, 400);
  assert.equal(await desk.filterBox.inputValue(), 'status:500 "never closed');
  assert.equal(await desk.filterBox.getAttribute("aria-invalid"), "true");
  const described = await desk.filterBox.getAttribute("aria-describedby");
  await desk.until(async () => (await desk.page.locator(`[id="${described}"]`).innerText()) === (await error.innerText()), true);
  await desk.until(async () => (await desk.page.locator(".fault").allInnerTexts()).join(""), '"');
  await desk.filter("status:500");
  await desk.shows("line 1", "line 3", "line 5", "line 7", "line 9");
  assert.equal(await desk.filterBox.getAttribute("aria-invalid"), "false");
});

story("filters of before are offered, the last one first, and forgotten when it is asked", async () => {
  const { desk } = await ten();
  for (const filter of ["status:500", "level:warn"]) {
    await desk.filter(filter);
    await desk.until(() => desk.applied, filter);
  }
  await desk.button("Clear the filter").click();
  await desk.until(() => desk.applied, "");
  await desk.until(async () => (await desk.offers()).slice(0, 2), ["level:warn", "status:500"]);
  await desk.page.keyboard.press("ArrowDown");
  await desk.page.keyboard.press("Shift+Delete");
  await desk.until(async () => (await desk.offers()).includes("level:warn"), false);
  await desk.page.reload();
  await desk.stands(/^live$/);
  await desk.filterBox.focus();
  await desk.until(async () => (await desk.offers())[0], "status:500");
  await desk.page.keyboard.press("ArrowDown");
  await desk.page.keyboard.press("Enter");
  await desk.shows("line 1", "line 3", "line 5", "line 7", "line 9");
});

story("a level's chip shows that level and graver ones, and its counts are those of what was sent", async () => {
  const { desk } = await ten();
  const counts = desk.page.getByRole("group", { name: "Lines by level" });
  await desk.until(async () => (await counts.getByRole("button").allInnerTexts()).map((text) => text.replace(/\s+/g, " ")), [
    "debug 3", "info 3", "warn 2", "error 2",
  ]);
  await counts.getByRole("button", { name: "warn" }).click();
  await desk.shows("line 2", "line 3", "line 6", "line 7");
  assert.equal(desk.applied, "level>=warn");
  assert.equal(await counts.getByRole("button", { name: "warn" }).getAttribute("aria-pressed"), "true");
  await counts.getByRole("button", { name: "warn" }).click();
  await desk.shows(...LINES.map(({ message }) => message));
  assert.equal(desk.applied, "");
});

story("a filter keeps the place where one reads, and stays live where one is live", async () => {
  const stream = fresh();
  await table.server.send(stream, range(0, 2000, (i) => ({ level: i % 5 ? "info" : "warn", message: `line ${i}` })));
  const desk = await table.open(stream);
  await desk.log.hover();
  await desk.page.mouse.wheel(0, -9000);
  await desk.button("Jump to live").waitFor();
  await desk.until(async () => /at=/.test(desk.page.url()), true);
  await desk.nextFrame();
  const [first] = await desk.messages();
  const at = Number(first.split(" ")[1]);
  await desk.filter("level:warn");
  const near = Math.ceil(at / 5) * 5;
  await desk.until(async () => {
    const shown = await desk.messages();
    return shown.includes(`line ${near}`) && shown.every((message) => Number(message.split(" ")[1]) % 5 === 0);
  }, true);
  await desk.page.keyboard.press("Escape");
  await desk.log.focus();
  await desk.page.keyboard.press("End");
  await desk.until(async () => (await desk.messages()).at(-1), "line 1995");
  await desk.filter("");
  await desk.until(async () => (await desk.messages()).at(-1), "line 1999");
});

story("a filter that is not understood leaves the lines as they are", async () => {
  const { desk } = await ten();
  const before = await desk.messages();
  await desk.filter("status:500 (");
  await desk.page.getByRole("alert").filter({ hasText: /./ }).waitFor();
  assert.deepEqual(await desk.messages(), before);
  assert.equal(desk.applied, "");
  await desk.stands(/^live$/);
  await desk.until(() => desk.filterBox.evaluate((box) => box === document.activeElement), true);
  await desk.page.keyboard.press("End");
  await desk.page.keyboard.press("Backspace");
  await desk.page.keyboard.press("Enter");
  await desk.shows("line 1", "line 3", "line 5", "line 7", "line 9");
});

story("what is pasted and is no filter is looked for as text by a click", async () => {
  const stream = fresh();
  const said = 'err="dial tcp 10.0.0.1:5432: (refused';
  await table.server.send(stream, ["GET /cart", said, "GET /pay"]);
  const desk = await table.open(stream);
  await desk.shows("GET /cart", said, "GET /pay");
  await desk.filter("GET");
  await desk.shows("GET /cart", "GET /pay");
  for (const pasted of [said, "(refused", '5432: (refused']) {
    await desk.filter(pasted);
    await desk.page.getByText("Until then the lines are those of GET.").waitFor();
    await desk.shows("GET /cart", "GET /pay");
    await desk.page.getByRole("button", { name: `Look for the text "${pasted.replaceAll('"', '\\"')}"` }).click();
    await desk.shows(said);
    await desk.filter("GET");
    await desk.shows("GET /cart", "GET /pay");
  }
});

story("Enter and Esc leave the box, and the keys go on in the lines", async () => {
  const { desk } = await ten();
  const focused = () => desk.page.evaluate(() => document.activeElement.getAttribute("role"));
  await desk.page.keyboard.press("/");
  await desk.page.keyboard.type("line");
  await desk.page.keyboard.press("Enter");
  await desk.until(focused, "log");
  await desk.until(() => desk.applied, "line");
  // Another view, which has no line to go to before it is loaded.
  await desk.until(async () => (await desk.messages()).at(-1), "line 9");
  await desk.page.keyboard.press("k");
  await desk.until(() => desk.log.locator(".row.current").count(), 1);
  await desk.page.keyboard.press("/");
  assert.equal(await focused(), "combobox");
  await desk.page.keyboard.press("Escape");
  await desk.until(focused, "log");
});

story("the words of a filter are marked in the lines, and those that it leaves out are not", async () => {
  const stream = fresh();
  await table.server.send(stream, ["GET /cart timed out", "GET /cart done", "POST /pay timed out"]);
  const desk = await table.open(stream, { view: `?filter=${encodeURIComponent('get "timed out" -done /[a-z]+rt/')}` });
  await desk.shows("GET /cart timed out");
  await desk.until(() => desk.log.locator("mark.asked").allInnerTexts(), ["GET", "cart", "timed out"]);
});

story("what a filter can say is a click away, and an example is put into the box", async () => {
  const { desk } = await ten();
  await desk.button("What a filter can say").click();
  const sheet = desk.page.getByRole("dialog", { name: "What a filter can say" });
  await sheet.getByRole("button", { name: "status>=500" }).click();
  await sheet.waitFor({ state: "hidden" });
  assert.equal(await desk.filterBox.inputValue(), "status>=500");
  await desk.page.keyboard.press("Enter");
  await desk.shows("line 1", "line 3", "line 5", "line 7", "line 9");
});
