// The viewer in a reader's words, in any engine.

const LOG = "[role=log]";

export class Viewer {
  constructor(tab, server) {
    this.tab = tab;
    this.server = server;
  }

  /** Signed in at a view, live. @param view what follows the stream's name. */
  async follow(stream, view = "") {
    await this.tab.open(`${this.server.url}#token=${this.server.token}&to=${encodeURIComponent(`/stream/${stream}${view}`)}`);
    await this.stands("live");
  }

  async stands(state) {
    await this.tab.until(state, () => document.getElementById("state")?.textContent ?? null);
    await this.tab.drawn();
  }

  /** The messages that can be seen in whole, from the top. */
  inSight() {
    return this.tab.run(() => {
      const log = document.querySelector("[role=log]");
      const { top, bottom } = log.getBoundingClientRect();
      const within = (box) => box.top >= top - 1 && box.bottom <= bottom + 1;
      const rows = [...log.querySelectorAll(".row.line")].filter((row) => within(row.getBoundingClientRect()));
      return rows.map((row) => row.querySelector(".message").textContent);
    });
  }

  /** Waits until the last line that can be seen is this one. */
  async ends(message) {
    await this.tab.until(message, () => [...document.querySelectorAll("[role=log] .message")].at(-1)?.textContent ?? null);
  }

  /** Waits until exactly these lines are there. */
  async shows(...messages) {
    await this.tab.until(messages, () => [...document.querySelectorAll("[role=log] .row.line .message")].map((message) => message.textContent));
  }

  /** Waits until an element says this. */
  async says(selector, text) {
    await this.tab.until(text, (selector) => document.querySelector(selector)?.textContent.trim() ?? null, selector);
  }

  /** Turns the wheel over the log; downward is positive. */
  wheel(pixels) {
    return this.tab.wheel(LOG, pixels);
  }

  // --- for who walks through the log

  run(ask) {
    return this.tab.run(ask);
  }

  /** Each turn of the wheel says where. */
  async pointAtLog() {}

  turn(pixels) {
    return this.wheel(pixels);
  }
}
