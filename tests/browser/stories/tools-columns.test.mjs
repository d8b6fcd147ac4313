// Fields as columns: ordered, resized and removed, by the mouse and by keys; streams of a merged view, shown or not.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

async function withColumns() {
  const stream = fresh();
  await table.server.send(stream, range(0, 5, (i) => ({ message: `line ${i}`, fields: { a: i, b: `b${i}`, c: { d: i * 10 } } })));
  const desk = await table.open(stream, { view: "?columns=a:6,b:6,c.d:6" });
  await desk.shows(...range(0, 5, (i) => `line ${i}`));
  return desk;
}

const heads = (desk) => desk.page.getByRole("group", { name: /^Column / });
const names = (desk) => heads(desk).locator(".name").allInnerTexts();
const cells = (desk) => desk.row("line 3").locator(".cell").allInnerTexts();
const widths = (desk) => desk.row("line 3").locator(".cell").evaluateAll((all) => all.map((cell) => Math.round(cell.getBoundingClientRect().width)));
const inAddress = async (desk, columns) => desk.until(async () => new URLSearchParams(desk.page.url().split("?")[1]).get("columns"), columns);

story("columns show their fields, heads over them, and are ordered by keys", async () => {
  const desk = await withColumns();
  assert.deepEqual([await names(desk), await cells(desk)], [["a", "b", "c.d"], ["3", "b3", "30"]]);
  const lefts = (locator) => locator.evaluateAll((all) => all.map((element) => Math.round(element.getBoundingClientRect().left)));
  await desk.until(() => lefts(heads(desk)), await lefts(desk.row("line 3").locator(".cell")));
  await heads(desk).locator(".name").first().focus();
  await desk.page.keyboard.press("Alt+ArrowRight");
  await desk.until(() => names(desk), ["b", "a", "c.d"]);
  await desk.until(() => desk.page.evaluate(() => document.activeElement.textContent), "a");
  await desk.page.keyboard.press("Alt+ArrowRight");
  await desk.until(() => cells(desk), ["b3", "30", "3"]);
  await desk.page.keyboard.press("Alt+ArrowLeft");
  await desk.until(() => cells(desk), ["b3", "3", "30"]);
  await inAddress(desk, "b:6,a:6,c.d:6");
});

story("columns are ordered by dragging", async () => {
  const desk = await withColumns();
  await heads(desk).locator(".name").nth(2).dragTo(heads(desk).locator(".name").nth(0));
  await desk.until(() => names(desk), ["c.d", "a", "b"]);
  await desk.until(() => cells(desk), ["30", "3", "b3"]);
});

story("columns are resized by keys and by dragging their edge", async () => {
  const desk = await withColumns();
  const [before] = await widths(desk);
  await heads(desk).locator(".name").first().focus();
  for (let i = 0; i < 6; i++) await desk.page.keyboard.press("Shift+ArrowRight");
  await inAddress(desk, "a:12,b:6,c.d:6");
  await desk.until(async () => (await widths(desk))[0], before * 2);
  const edge = await heads(desk).nth(1).locator(".edge").boundingBox();
  await desk.page.mouse.move(edge.x + edge.width / 2, edge.y + 5);
  await desk.page.mouse.down();
  await desk.page.mouse.move(edge.x + edge.width / 2 + before, edge.y + 5, { steps: 5 });
  await desk.page.mouse.up();
  await inAddress(desk, "a:12,b:12,c.d:6");
  await desk.until(async () => (await widths(desk)).map((width) => Math.round(width / before)), [2, 2, 1]);
});

story("columns are removed by click and by key, and the focus goes to another one", async () => {
  const desk = await withColumns();
  await heads(desk).first().hover();
  await desk.button("Remove the column a").click();
  await desk.until(() => names(desk), ["b", "c.d"]);
  await heads(desk).locator(".name").last().focus();
  await desk.page.keyboard.press("Delete");
  await desk.until(() => names(desk), ["b"]);
  await desk.until(() => desk.page.evaluate(() => document.activeElement.textContent), "b");
  await desk.page.keyboard.press("Delete");
  await desk.until(() => heads(desk).count(), 0);
  await desk.until(() => desk.page.evaluate(() => document.activeElement.getAttribute("role")), "log");
  await desk.until(async () => desk.page.url().includes("columns"), false);
});

story("streams of a merged view are hidden and shown, one or all but one, in the order in which lines came", async () => {
  const root = fresh();
  const streams = ["a", "b", "c"];
  for (const i of range(0, 3, (i) => i)) for (const name of streams) await table.server.send(`${root}/${name}`, [`${name} ${i}`]);
  const desk = await table.open(`${root}/*`);
  const all = range(0, 3, (i) => streams.map((name) => `${name} ${i}`)).flat();
  await desk.shows(...all);
  const toggles = desk.page.getByRole("group", { name: "Streams in this view" });
  const colours = await desk.log.locator(".row.line .stream").evaluateAll((all) => new Set(all.map((name) => getComputedStyle(name).color)).size);
  assert.equal(colours, 3);
  await toggles.getByRole("button", { name: `${root}/b` }).click();
  await desk.shows(...all.filter((line) => !line.startsWith("b")));
  // What is hidden has come when its level is counted.
  await table.server.send(`${root}/b`, [{ level: "error", message: "b 3" }]);
  await desk.page.getByRole("group", { name: "Lines by level" }).getByRole("button", { name: "error" }).waitFor();
  await table.server.send(`${root}/a`, ["a 3"]);
  await desk.shows(...all.filter((line) => !line.startsWith("b")), "a 3");
  await toggles.getByRole("button", { name: `${root}/b` }).click();
  await desk.shows(...all, "b 3", "a 3");
  await toggles.getByRole("button", { name: `${root}/c` }).click({ modifiers: ["Shift"] });
  await desk.shows("c 0", "c 1", "c 2");
  await toggles.getByRole("button", { name: "Show all" }).press("Enter");
  await desk.shows(...all, "b 3", "a 3");
});
