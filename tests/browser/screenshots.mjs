// Takes the pictures of docs/: node screenshots.mjs [FOLDER]
//
// A server of its own, three services that log, and the viewer in its main states. TAILCAST_TEST_BIN names the executable.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBrowser } from "./browser.mjs";
import { access, api, worker } from "./samples.mjs";
import { startServer } from "./server.mjs";

const FOLDER = process.argv[2] ?? fileURLToPath(new URL("../../docs/", import.meta.url));
const DESK = { width: 1280, height: 760 };
const PHONE = { width: 390, height: 800 };
const MINUTES = 20;

const server = await startServer(["--retain-bytes", "2MB", "--trim-every", "1s"]);
try {
  await sendPast();
  for (const colorScheme of ["light", "dark"]) await inBrowser({ viewport: DESK, colorScheme }, (page) => live(page, colorScheme));
  await inBrowser({ viewport: DESK, colorScheme: "light" }, expanded);
  await inBrowser({ viewport: DESK, colorScheme: "dark" }, charted);
  await inBrowser({ viewport: DESK, colorScheme: "light" }, proven);
  await inBrowser({ viewport: PHONE, colorScheme: "light" }, phone);
  await inBrowser({ viewport: DESK, colorScheme: "dark" }, offline);
  await server.restart();
  // The last one: retention takes the others' lines away.
  await inBrowser({ viewport: DESK, colorScheme: "light" }, gap);
} finally {
  await server.close();
}

async function inBrowser(options, take) {
  const browser = await openBrowser(options);
  try {
    const { page } = await browser.open(server.address);
    await page.waitForFunction(() => location.hash === "#/");
    await take(page);
  } finally {
    await browser.close();
  }
}

async function open(page, view) {
  await page.goto(`${server.url}#/stream/${view}`);
  await page.getByText("live", { exact: true }).first().waitFor();
  await page.locator(".row.line").first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".row.line").length > 10);
}

async function shot(page, name) {
  await page.mouse.move(700, 5);
  // What stands around the lines is told four times a second.
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(FOLDER, `viewer-${name}.png`) });
}

async function live(page, name) {
  await open(page, "payments/**,web/access");
  await shot(page, name);
}

async function expanded(page) {
  await open(page, "payments/**?filter=level%3E%3Dwarn&columns=status:7,order.id:10");
  await page.keyboard.press("k");
  for (let up = 0; up < 9; up += 1) await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await page.locator(".row.open .details").waitFor();
  await shot(page, "expanded");
}

async function charted(page) {
  await open(page, "**");
  await page.getByRole("button", { name: "Count what is stored" }).click();
  await page.getByRole("group", { name: "Lines by level, of all that is stored" }).waitFor();
  const chart = page.getByRole("slider");
  const box = await chart.boundingBox();
  await chart.click({ position: { x: box.width * 0.55, y: box.height / 2 } });
  await page.getByRole("button", { name: /jump to live/i }).waitFor();
  await page.mouse.move(box.x + box.width * 0.62, box.y + box.height / 2);
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(FOLDER, "viewer-chart.png") });
}

/** What came while the page was open, with its sums. */
async function proven(page) {
  await open(page, "payments/**?filter=level%3E%3Dwarn");
  for (let sent = 0; sent < 40; sent += 1) {
    await server.send("payments/api", Array.from({ length: 12 }, () => api(Date.now())));
    await server.send("payments/worker", Array.from({ length: 5 }, () => worker(Date.now())));
  }
  await page.getByRole("button", { name: /^Complete so far/ }).click();
  await page.getByRole("dialog", { name: "Complete so far" }).waitFor();
  await shot(page, "proof");
}

async function phone(page) {
  await open(page, "payments/api");
  await shot(page, "phone");
}

/** Retention removes lines while the reader has paused. */
async function gap(page) {
  await open(page, "web/access");
  // Where one reads stays; what comes, comes below.
  await page.keyboard.press("k");
  await page.keyboard.press("p");
  await page.getByText(/^paused/).waitFor();
  const before = await firstAvailable("web/access");
  for (let sent = 0; (await firstAvailable("web/access")) <= before + 20_000 && sent < 400; sent += 1) {
    await server.send("web/access", Array.from({ length: 1_000 }, () => access(Date.now())));
  }
  await page.keyboard.press("p");
  await page.getByText(/^paused/).waitFor({ state: "detached" });
  await page.mouse.move(700, 500);
  while (!(await page.locator(".row.gap").isVisible())) await page.mouse.wheel(0, 100);
  await page.mouse.wheel(0, 240);
  await shot(page, "gap");
}

async function firstAvailable(stream) {
  const answer = await fetch(`${server.url}v1/streams?match=${encodeURIComponent(stream)}`, { headers: { Authorization: `Bearer ${server.token}` } });
  return (await answer.json()).streams[0].first_available;
}

async function offline(page) {
  await open(page, "payments/**");
  await server.kill();
  await page.getByText(/^offline, retrying in/).first().waitFor();
  await shot(page, "offline");
}

async function sendPast() {
  const now = Date.now();
  const from = now - MINUTES * 60_000;
  const past = (every, line) => {
    const lines = [];
    for (let at = from; at < now; at += every * (0.3 + Math.random() * 1.4) * (1 + 0.6 * Math.sin((at - from) / 90_000))) lines.push(line(at));
    return lines;
  };
  await server.send("payments/api", past(900, api));
  await server.send("payments/worker", past(1_400, worker));
  await server.send("web/access", past(600, access));
}
