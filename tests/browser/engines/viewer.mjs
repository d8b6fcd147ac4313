// The viewer in a reader's words, in any engine.

import assert from "node:assert/strict";

const LOG = "[role=log]";
const STEP = 400;

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

  wheel(pixels) {
    return this.tab.wheel(LOG, pixels);
  }

  /** The drawn rows and where they are, and where the log is. */
  look() {
    return this.tab.run(() => {
      const log = document.querySelector("[role=log]");
      const rows = [...log.querySelectorAll(".row")].map((row) => ({
        text: row.querySelector(".message, .words").textContent,
        isHole: row.classList.contains("hole"),
        y: row.getBoundingClientRect().y,
      }));
      return { rows, top: log.getBoundingClientRect().y };
    });
  }

  /**
   * Scrolls up to where the log begins: each turn of the wheel moves all rows by its pixels, whatever was loaded meanwhile.
   * Answers all that was read, from the top.
   */
  async readUp() {
    let before = await this.look();
    let read = linesOf(before);
    for (;;) {
      await this.wheel(-STEP);
      const now = await this.look();
      const moved = movement(before.rows, now.rows);
      const begins = now.rows[0].y > now.top - 1;
      assert.ok(moved === STEP || (moved < STEP && begins), `rows moved by ${moved} for ${STEP}`);
      const above = linesOf(now);
      read = [...above.slice(0, above.indexOf(read[0])), ...read];
      if (moved === 0 && begins && !now.rows[0].isHole) return read;
      before = now;
    }
  }
}

function linesOf({ rows }) {
  return rows.filter(({ isHole }) => !isHole).map(({ text }) => text);
}

/** By how much the rows moved: all of them alike. */
function movement(before, now) {
  const places = new Map(before.filter(({ isHole }) => !isHole).map(({ text, y }) => [text, y]));
  const moves = now.filter(({ text }) => places.has(text)).map(({ text, y }) => Math.round((y - places.get(text)) * 100) / 100);
  assert.equal(new Set(moves).size, 1, `rows moved by ${[...new Set(moves)]}`);
  return moves[0];
}
