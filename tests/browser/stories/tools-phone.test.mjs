// A phone: list, log and back, by touch; nothing is wider than the screen.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable({ viewport: { width: 390, height: 800 }, hasTouch: true });

const LINES = range(0, 200, (i) => ({
  level: ["info", "warn", "error"][i % 3], message: `GET /cart/${i} took ${i} ms`, fields: { status: 200 + i, path: `/a/long/path/that/goes/on/and/on/${i}` },
}));

/** What is wider than the screen, or beyond it at the side. */
const tooWide = (desk) => desk.page.evaluate(() => {
  const beyond = [...document.querySelectorAll("button, input, a, select, h1, h2, .message, dialog, .popover, .chip")].filter((element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility() && box.width > 0 && (box.right > innerWidth + 1 || box.left < -1) && !element.closest(".spans");
  });
  const names = beyond.map((element) => element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 30));
  return document.documentElement.scrollWidth > innerWidth ? ["the page itself", ...names] : names;
});

/** Controls that lie on each other. */
const overlapping = (desk) => desk.page.evaluate(() => {
  const all = [...document.querySelectorAll("header button, header a, .ask button, .ask input, .about button")].filter((element) => element.checkVisibility() && element.getBoundingClientRect().width > 0);
  const on = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const name = (element) => element.getAttribute("aria-label") ?? element.textContent.trim();
  return all.flatMap((a, i) => all.slice(i + 1).filter((b) => !a.contains(b) && on(a.getBoundingClientRect(), b.getBoundingClientRect())).map((b) => `${name(a)} on ${name(b)}`));
});

const fits = async (desk) => assert.deepEqual([await tooWide(desk), await overlapping(desk)], [[], []]);

story("from the list to a log and back, with a finger", async () => {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.openAt(`#token=${table.server.token}`);
  const { page } = desk;
  const link = page.getByRole("link", { name: stream });
  await link.waitFor();
  await fits(desk);
  await link.tap();
  await desk.stands(/^live$/);
  await desk.row("GET /cart/199").waitFor();
  assert.ok(await link.isHidden());
  await fits(desk);
  await desk.row("GET /cart/198").getByRole("button", { name: "All of this line" }).tap();
  await desk.row("GET /cart/198").locator(".details").waitFor();
  await fits(desk);
  await desk.row("GET /cart/198").getByRole("button", { name: "Only this" }).first().tap();
  await desk.until(() => desk.messages(), ["GET /cart/198 took 198 ms"]);
  await desk.filterBox.tap();
  await desk.filterBox.fill("level:error");
  await desk.filterBox.press("Enter");
  await desk.until(async () => (await desk.messages()).at(-1), "GET /cart/197 took 197 ms");
  await page.getByRole("link", { name: "All streams" }).tap();
  await link.waitFor();
  await page.goBack();
  await desk.row("GET /cart/197").waitFor();
});

story("every dialog and bar fits the small screen", async () => {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream, { view: "?columns=status:8,path:12" });
  await desk.row("GET /cart/199").waitFor();
  await fits(desk);
  for (const name of ["Settings", "Saved views", "Copy or download", "Keyboard", "Jump", "Find"]) {
    await desk.button(name).tap();
    await desk.nextFrame();
    assert.deepEqual([name, await tooWide(desk)], [name, []]);
    await desk.page.keyboard.press("Escape");
    await desk.nextFrame();
  }
});

story("a cell of a column says whose it is, where there is no room for heads over the cells, and a column is removed by touch", async () => {
  const stream = fresh();
  await table.server.send(stream, [{ message: "without" }, ...LINES.slice(0, 3)]);
  const desk = await table.open(stream, { view: "?columns=status:8,path:12" });
  const cells = (text) => desk.row(text).locator(".cell:visible").allInnerTexts();
  await desk.until(() => cells("GET /cart/2"), ["status 202", "path /a/long/path/that/goes/on/and/on/2"]);
  assert.deepEqual(await cells("without"), []);
  const beside = () => desk.row("GET /cart/2").evaluate((row) => {
    const [message, ...cells] = [".message", ".cell"].flatMap((name) => [...row.querySelectorAll(name)]).map((element) => element.getBoundingClientRect());
    return cells.map((cell) => cell.right <= innerWidth && cell.bottom <= message.top);
  });
  assert.deepEqual(await beside(), [true, true]);
  await fits(desk);
  await desk.button("Remove the column status").tap();
  await desk.until(() => cells("GET /cart/2"), ["path /a/long/path/that/goes/on/and/on/2"]);
});

story("a finger that draws the lines down stops following, and goes back in time", async () => {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream);
  await desk.row("GET /cart/199").waitFor();
  const cdp = await desk.page.context().newCDPSession(desk.page);
  const { x, y, height } = await desk.log.boundingBox();
  const touch = (type, at) => cdp.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x: x + 150, y: at }] });
  await touch("touchStart", y + 60);
  for (let i = 1; i <= 10; i++) await touch("touchMove", y + 60 + (height - 120) * (i / 10));
  await touch("touchEnd");
  await desk.page.getByRole("button", { name: "Jump to live" }).waitFor();
  await desk.until(async () => (await desk.messages()).includes("GET /cart/199 took 199 ms"), false);
  await desk.page.getByRole("button", { name: "Jump to live" }).tap();
  await desk.until(async () => (await desk.messages()).at(-1), "GET /cart/199 took 199 ms");
});
