// Lines over time: counts and seeking; and jumping to a date and time.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

const BEGIN = Date.UTC(2026, 10, 20, 10, 0, 0);

/** A line each second for an hour, from a time on. */
async function anHour(begin = BEGIN) {
  const stream = fresh();
  const levels = ["info", "warn", "error"];
  await table.server.send(stream, range(0, 3600, (i) => ({ ts: new Date(begin + i * 1000).toISOString(), level: levels[i % 3], message: `line ${i}` })));
  const desk = await table.open(stream);
  await desk.row("line 3599").waitFor();
  return { stream, desk };
}

const chart = (desk) => desk.page.getByRole("region", { name: "Lines over time" });
const slider = (desk) => chart(desk).getByRole("slider");
const first = async (desk) => (await desk.messages())[0];

/** A jump by the dialog, as the clock on the reader's wall says it. */
async function jump(desk, wall) {
  await desk.log.focus();
  await desk.page.keyboard.press("t");
  const dialog = desk.page.getByRole("dialog", { name: "Jump to a time" });
  await dialog.getByLabel(/Date and time/).fill(wall);
  await dialog.getByLabel(/Date and time/).press("Enter");
  await dialog.waitFor({ state: "detached" });
}

story("one jumps to a date and time, and the lines around it are loaded", async () => {
  const { desk } = await anHour();
  await jump(desk, "2026-11-20T10:10:00");
  await desk.row("line 600").waitFor();
  await desk.until(async () => desk.log.locator(".row.current .message").innerText().catch(() => ""), "line 600");
  const shown = async () => (await desk.messages()).map((message) => Number(message.split(" ")[1]));
  await desk.until(async () => {
    const [first, last] = [(await shown())[0], (await shown()).at(-1)];
    return first < 600 && last > 600;
  }, true);
  const numbers = await shown();
  assert.deepEqual(numbers, range(numbers[0], numbers.at(-1) + 1, (i) => i));
  await desk.page.keyboard.press("End");
  await desk.until(async () => (await desk.messages()).at(-1), "line 3599");
});

story("a time is of the zone that times are shown in", async () => {
  const { desk } = await anHour();
  await desk.page.keyboard.press(",");
  const settings = desk.page.getByRole("dialog", { name: "Settings" });
  await settings.getByLabel("Time zone").fill("Asia/Tokyo");
  await settings.getByLabel("Time zone").press("Tab");
  await desk.page.keyboard.press("Escape");
  await jump(desk, "2026-11-20T19:20:00");
  await desk.until(async () => desk.log.locator(".row.current .message").innerText().catch(() => ""), "line 1200");
  await desk.until(async () => (await desk.log.locator(".row.current .when").innerText()).slice(-18, -4), "11-20 19:20:00");
});

story("a time that no line has reached is said to be, and the live end is shown", async () => {
  const { desk } = await anHour();
  await desk.page.keyboard.press("Home");
  await desk.row("line 0").waitFor();
  await jump(desk, "2030-01-01T00:00:00");
  await desk.page.getByText("There is no line of that time or later.").waitFor();
  await desk.until(async () => (await desk.messages()).at(-1), "line 3599");
});

story("the keys of the chart go through time, and say where one is", async () => {
  const begin = Date.now() - 3_600_000;
  const { desk } = await anHour(begin);
  // The chart is told of the lines a moment after the reader.
  await desk.until(async () => Number(await slider(desk).getAttribute("aria-valuemin")) < begin + 3_010_000, true);
  await slider(desk).focus();
  await desk.until(async () => /^.+/.test((await slider(desk).getAttribute("aria-valuetext")) ?? ""), true);
  await slider(desk).press("Home");
  await desk.button("Jump to live").waitFor();
  const place = async () => Number(((await first(desk)) ?? "line 0").split(" ")[1]);
  await desk.until(async () => (await place()) < 3000, true);
  const before = await place();
  await slider(desk).press("PageUp");
  await desk.until(async () => (await place()) > before, true);
});

story("a drag in the chart shows the lines of that time", async () => {
  const { desk } = await anHour(Date.now() - 3_600_000);
  await chart(desk).getByRole("button", { name: "1 h", exact: true }).click();
  const box = await slider(desk).boundingBox();
  await desk.page.mouse.move(box.x + box.width * 0.9, box.y + 30);
  await desk.page.mouse.down();
  await desk.page.mouse.move(box.x + box.width * 0.5, box.y + 30, { steps: 10 });
  await desk.page.mouse.up();
  await desk.button("Jump to live").waitFor();
  const now = Number(await slider(desk).getAttribute("aria-valuenow"));
  const [least, most] = await Promise.all(["aria-valuemin", "aria-valuemax"].map(async (name) => Number(await slider(desk).getAttribute(name))));
  assert.ok(least < most && now >= least && now <= most);
});

story("pointing at the chart tells the counts of each level there", async () => {
  const stream = fresh();
  const now = Date.now();
  await table.server.send(stream, range(0, 60, (i) => ({ ts: new Date(now - 60_000).toISOString(), level: i % 3 ? "warn" : "error", message: `line ${i}` })));
  const desk = await table.open(stream);
  await desk.row("line 59").waitFor();
  const counts = desk.page.getByRole("group", { name: "Lines by level" }).getByRole("button");
  await desk.until(async () => (await counts.allInnerTexts()).map((text) => text.replace(/\s+/g, " ")), ["warn 40", "error 20"]);
  // The lines move on with the time: in an hour's chart, not far.
  await chart(desk).getByRole("button", { name: "1 h", exact: true }).click();
  const box = await slider(desk).boundingBox();
  const told = [];
  for (let x = box.width * 0.85; x < box.width; x += 2) {
    await desk.page.mouse.move(box.x + x, box.y + 30);
    const tip = await chart(desk).locator(".tip").innerText();
    if (tip.includes("error")) told.push(tip.replace(/\s+/g, " ").replace(/^.*?(?=warn|error)/, ""));
  }
  assert.deepEqual([...new Set(told)].map((tip) => [/warn ?40/.test(tip), /error ?20/.test(tip)]), [[true, true]]);
});
