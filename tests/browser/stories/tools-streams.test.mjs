// The list of streams: found, ordered, followed together, and two thousand of them.

import assert from "node:assert/strict";
import { story, work } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";
import { startServer } from "../server.mjs";

const table = setTable({ start: startServer });

const list = (desk) => desk.page.getByRole("list", { name: "Streams" });
/** Without the one that stands for all of them. */
const names = (desk) => list(desk).locator("li:not(.typed) .name").allInnerTexts();
const search = (desk) => desk.page.getByRole("searchbox");

async function opened() {
  const root = fresh();
  for (const name of ["api", "web", "worker/a", "worker/b"]) await table.server.send(`${root}/${name}`, [`of ${name}`]);
  const desk = await table.openAt(`#token=${await table.server.tokenFor("reader", `${root}/**`)}`);
  await list(desk).getByRole("link").first().waitFor();
  return { root, desk };
}

story("streams are listed with when their last line came, and found by a part of their name", async () => {
  const { root, desk } = await opened();
  assert.deepEqual(await names(desk), ["api", "web", "worker/a", "worker/b"].map((name) => `${root}/${name}`));
  assert.match(await list(desk).locator(".ago").first().innerText(), /^(now|\d+ (s|min) ago)$/);
  await search(desk).fill("work");
  await desk.until(async () => (await names(desk)).filter((name) => name.startsWith(root)), [`${root}/worker/a`, `${root}/worker/b`]);
  await search(desk).press("ArrowDown");
  await desk.page.keyboard.press("ArrowDown");
  await desk.page.keyboard.press("Enter");
  await desk.stands(/^live$/);
  await desk.until(async () => (await desk.messages()).map((message) => /^of worker\/[ab]$/.test(message)), [true]);
});

story("several are followed together, chosen by keys", async () => {
  const { root, desk } = await opened();
  await list(desk).getByRole("link", { name: `${root}/api` }).focus();
  await desk.page.keyboard.press("Space");
  await desk.page.keyboard.press("ArrowDown");
  await desk.page.keyboard.press("Space");
  await desk.button("Follow 2 streams merged").press("Enter");
  await desk.stands(/^live$/);
  await desk.until(async () => (await desk.messages()).toSorted(), ["of api", "of web"]);
  assert.equal(new URL(desk.page.url()).hash, `#/stream/${root}/api,${root}/web`);
});

story("a pattern that is typed is followed", async () => {
  const { root, desk } = await opened();
  await search(desk).fill(`${root}/worker/*`);
  await search(desk).press("Enter");
  await desk.stands(/^live$/);
  await desk.until(async () => (await desk.messages()).toSorted(), ["of worker/a", "of worker/b"]);
});

story("a new stream and new lines appear in the list by themselves", async () => {
  const { root, desk } = await opened();
  await table.server.send(`${root}/zebra`, range(0, 50, (i) => `line ${i}`));
  await list(desk).getByRole("link", { name: `${root}/zebra` }).waitFor();
  await desk.page.getByRole("combobox", { name: "Order of the streams" }).selectOption("rate");
  await desk.until(async () => (await names(desk))[0], `${root}/zebra`);
  await list(desk).getByRole("link", { name: `${root}/zebra` }).locator(".rate").filter({ hasText: /\d\/s/ }).waitFor();
});

story("two thousand streams are found in at the speed of typing", async () => {
  const root = fresh();
  const all = range(0, 2000, (i) => `${root}/s${String(i).padStart(4, "0")}`);
  await table.server.send(undefined, all.map((stream) => ({ stream, message: "here" })));
  const desk = await table.openAt(`#token=${await table.server.tokenFor("reader", `${root}/**`)}`);
  await desk.until(async () => (await names(desk)).length > 0, true);
  const worked = await work(desk.page, async () => {
    await search(desk).pressSequentially("s1234");
    await desk.nextFrame();
  });
  await desk.until(async () => (await names(desk)).filter((name) => name.startsWith(root)), [`${root}/s1234`]);
  assert.ok(worked < 500, `five keys took ${worked} ms`);
  await search(desk).press("Enter");
  await desk.stands(/^live$/);
  await desk.shows("here");
});

story("many streams stand in folders by their names, which open by click and by key, and a pattern says how many it covers", async () => {
  const root = fresh();
  const all = [...range(0, 120, (i) => `${root}/prod/eu/web-${i}`), ...range(0, 30, (i) => `${root}/dev/ap/mailer-with-a-long-name-${i}`)];
  await table.server.send(undefined, all.map((stream) => ({ stream, message: "here" })));
  const desk = await table.openAt(`#token=${await table.server.tokenFor("reader", `${root}/**`)}`);
  const folder = (name) => list(desk).getByRole("button", { name });
  await folder(/^stories.*150 streams/).click();
  await folder(/prod\/eu\/.*120 streams/).waitFor();
  await folder(/dev\/ap\/.*30 streams/).focus();
  await desk.page.keyboard.press("ArrowRight");
  await list(desk).getByRole("link", { name: /mailer.*-29/ }).waitFor();
  await desk.page.keyboard.press("ArrowLeft");
  await desk.until(() => list(desk).getByRole("link", { name: /mailer/ }).count(), 0);
  await search(desk).fill(`${root}/prod/**`);
  await list(desk).getByText("120 of 150 streams match").waitFor();
  await search(desk).fill(`${root}/prod/*/web-1*`);
  await desk.page.getByText("In a pattern * stands for a whole segment").waitFor();
  await search(desk).press("Enter");
  await desk.stands(/^live$/);
  assert.equal(new URL(desk.page.url()).hash.split(",").length, 31);
});

story("a favourite stands on top of the list, in the next tab too", async () => {
  const { root, desk } = await opened();
  await list(desk).getByRole("button", { name: `Favourite ${root}/web` }).click();
  await desk.until(async () => (await names(desk))[0], `${root}/web`);
  await desk.page.reload();
  await desk.until(async () => (await names(desk))[0], `${root}/web`);
});
