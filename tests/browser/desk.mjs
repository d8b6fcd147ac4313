// A log with the tools around it, as a reader handles them. One browser and one server for all stories of a file.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before } from "node:test";
import { openBrowser, until } from "./browser.mjs";
import { anyServer } from "./server.mjs";

/** A stream that nobody wrote to. */
export const fresh = () => `tools/${randomBytes(6).toString("hex")}`;

/** `from` to `to` (exclusive), made into something. */
export const range = (from, to, make) => Array.from({ length: to - from }, (_, i) => make(from + i));

/** What the stories of a file share; `server` and `browser` are there when a story begins. */
export function setTable({ start = anyServer, ...options } = {}) {
  const table = {
    desks: [],
    /** Opens `#/stream/…`; `view` is what follows the stream's name. */
    async open(streams, { view = "", token = this.server.token, until = /^live$/ } = {}) {
      const desk = await this.openAt(`#token=${token}&to=${encodeURIComponent(`/stream/${streams}${view}`)}`);
      if (until) await desk.stands(until);
      return desk;
    },
    /** Opens any address of the server, in a new tab. */
    async openAt(fragment, browser = this.browser) {
      const desk = new Desk(await browser.open(this.server.url + fragment));
      this.desks.push(desk);
      return desk;
    },
    /** Closes all tabs. Nothing has gone wrong in them. */
    async leave() {
      const desks = this.desks.splice(0);
      const seen = desks.map(({ seen: { violations, errors } }) => ({ violations, errors }));
      // What one story likes is nothing to the next.
      await desks[0]?.page.evaluate(() => localStorage.clear());
      await Promise.all(desks.map(({ page }) => page.close()));
      assert.deepEqual(seen, desks.map(() => ({ violations: [], errors: [] })));
    },
  };
  before(async () => {
    table.server = await start();
    table.browser = await openBrowser(options);
  });
  after(async () => {
    await table.browser?.close();
    await table.server?.close();
  });
  afterEach(() => table.leave());
  return table;
}

/** One tab. */
export class Desk {
  constructor({ page, seen }) {
    this.page = page;
    this.seen = seen;
  }

  // --- the log

  get log() {
    return this.page.getByRole("log");
  }

  row(text) {
    return this.log.locator(".row.line").filter({ hasText: text }).first();
  }

  /** The messages that the window shows, from the top. */
  messages() {
    return this.log.evaluate((log) => {
      const { top, bottom } = log.getBoundingClientRect();
      const rows = [...log.querySelectorAll(".row.line")].filter((row) => {
        const box = row.getBoundingClientRect();
        return box.bottom > top + 1 && box.top < bottom - 1;
      });
      return rows.map((row) => row.querySelector(".message").textContent);
    });
  }

  /** Waits until exactly these are shown. */
  async shows(...messages) {
    await this.until(() => this.messages(), messages);
  }

  /** Waits until asking gives this answer. */
  until(ask, wanted) {
    return until(() => this.nextFrame(), ask, wanted);
  }

  /** What the page does has been drawn. */
  nextFrame() {
    return this.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  }

  async stands(pattern) {
    await this.page.locator("#state").filter({ hasText: pattern }).waitFor();
    await this.nextFrame();
  }

  /** Opens a line's fields. */
  async openLine(text) {
    const toggle = this.row(text).getByRole("button", { name: "All of this line" });
    if ((await toggle.getAttribute("aria-expanded")) !== "true") await toggle.click();
    return this.row(text).locator(".details");
  }

  /** Presses what is done with a field of an open line. */
  async act(text, field, button) {
    const details = await this.openLine(text);
    const member = details.locator(".member-head").filter({ has: this.page.getByText(field, { exact: true }) });
    await member.hover();
    await member.getByRole("button", { name: button }).click();
  }

  // --- the tools

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  get filterBox() {
    return this.page.getByRole("combobox", { name: "Filter" });
  }

  async filter(text) {
    await this.filterBox.fill(text);
    await this.filterBox.press("Enter");
  }

  offers() {
    return this.page.getByRole("listbox").locator(".label").allInnerTexts();
  }

  /** What the filter of the address is. */
  get applied() {
    return new URLSearchParams(this.page.url().split("?")[1] ?? "").get("filter") ?? "";
  }

  async clipboard() {
    const { origin } = new URL(this.page.url());
    await this.page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin });
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Leaves something else in the clipboard, copies, and answers what is in it then. */
  async copied(copy, said) {
    const { origin } = new URL(this.page.url());
    await this.page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin });
    await this.page.evaluate(() => navigator.clipboard.writeText("nothing yet"));
    await copy();
    await this.page.getByText(said).first().waitFor();
    // The same words may stand there from the copy before.
    await this.until(async () => (await this.clipboard()) === "nothing yet", false);
    return this.clipboard();
  }
}
