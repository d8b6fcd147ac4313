// The chart counts what is stored, when the reader asks for it: all of it once, with what the tab loads, and one goes there.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

const HOUR = 3_600_000;
const LEVELS = ["info", "warn", "error"];
const COUNTS = "**/v1/counts?**";

/** Lines of three levels over hours that end now, from the one before `count` lines on. */
function overHours(hours, count, name = "line") {
  const begin = Date.now() - hours * HOUR;
  return range(0, count, (i) => ({ ts: new Date(begin + (i * hours * HOUR) / count).toISOString(), level: LEVELS[i % 3], message: `${name} ${i}` }));
}

/** Far more than the page loads at first. */
async function eightHours(view = "") {
  const stream = fresh();
  await table.server.send(stream, overHours(8, 7_200));
  const desk = await table.open(stream, { view });
  await count(desk).waitFor();
  return { stream, desk };
}

const chart = (desk) => desk.page.getByRole("region", { name: "Lines over time" });
const slider = (desk) => chart(desk).getByRole("slider");
const count = (desk) => chart(desk).getByRole("button", { name: "Count what is stored" });
const spans = (desk) => chart(desk).getByRole("group", { name: "How much time the chart shows" }).getByRole("button");
const span = (desk, name) => chart(desk).getByRole("button", { name, exact: true });

/** What the chart says of itself to who hears it. */
async function summary(desk) {
  await slider(desk).focus();
  return desk.page.evaluate(() => document.getElementById(document.querySelector("[role=slider][aria-describedby]").getAttribute("aria-describedby")).textContent);
}

/** Has all counted, and waits until it is. */
async function countAll(desk) {
  await count(desk).press("Enter");
  await desk.page.getByRole("group", { name: "Lines by level, of all that is stored" }).waitFor();
}

/** Lines of each level, and what they are of. */
async function levels(desk) {
  const group = desk.page.getByRole("group", { name: /^Lines by level/ });
  const titles = await group.getByRole("button").evaluateAll((all) => all.map(({ title }) => /\((.*) lines?\)/.exec(title)?.[1]));
  return [await group.getAttribute("aria-label"), ...titles];
}

/** A line of a level of its own: once it is counted, the page has told of all that was counted before it. */
const oneMore = (stream) => table.server.send(stream, [{ level: "fatal", message: "one more" }]);

/** The numbers of the lines that the window shows. */
const shown = async (desk) => (await desk.messages()).map((message) => Number(message.split(" ").at(-1)));

story("what is stored is counted when it is asked for, and nothing is hatched then", async () => {
  const { desk } = await eightHours();
  await span(desk, "6 h").click();
  await desk.until(async () => / is not counted\.$/.test(await summary(desk)), true);
  await slider(desk).hover({ position: { x: 200, y: 30 } });
  await chart(desk).locator(".tip").getByText("not counted", { exact: true }).waitFor();
  await desk.until(async () => (await levels(desk))[0], "Lines by level, of what is counted so far");
  await desk.until(async () => (await spans(desk).allInnerTexts()).at(-1), "All so far");
  await countAll(desk);
  await desk.until(() => levels(desk), ["Lines by level, of all that is stored", "2,400", "2,400", "2,400"]);
  // The button went, and the focus with it to where it is of use.
  await desk.until(() => slider(desk).evaluate((element) => element === document.activeElement), true);
  await desk.until(() => spans(desk).allInnerTexts(), ["5 min", "15 min", "1 h", "6 h", "24 h", "All"]);
  await span(desk, "24 h").click();
  const told = /: 7,200 lines \(2,400 error, 2,400 warn, 2,400 info\)\. The most at once: [^.]*\.$/;
  await desk.until(async () => told.test(await summary(desk)), true);
});

story("a drag goes to an hour that was counted and not loaded, and its lines count no second time", async () => {
  const { stream, desk } = await eightHours();
  await countAll(desk);
  const box = await slider(desk).boundingBox();
  await desk.page.mouse.move(box.x + box.width * 0.8, box.y + 40);
  await desk.page.mouse.down();
  await desk.page.mouse.move(box.x + box.width * 0.25, box.y + 40, { steps: 8 });
  await desk.page.mouse.up();
  await desk.until(async () => {
    const lines = await shown(desk);
    const isWhole = lines.length > 10 && lines.every((line, i) => line === lines[0] + i);
    return isWhole && lines.some((line) => Math.abs(line - 1_800) < 30);
  }, true);
  await oneMore(stream);
  await desk.until(async () => (await levels(desk)).length, 5);
  assert.deepEqual((await levels(desk)).slice(1), ["2,400", "2,400", "2,400", "1"]);
});

story("the keys go through hours that were counted and not loaded", async () => {
  const { desk } = await eightHours();
  await countAll(desk);
  await slider(desk).press("Home");
  await desk.until(async () => (await shown(desk))[0], 0);
  const at = async () => Number(await slider(desk).getAttribute("aria-valuenow"));
  const before = await at();
  await slider(desk).press("PageUp");
  await desk.until(async () => (await at()) > before + 60_000, true);
  const [there, first] = [await at(), (await shown(desk))[0]];
  await slider(desk).press("ArrowLeft");
  await desk.until(async () => (await at()) < there && (await shown(desk))[0] <= first, true);
});

story("streams of a pattern are counted together, with the filter", async () => {
  const root = fresh();
  await table.server.send(`${root}/api`, overHours(5, 6_000, "api"));
  await table.server.send(`${root}/web`, overHours(9, 3_000, "web"));
  const desk = await table.open(`${root}/*`, { view: "?filter=level%3E%3Dwarn" });
  await countAll(desk);
  await desk.until(() => levels(desk), ["Lines by level, of all that is stored", "3,000", "3,000"]);
  const box = await slider(desk).boundingBox();
  // Of an hour that only one of them has, and of one that both have: which lines are shown, to the nearest hundred.
  const about = async () => [...new Set((await desk.messages()).map((message) => message.replace(/\d+$/, (number) => Math.round(number / 100) * 100)))].sort();
  await slider(desk).click({ position: { x: box.width * 0.1, y: 40 } });
  await desk.until(about, ["web 300"]);
  await slider(desk).click({ position: { x: box.width * 0.7, y: 40 } });
  await desk.until(about, ["api 2800", "web 2100"]);
  await oneMore(`${root}/api`);
  await desk.until(async () => (await levels(desk)).length, 4);
  assert.deepEqual((await levels(desk)).slice(1), ["3,000", "3,000", "1"]);
});

story("counting says how far it is, is ended by who began it, and goes on from there", async () => {
  const { desk } = await eightHours();
  const held = [];
  await desk.page.route(COUNTS, (route) => void held.push(route));
  await count(desk).press("Enter");
  const stop = chart(desk).getByRole("button", { name: "Stop" });
  const how = chart(desk).locator(".how");
  // With its date when the day has changed since.
  const told = /^counted back to (\d{4}-\d\d-\d\d )?\d\d:\d\d, \d+%$/;
  await desk.until(async () => told.test(await how.innerText()) && (await how.getAttribute("title")) === (await how.innerText()), true);
  await desk.page.keyboard.press("Enter");
  await count(desk).waitFor();
  assert.equal(await stop.count(), 0);
  await desk.page.unroute(COUNTS);
  for (const route of held) await route.abort().catch(() => {});
  await desk.page.keyboard.press("Enter");
  await desk.until(() => levels(desk), ["Lines by level, of all that is stored", "2,400", "2,400", "2,400"]);
});

story("a server that cannot count says why, and is asked again when the reader likes", async () => {
  const { desk } = await eightHours();
  const refusal = { type: "about:blank", title: "Bad Request", status: 400, code: "bad_parameter", detail: "not today" };
  await desk.page.route(COUNTS, (route) => route.fulfill({ status: 400, contentType: "application/problem+json", body: JSON.stringify(refusal) }));
  await count(desk).click();
  const again = chart(desk).getByRole("button", { name: "Try again" });
  await again.waitFor();
  assert.equal(await chart(desk).getByRole("status").innerText(), "What is stored could not be counted: not today.");
  await desk.page.unroute(COUNTS);
  await again.click();
  await desk.until(() => levels(desk), ["Lines by level, of all that is stored", "2,400", "2,400", "2,400"]);
});

story("what cannot be read any more is left out, and it is not said that all is counted", async () => {
  const root = fresh();
  await table.server.send(`${root}/api`, overHours(5, 6_000, "api"));
  await table.server.send(`${root}/web`, overHours(9, 3_000, "web"));
  const desk = await table.open(`${root}/*`);
  const refusal = { type: "about:blank", title: "Not Found", status: 404, code: "stream_not_found", detail: "gone" };
  const isWeb = (url) => url.pathname === "/v1/counts" && url.searchParams.get("stream") === `${root}/web`;
  await desk.page.route(isWeb, (route) => route.fulfill({ status: 404, contentType: "application/problem+json", body: JSON.stringify(refusal) }));
  await count(desk).click();
  await desk.page.getByRole("group", { name: "Lines by level, of all that you may read" }).waitFor();
  assert.equal(await chart(desk).getByRole("status").innerText(), "All that you may read is counted. 1 stream is left out.");
});
