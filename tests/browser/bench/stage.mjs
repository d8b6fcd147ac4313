// What a case stands on: a server and a browser of its own, a tab with a log, and whoever sends lines to it.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { openBrowser } from "../browser.mjs";
import { startServer } from "../server.mjs";
import { Gauge } from "./measure.mjs";

const SENDER = fileURLToPath(new URL("./sender.mjs", import.meta.url));
/** For anything that a case waits for. */
const PATIENCE_MS = 120_000;
const VIEWPORT = { width: 1280, height: 720 };

export async function onStage(play) {
  const server = await startServer();
  const browser = await openBrowser({ viewport: VIEWPORT });
  const stage = new Stage(server, browser);
  try {
    return await play(stage);
  } finally {
    await stage.stopAll();
    await browser.close();
    await server.close();
  }
}

export class Stage {
  #senders = new Set();

  constructor(server, browser) {
    this.server = server;
    this.browser = browser;
  }

  /** A tab that is signed in, at a fragment. */
  async tab(fragment) {
    const { page } = await this.browser.open(this.server.address);
    page.setDefaultTimeout(PATIENCE_MS);
    await page.waitForFunction(() => location.hash === "#/" || location.hash === "");
    if (fragment) await page.goto(`${this.server.url}${fragment}`);
    return new Tab(page, await Gauge.of(page, { server: this.server.pid }));
  }

  /** Lines at a rate, until it is told to stop or all are sent. */
  send(options) {
    const sending = new Sending(this.server, { most: 1e9, ...options });
    this.#senders.add(sending);
    return sending;
  }

  async stopAll() {
    for (const sending of this.#senders) await sending.stop();
  }
}

class Sending {
  #child;
  #told;
  #over = false;
  /** Lines a second that were really stored, once it is over. */
  perSecond = 0;

  constructor({ url, token }, options) {
    this.#child = fork(SENDER, [JSON.stringify({ url, token, ...options })]);
    const ended = once(this.#child, "exit").then(() => (this.#over = true));
    let sent = 0;
    this.#child.on("message", (told) => ({ sent, perSecond: this.perSecond } = told));
    this.#told = ended.then(() => sent);
  }

  /** All lines are stored: how many. */
  done() {
    return this.#told;
  }

  stop() {
    if (!this.#over && this.#child.connected) this.#child.send("stop");
    return this.#told;
  }
}

/** A tab with a log, as a reader uses it. */
export class Tab {
  constructor(page, gauge) {
    this.page = page;
    this.gauge = gauge;
    this.log = page.locator("[role=log]");
  }

  async live() {
    await this.page.waitForFunction(() => document.getElementById("state")?.textContent === "live", undefined, { polling: 20 });
  }

  /** The last line on the page is this one, or one after it. Answers how long that took. */
  async shows(number) {
    const began = performance.now();
    const there = (number) => Math.max(...[...document.querySelectorAll("[role=log] .message")].map((message) => Number(/^line (\d+)/.exec(message.textContent)?.[1] ?? -1))) >= number;
    await this.page.waitForFunction(there, number, { polling: 20, timeout: PATIENCE_MS });
    return performance.now() - began;
  }

  /** The number of the line at the top. */
  first() {
    return this.page.locator("[role=log] .message").first().innerText();
  }

  async press(key) {
    await this.log.focus();
    await this.page.keyboard.press(key);
  }

  /** Opens the find bar with a query. */
  async find(text, { regex = false } = {}) {
    await this.page.keyboard.press("Control+f");
    if (regex) await this.page.keyboard.press("Alt+r");
    const field = this.page.locator("search input");
    await field.fill(text);
  }

  /** The find bar's words, once it has looked through everything. */
  async found() {
    const status = this.page.locator("search .status");
    await this.page.waitForFunction(() => /^(?!.*so far)([\d,]+ (lines?$|of)|Not in)/.test(document.querySelector("search .status")?.textContent ?? ""), undefined, { polling: 20 });
    return status.innerText();
  }

  /** Turns the wheel over the log for so long. */
  async wheel(pixels, ms) {
    await this.log.hover();
    for (const end = performance.now() + ms; performance.now() < end; ) {
      await this.page.mouse.wheel(0, pixels);
      await new Promise((resolve) => setTimeout(resolve, 16));
    }
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
