// What a reader does in any engine, put into the few things that WebDriver says the same way everywhere: run a function in the
// page, and perform actions of keys, pointer and wheel.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

const PATIENCE_MS = 20_000;
const POLL_MS = 50;

/** Keys that are no characters, as WebDriver writes them. */
const KEYS = {
  Enter: "\uE007", Escape: "\uE00C", Tab: "\uE004", Backspace: "\uE003", Shift: "\uE008", Control: "\uE009", Alt: "\uE00A",
  PageUp: "\uE00E", PageDown: "\uE00F", End: "\uE010", Home: "\uE011", ArrowLeft: "\uE012", ArrowUp: "\uE013", ArrowRight: "\uE014", ArrowDown: "\uE015",
};

/** One tab of an engine: see `firefox.mjs` and `webkit.mjs` for what it stands on. */
export class Tab {
  #engine;

  constructor(engine) {
    this.#engine = engine;
  }

  /** Goes to an address, in a page of its own. */
  async open(address) {
    await this.#engine.go("about:blank");
    await this.#engine.go(address);
  }

  /** What a function answers in the page. It knows its arguments and nothing else from here. */
  run(ask, ...args) {
    return this.#engine.run(String(ask), args);
  }

  /** Waits until asking in the page gives this answer. */
  async until(wanted, ask, ...args) {
    let given;
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(POLL_MS)) {
      given = await this.run(ask, ...args);
      if (isDeepStrictEqual(given, wanted)) return;
    }
    assert.deepEqual(given, wanted);
  }

  /** Until what has happened so far is drawn. */
  drawn() {
    return this.run(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))));
  }

  /** Waits until something is there, and answers where its middle is. */
  async middle(selector) {
    const find = (selector) => {
      const element = document.querySelector(selector);
      if (!element?.checkVisibility()) return null;
      const { x, y, width, height } = element.getBoundingClientRect();
      return { x: Math.round(x + width / 2), y: Math.round(y + height / 2) };
    };
    await this.until(true, (selector) => document.querySelector(selector)?.checkVisibility() ?? false, selector);
    return this.run(find, selector);
  }

  async click(selector) {
    await this.#pointer([{ type: "pointerMove", ...(await this.middle(selector)), duration: 0 }, DOWN, UP]);
    await this.drawn();
  }

  /** Presses the button at one place, and lets go at another. */
  async drag(from, to) {
    const between = { x: Math.round((from.x + to.x) / 2), y: Math.round((from.y + to.y) / 2) };
    const [begin, middle, end] = [from, between, to].map((place) => ({ type: "pointerMove", ...place, duration: 0 }));
    await this.#pointer([begin, DOWN, middle, end, UP]);
    await this.drawn();
  }

  /** Turns the wheel over an element, a little below its top; downward is positive. */
  async wheel(selector, pixels) {
    const place = await this.run((selector) => {
      const { x, y } = document.querySelector(selector).getBoundingClientRect();
      return { x: Math.round(x) + 300, y: Math.round(y) + 40 };
    }, selector);
    await this.#engine.wheel(place, pixels);
    await this.drawn();
  }

  /** Presses keys together: `Control+f`. */
  async press(chord) {
    const keys = (chord === "+" ? ["+"] : chord.split("+")).map((key) => KEYS[key] ?? key);
    await this.#keys([...keys.map((value) => ({ type: "keyDown", value })), ...keys.toReversed().map((value) => ({ type: "keyUp", value }))]);
    await this.drawn();
  }

  async type(text) {
    await this.#keys([...text].flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]));
    await this.drawn();
  }

  #keys(actions) {
    return this.#engine.act([{ type: "key", id: "keys", actions }]);
  }

  #pointer(actions) {
    return this.#engine.act([{ type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions }]);
  }
}

const DOWN = { type: "pointerDown", button: 0 };
const UP = { type: "pointerUp", button: 0 };

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
