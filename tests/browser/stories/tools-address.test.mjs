// The address holds the view, never the token; what is preferred is remembered.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";
import { startServer } from "../server.mjs";

const table = setTable({ start: startServer });

const LINES = range(0, 900, (i) => ({
  ts: new Date(Date.UTC(2026, 10, 21, 10, 0, i)).toISOString(),
  level: i % 3 ? "info" : "warn",
  message: `line ${i}`,
  fields: { status: 200 + (i % 5), user: { name: "ann" } },
}));

/** The line that an address names: the one whose top is nearest to a quarter of the window, when all around it is loaded. */
const read = (desk) => desk.log.evaluate((log) => {
  if (log.querySelector(".hole")) return undefined;
  const { top, height } = log.getBoundingClientRect();
  const away = (row) => Math.abs(row.getBoundingClientRect().top - top - height / 4);
  const rows = [...log.querySelectorAll(".row.line")].filter((row) => row.getBoundingClientRect().bottom > top);
  return rows.toSorted((one, other) => away(one) - away(other))[0]?.querySelector(".message").textContent;
});

const cells = (desk) => desk.log.locator(".row.line").first().locator(".cell").allInnerTexts();

story("a copied address shows a colleague, by their own token, the same lines at the same place", async () => {
  const root = fresh();
  for (const name of ["a", "b", "c"]) {
    await table.server.send(`${root}/${name}`, LINES.map((line) => ({ ...line, message: `${name} ${line.message}` })));
  }
  const desk = await table.open(`${root}/*`);
  await desk.filter("level:warn");
  await desk.until(() => desk.applied, "level:warn");
  await desk.stands(/^live$/);
  await desk.page.getByRole("group", { name: "Streams in this view" }).getByRole("button", { name: `${root}/b` }).click();
  await desk.act("line 897", "status", "As column");
  await desk.act("line 897", "name", "As column");
  await desk.page.keyboard.press("o");
  await desk.log.hover();
  await desk.page.mouse.wheel(0, -6000);
  await desk.nextFrame();
  // The address settles once the reader does.
  await desk.until(async () => {
    const [, name, offset] = /[?&]at=[^&]*\/([abc]):(\d+)/.exec(desk.page.url()) ?? [];
    return `${name} line ${offset}` === (await read(desk)) && /columns=status,user\.name/.test(desk.page.url());
  }, true);
  const shown = await desk.messages();
  assert.ok(shown.length > 10 && shown.every((message) => !message.startsWith("b ")));
  const address = desk.page.url();
  assert.doesNotMatch(address, /token|eyJ/);

  const token = await table.server.tokenFor("colleague", `${root}/**`);
  const other = await table.openAt(`#token=${token}&to=${encodeURIComponent(new URL(address).hash.slice(1))}`);
  await other.stands(/^live$/);
  // But for a row that stands half outside.
  const seen = shown.slice(1, -1);
  await other.until(async () => (await other.messages()).filter((message) => seen.includes(message)), seen);
  await other.until(() => other.page.url(), address);
  assert.equal(await other.filterBox.inputValue(), "level:warn");
  assert.deepEqual(await other.page.getByRole("group", { name: /^Column / }).locator(".name").allInnerTexts(), ["status", "user.name"]);
  assert.equal((await cells(other))[1], "ann");
});

story("a permanent link leads to its line, wherever the log has got to", async () => {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream, { view: `?at=${stream}:123` });
  await desk.row("line 123").waitFor();
  await desk.until(() => desk.log.locator(".row.current .message").allInnerTexts(), ["line 123"]);
  const link = await desk.copied(() => desk.page.keyboard.press("l"), "Copied a link to the line.");
  assert.equal(new URL(link).hash, `#/stream/${stream}?at=${stream}:123`);
});

story("a place that is not there is said not to be, and the live end is shown", async () => {
  const stream = fresh();
  await table.server.send(stream, ["only one"]);
  const desk = await table.open(stream, { view: `?at=${stream}:123` });
  await desk.log.getByText("There is no line at the place that the address names.").waitFor();
});

story("the token leaves the address at once, and is in no history and nothing that outlives the tab", async () => {
  const stream = fresh();
  await table.server.send(stream, ["here"]);
  const desk = await table.open(stream);
  await desk.shows("here");
  assert.equal(desk.page.url(), `${table.server.url}#/stream/${stream}`);
  const kept = await desk.page.evaluate(() => JSON.stringify([{ ...localStorage }, document.cookie, history.state]));
  assert.doesNotMatch(kept, new RegExp(table.server.token.slice(-20)));
  const session = await desk.page.context().newCDPSession(desk.page);
  const { entries } = await session.send("Page.getNavigationHistory");
  assert.deepEqual(entries.filter(({ url }) => url.includes("token")), []);
  await desk.page.reload();
  await desk.shows("here");
  await desk.button("Sign out").click();
  await desk.page.getByLabel("Token", { exact: true }).waitFor();
  assert.equal(await desk.page.evaluate(() => JSON.stringify({ ...sessionStorage })), "{}");
  assert.equal(desk.page.url(), `${table.server.url}#/`);
  await desk.until(() => desk.page.getByText("here").count(), 0);
});

