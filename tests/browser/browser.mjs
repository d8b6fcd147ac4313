// The real Chromium, and what a reader sees of the page in it.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long a story waits for what it expects to see: long enough for a machine that has much else to do. */
export const PATIENCE_MS = 60_000;

/** A test that ends, whatever happens. */
export function story(name, tell) {
  test(name, { timeout: 300_000 }, tell);
}

/** A Chromium with a profile of its own. `close()` ends it. */
export async function openBrowser({ viewport = { width: 1180, height: 720 }, colorScheme = "light", hasTouch = false } = {}) {
  const profile = await mkdtemp(join(tmpdir(), "tailcast-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.TAILCAST_TEST_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport,
    colorScheme,
    hasTouch,
    timezoneId: "UTC",
    locale: "en-GB",
  });
  context.setDefaultTimeout(PATIENCE_MS);
  return {
    /** A new tab, and what went wrong in it: `hosts` it asked, `violations` of its policy, `errors` thrown. */
    async open(address) {
      const page = await context.newPage();
      const seen = { hosts: new Set(), violations: [], errors: [] };
      page.on("request", (request) => seen.hosts.add(new URL(request.url()).host));
      page.on("websocket", (socket) => seen.hosts.add(new URL(socket.url()).host));
      page.on("pageerror", (error) => seen.errors.push(String(error)));
      page.on("console", (message) => {
        if (/Content Security Policy|TrustedHTML|TrustedScript/i.test(message.text())) seen.violations.push(message.text());
      });
      await page.goto(address);
      return new Viewer(page, seen);
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * The page in a reader's words, and what went wrong in it. Rows are those that are drawn: what can be seen and a few beyond.
 */
export class Viewer {
  constructor(page, seen) {
    this.page = page;
    this.seen = seen;
  }

  waitFor(condition, argument) {
    return this.page.waitForFunction(condition, argument, { timeout: PATIENCE_MS, polling: 50 });
  }

  /** Waits until asking gives this answer. */
  until(ask, wanted) {
    return until(() => this.drawn(), ask, wanted);
  }

  /** Until what has happened so far is drawn. */
  drawn() {
    return this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))));
  }

  // --- what is shown

  get log() {
    return this.page.getByRole("log");
  }

  /** Waits until exactly these lines are seen at the top of the window. */
  async begins(...messages) {
    await this.until(async () => (await this.inSight()).slice(0, messages.length), messages);
  }

  /** How the view stands, in the page's words. */
  state() {
    return this.page.locator("#state").innerText();
  }

  async waitForState(pattern) {
    await this.waitFor(([source, flags]) => new RegExp(source, flags).test(document.getElementById("state")?.textContent), [
      pattern.source,
      pattern.flags,
    ]);
    await this.drawn();
  }

  /** The drawn lines, from the top: the text of each message. */
  messages() {
    return this.page.$$eval("[role=log] .row.line .message", (all) => all.map((message) => message.textContent));
  }

  /** The messages of lines that are seen in whole. */
  inSight() {
    return this.page.$eval("[role=log]", (log) => {
      const { top, bottom } = log.getBoundingClientRect();
      const within = (box) => box.top >= top - 1 && box.bottom <= bottom + 1;
      const rows = [...log.querySelectorAll(".row.line")].filter((row) => within(row.getBoundingClientRect()));
      return rows.map((row) => row.querySelector(".message").textContent);
    });
  }

  /** What the drawn rows say that are no lines. */
  notices() {
    return this.page.$$eval("[role=log] .row:not(.line) .words", (all) => all.map((words) => words.textContent));
  }

  waitForMessage(text) {
    return this.waitFor(
      (text) => [...document.querySelectorAll("[role=log] .message")].some((message) => message.textContent === text),
      text,
    );
  }

  /** @param text what the row begins with. */
  waitForNotice(text) {
    return this.waitFor(
      (text) => [...document.querySelectorAll("[role=log] .words")].some((words) => words.textContent.startsWith(text)),
      text,
    );
  }

  /** The row of a line, by its message. */
  row(message) {
    // Not by its text alone: a word that is marked in another message is an element of its own.
    const whole = new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}$`);
    return this.page.locator("[role=log] .row.line").filter({ has: this.page.locator(".message").filter({ hasText: whole }) });
  }

  /** Where a line is on the page, by its message; nothing when it is not drawn. */
  boxOf(message) {
    return this.page.$$eval(
      "[role=log] .row.line",
      (rows, text) => {
        const row = rows.find((row) => row.querySelector(".message").textContent === text);
        if (!row) return undefined;
        const { x, y, width, height } = row.getBoundingClientRect();
        return { x, y, width, height };
      },
      message,
    );
  }

  /** Jumps to live, and says how many lines came meanwhile. Hidden while the view follows. */
  get badge() {
    return this.page.locator(".to-live");
  }

  /** Holds what the page asks of the store from now on, until what this gives is called. */
  async holdHistory() {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await this.page.route("**/v1/lines?**", async (route) => {
      await held;
      await route.continue();
    });
    return release;
  }

  // --- what a reader does

  /** Turns the wheel over the log; downward is positive. */
  async wheel(pixels) {
    await this.pointAtLog();
    await this.turn(pixels);
    await this.drawn();
  }

  pointAtLog() {
    return this.log.hover({ position: { x: 300, y: 40 } });
  }

  /** The wheel, where the pointer is. */
  turn(pixels) {
    return this.page.mouse.wheel(0, pixels);
  }

  /** What a function answers in the page. */
  run(ask) {
    return this.page.evaluate(ask);
  }

  /** Presses a key with the focus on the log. */
  async press(key) {
    await this.log.focus();
    await this.page.keyboard.press(key);
    await this.drawn();
  }
}

/** Asks again after each frame, until this is the answer. */
export async function until(nextFrame, ask, wanted) {
  const deadline = Date.now() + PATIENCE_MS;
  let given;
  do {
    given = await ask();
    if (isDeepStrictEqual(given, wanted)) return;
    await nextFrame();
  } while (Date.now() < deadline);
  assert.deepEqual(given, wanted);
}

/**
 * For how long the page's own thread works while something is done, in ms of the processor's time. What a story asks of the page
 * meanwhile is a part of it: the longer it waits in there, the more that is.
 */
export async function work(page, doing) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value * 1_000;
  };
  const before = await worked();
  await doing();
  const after = await worked();
  await session.detach();
  return after - before;
}
