// A log with the tools around it, as a reader handles them. One browser and one server for all stories of a file.

import { until } from "./browser.mjs";
import { setStage } from "./stage.mjs";

export { fresh, range } from "./stage.mjs";

/** A stage whose tabs are desks. */
export function setTable(options) {
  const stage = setStage(options);
  return {
    get server() {
      return stage.server;
    },
    /** Opens `#/stream/…`; `view` is what follows the stream's name. */
    async open(streams, { view = "", token = stage.server.token, until = /^live$/ } = {}) {
      const desk = await this.openAt(`#token=${token}&to=${encodeURIComponent(`/stream/${streams}${view}`)}`);
      if (until) await desk.stands(until);
      return desk;
    },
    /** Opens any address of the server, in a new tab. */
    async openAt(fragment) {
      return new Desk(await stage.open(stage.server.url + fragment));
    },
    /** Closes all tabs, before the story ends. */
    leave: () => stage.clear(),
  };
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
