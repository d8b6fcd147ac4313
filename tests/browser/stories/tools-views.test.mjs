// Views that are saved on the server: in every browser of who saved them, and for whoever has the link of one that is shared.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";
import { startServer } from "../server.mjs";

const table = setTable({ start: startServer });

const LINES = range(0, 6, (i) => ({
  ts: new Date(Date.UTC(2026, 10, 21, 10, 0, i)).toISOString(),
  level: i % 3 ? "info" : "warn",
  message: `line ${i}`,
  fields: { status: 200 + i },
}));

const menuOf = (desk) => desk.page.getByRole("dialog", { name: "Saved views" });
const open = async (desk) => {
  await desk.button("Saved views").click();
  return menuOf(desk);
};

/** Opens a view and saves it under this name, by the keyboard. Answers the fragment of its address. */
async function save(desk, name) {
  const menu = await open(desk);
  await menu.getByRole("textbox", { name: "Name for this view" }).fill(name);
  await desk.page.keyboard.press("Enter");
  await menu.getByRole("link", { name }).waitFor();
  await desk.page.keyboard.press("Escape");
  await menu.waitFor({ state: "hidden" });
  await desk.until(() => /^#view=[\w-]{22}$/.test(new URL(desk.page.url()).hash), true);
  return new URL(desk.page.url()).hash;
}

/** Somebody else, who may read only this. */
async function colleague(sub, read, fragment) {
  const token = await table.server.tokenFor(sub, read);
  return table.openAt(`#token=${token}&to=${encodeURIComponent(fragment.slice(1))}`);
}

story("a view is saved, opened elsewhere, changed, overwritten, renamed and deleted, by the keyboard", async () => {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream, { view: "?filter=level:warn&columns=status:9" });
  await desk.shows("line 0", "line 3");
  const address = await save(desk, `warnings of ${stream}`);
  await desk.button(`Saved view warnings of ${stream}`).waitFor();

  // Another browser of the same person.
  const other = await table.openAt(`#token=${table.server.token}&to=${encodeURIComponent(address.slice(1))}`);
  await other.stands(/^live$/);
  await other.shows("line 0", "line 3");
  assert.equal(await other.filterBox.inputValue(), "level:warn");
  assert.equal(new URL(other.page.url()).hash, address);

  // What is shown differs from what is saved: that is marked, and all of it is in the address.
  await other.filter("level:info");
  await other.shows("line 1", "line 2", "line 4", "line 5");
  await other.button(`Saved view warnings of ${stream}, changed`).waitFor();
  await other.until(() => other.applied, "level:info");
  assert.match(other.page.url(), new RegExp(`[?&]view=${address.slice(6)}`));
  await other.page.reload();
  await other.shows("line 1", "line 2", "line 4", "line 5");
  await other.button(`Saved view warnings of ${stream}, changed`).click();
  await menuOf(other).getByRole("button", { name: "Save changes" }).press("Enter");
  await menuOf(other).getByText("as it is saved").waitFor();
  await other.until(() => new URL(other.page.url()).hash, address);
  await other.page.keyboard.press("Escape");

  await desk.page.reload();
  await desk.shows("line 1", "line 2", "line 4", "line 5");
  const menu = await open(desk);
  await menu.getByRole("button", { name: `Rename warnings of ${stream}` }).press("Enter");
  await menu.getByRole("textbox", { name: "New name" }).fill("grave");
  await desk.page.keyboard.press("Enter");
  await menu.getByRole("link", { name: "grave" }).waitFor();
  await menu.getByRole("button", { name: "Delete grave" }).press("Enter");
  await menu.getByText("Delete “grave”?").waitFor();
  await menu.getByRole("button", { name: "Delete", exact: true }).press("Enter");
  await menu.getByText("None yet.").waitFor();
});

story("of two pages that change one view the second is told what it is now", async () => {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream);
  await desk.shows("line 0", "line 1", "line 2", "line 3", "line 4", "line 5");
  const address = await save(desk, "both");
  const other = await table.openAt(`#token=${table.server.token}&to=${encodeURIComponent(address.slice(1))}`);
  await other.stands(/^live$/);
  await other.filter("level:info");
  await other.button("Saved view both, changed").click();
  // The menu is open while the other page changes it.
  await menuOf(other).getByRole("link", { name: "both" }).waitFor();
  const menu = await open(desk);
  await menu.getByRole("button", { name: "Rename both" }).click();
  await menu.getByRole("textbox", { name: "New name" }).fill("theirs");
  await desk.page.keyboard.press("Enter");
  await menu.getByRole("link", { name: "theirs" }).waitFor();
  await menuOf(other).getByRole("button", { name: "Save changes" }).click();
  await menuOf(other).getByRole("alert").filter({ hasText: "Another page has changed “theirs” meanwhile" }).waitFor();
  await menuOf(other).getByRole("button", { name: "Save changes" }).click();
  await menuOf(other).getByText("as it is saved").waitFor();
  await other.button("Saved view theirs").waitFor();
});

story("whoever has the link of a shared view sees it with what they may read, until it is shared no longer", async () => {
  const root = fresh();
  await table.server.send(`${root}/open`, LINES.map((line) => ({ ...line, message: `open ${line.message}` })));
  await table.server.send(`${root}/secret`, ["nobody else's"]);
  const desk = await table.open(`${root}/*`);
  await desk.row("nobody else's").waitFor();
  const address = await save(desk, "all of it");

  const early = await colleague("early", `${root}/open`, address);
  await early.page.getByRole("alert").filter({ hasText: "This link leads to no saved view" }).waitFor();

  const menu = await open(desk);
  const link = await desk.copied(() => menu.getByRole("button", { name: "Share all of it" }).click(), "Copied the link.");
  assert.equal(new URL(link).hash, address);
  const other = await colleague("bob", `${root}/open`, new URL(link).hash);
  await other.stands(/^live$/);
  await other.row("open line 0").waitFor();
  assert.equal(await other.row("nobody else's").count(), 0, "a view gives no right to read");
  const theirs = await open(other);
  await theirs.getByText("as it is saved, by somebody else").waitFor();
  await theirs.getByText("None yet.").waitFor();

  await menu.getByRole("button", { name: "Stop sharing all of it" }).click();
  await menu.getByRole("button", { name: "Share all of it" }).waitFor();
  await other.page.reload();
  await other.page.getByRole("alert").filter({ hasText: "This link leads to no saved view" }).waitFor();
  await other.page.getByRole("link", { name: "All streams" }).click();
  await other.page.getByRole("link", { name: `${root}/open` }).first().waitFor();
});

story("on a phone the menu fits, and saved views stand beside the streams", async () => {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream);
  await desk.page.setViewportSize({ width: 375, height: 700 });
  const address = await save(desk, `a name that is rather long for so narrow a screen, of ${stream}`);
  const menu = await open(desk);
  await menu.getByRole("link", { name: /^a name that is rather long/ }).waitFor();
  const { x, width } = await menu.boundingBox();
  assert.ok(x >= 0 && x + width <= 375, `from ${x}, ${width} wide`);
  assert.equal(await desk.page.evaluate(() => document.documentElement.scrollWidth), 375);
  await desk.page.keyboard.press("Escape");
  await desk.page.getByRole("link", { name: "All streams" }).click();
  const links = desk.page.getByRole("list", { name: "Saved views" });
  await links.getByRole("link", { name: /^a name that is rather long/ }).click();
  await desk.stands(/^live$/);
  await desk.until(() => new URL(desk.page.url()).hash, address);
});

story("what an earlier version kept in the browser can be kept on the server", async () => {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream);
  const kept = [{ name: `of old, ${stream}`, fragment: `#/stream/${stream}?filter=level:warn` }];
  await desk.page.evaluate((kept) => localStorage.setItem("tailcast.views", JSON.stringify(kept)), kept);
  const menu = await open(desk);
  await menu.getByRole("button", { name: `Keep of old, ${stream} on the server` }).click();
  await menu.getByRole("list", { name: "Your saved views" }).getByRole("link", { name: `of old, ${stream}` }).click();
  await desk.shows("line 0", "line 3");
  assert.equal(await desk.page.evaluate(() => localStorage.getItem("tailcast.views")), "[]");
});
