// How a reader likes the page: chosen once, seen at once, remembered.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, setTable } from "../desk.mjs";

const table = setTable();

const AT = "2026-01-15T23:30:05.123456789Z";
const LINES = [
  { ts: AT, level: "info", message: "\u001b[31mred\u001b[0m line" },
  { ts: AT, message: "java.lang.IllegalStateException: no" },
  { ts: AT, message: "\tat shop.Orders.find(Orders.java:42)" },
  { ts: AT, message: `long ${"word ".repeat(100)}` },
];

async function opened() {
  const stream = fresh();
  await table.server.send(stream, LINES);
  const desk = await table.open(stream);
  await desk.row("red line").waitFor();
  await desk.page.keyboard.press(",");
  return desk;
}

const panel = (desk) => desk.page.getByRole("dialog", { name: "Settings" });
/** Without the year, which is there when it is another one. */
const when = async (desk) => (await desk.row("red line").locator(".when").innerText()).replace(/^\d{4}-(?=\d\d-\d\d )/, "");

async function choose(desk, label, value) {
  await panel(desk).getByLabel(label, { exact: true }).selectOption(value);
}

async function chooseZone(desk, zone) {
  await panel(desk).getByLabel("Time zone").fill(zone);
  await panel(desk).getByLabel("Time zone").press("Tab");
}

story("times are written in every format and zone, the browser's own too", async () => {
  const desk = await opened();
  const table = [
    ["UTC", "datetime", "01-15 23:30:05.123"],
    ["UTC", "iso", "2026-01-15T23:30:05.123456789Z"],
    ["Asia/Tokyo", "datetime", "01-16 08:30:05.123"],
    ["America/St_Johns", "datetime", "01-15 20:00:05.123"],
    ["Asia/Kathmandu", "datetime", "01-16 05:15:05.123"],
    // In full it is as the server has it.
    ["Asia/Kathmandu", "iso", AT],
    // Of another day than today.
    ["Local", "time", "01-15 23:30:05.123"],
  ];
  for (const [zone, format, written] of table) {
    await chooseZone(desk, zone);
    await choose(desk, "Times", format);
    await desk.until(async () => [zone, format, await when(desk)], [zone, format, written]);
  }
  await choose(desk, "Times", "relative");
  await desk.until(async () => /ago$|d$|mo|y/.test(await when(desk)), true);
  await chooseZone(desk, "Nowhere/Land");
  await panel(desk).getByRole("alert").waitFor();
});

story("every preference is seen at once, and remembered by the browser", async () => {
  const desk = await opened();
  const looks = () => desk.page.evaluate(() => {
    const log = document.querySelector("[role=log]");
    const row = [...document.querySelectorAll(".row.line")].at(0);
    return {
      theme: getComputedStyle(document.body).backgroundColor,
      font: getComputedStyle(log).fontSize,
      height: row?.getBoundingClientRect().height,
      wrap: log.classList.contains("wrap"),
      coloured: document.querySelector(".row .message .ink") !== null,
      folded: ![...document.querySelectorAll(".row .message")].some((message) => message.textContent.includes("Orders.find")),
      chart: document.querySelector("[aria-label='Lines over time']") !== null,
      sidebar: document.querySelector("[aria-label='Streams']")?.checkVisibility() ?? false,
    };
  });
  const before = await looks();
  await choose(desk, "Density", "roomy");
  await choose(desk, "Colours", "dark");
  await panel(desk).getByLabel("Text size").fill("18");
  for (const label of ["Wrap long lines", "Show colours that lines ask for", "Fold stack traces", "Show the chart", "Show the list of streams"]) {
    await panel(desk).getByLabel(label).uncheck();
  }
  const wanted = { ...before, theme: "rgb(19, 23, 26)", font: "18px", height: 35, wrap: false, coloured: false, folded: false, chart: false, sidebar: false };
  await desk.until(looks, wanted);
  await desk.page.reload();
  await desk.stands(/^live$/);
  await desk.until(looks, wanted);
});

story("another tab looks the same way at once", async () => {
  const desk = await opened();
  const other = await table.openAt(`#token=${table.server.token}`);
  await choose(desk, "Colours", "dark");
  await other.until(() => other.page.evaluate(() => document.documentElement.dataset.theme), "dark");
});
