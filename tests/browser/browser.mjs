// The real Chromium, and what a reader sees of the page in it.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
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

/** How long a story waits for what it expects to see. */
export const PATIENCE_MS = 20_000;

/** A test that ends, whatever happens. */
export function story(name, tell) {
  test(name, { timeout: 90_000 }, tell);
}

/** A Chromium with a profile of its own. `close()` ends it. */
export async function openBrowser({ viewport = { width: 1180, height: 720 }, colorScheme = "light" } = {}) {
  const profile = await mkdtemp(join(tmpdir(), "tailcast-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.TAILCAST_TEST_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport,
    colorScheme,
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

/** The page in a reader's words. */
export class Viewer {
  constructor(page, seen) {
    this.page = page;
    this.seen = seen;
  }

  /** What the status says. */
  state() {
    return this.page.locator("#state").innerText();
  }

  async waitForState(pattern) {
    await this.waitFor((source) => new RegExp(source).test(document.getElementById("state").textContent), pattern.source);
    // What came before is drawn with the next frame.
    await this.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  }

  waitFor(condition, argument) {
    return this.page.waitForFunction(condition, argument, { timeout: PATIENCE_MS, polling: 50 });
  }

  /** The messages of the rows that are lines, from the top. */
  messages() {
    return this.page.$$eval("#log .message", (found) => found.map((message) => message.textContent));
  }

  /** The rows that are no lines. */
  notes() {
    return this.page.$$eval("#log .rows .note", (found) => found.map((note) => note.textContent));
  }

  waitForMessage(text) {
    return this.waitFor(
      (wanted) => [...document.querySelectorAll("#log .message")].some((message) => message.textContent === wanted),
      text,
    );
  }

  waitForNote(text) {
    return this.waitFor(
      (wanted) => [...document.querySelectorAll("#log .rows .note")].some((note) => note.textContent.includes(wanted)),
      text,
    );
  }

  badge() {
    return this.page.locator("#to-live");
  }

  /** Moves the reader by the wheel, until it took effect. */
  async scrollBy(pixels) {
    const log = this.page.locator("#log");
    const before = await log.evaluate((log) => log.scrollTop);
    await log.hover();
    await this.page.mouse.wheel(0, pixels);
    await this.waitFor(
      ([before, pixels]) => {
        const { scrollTop, scrollHeight, clientHeight } = document.getElementById("log");
        if (pixels < 0) return scrollTop === 0 || scrollTop <= before + pixels;
        return scrollTop !== before || scrollTop + clientHeight > scrollHeight - 4;
      },
      [before, pixels],
    );
  }
}
