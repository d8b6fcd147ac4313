// The real Chromium.

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
      return new Tab(page, seen);
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A page, and what went wrong in it. */
class Tab {
  constructor(page, seen) {
    this.page = page;
    this.seen = seen;
  }

  waitFor(condition, argument) {
    return this.page.waitForFunction(condition, argument, { timeout: PATIENCE_MS, polling: 50 });
  }
}
