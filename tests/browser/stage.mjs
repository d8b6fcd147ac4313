// What the stories of a file share: a browser, a server, and the tabs that a story opens.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { openBrowser } from "./browser.mjs";
import { anyServer } from "./server.mjs";

export { fresh, names, range } from "./lines.mjs";

/**
 * Sets the stage of a file: its `server` and `browser` are there when a story begins. After each one all tabs are closed, and
 * nothing has gone wrong in them.
 *
 * `start` starts the server, anew for each story when `each` is set. Everything else is about the browser.
 */
export function setStage({ start = anyServer, each = false, ...options } = {}) {
  const stage = new Stage();
  const begin = each ? beforeEach : before;
  const leaveServer = async () => {
    await stage.server?.close();
    stage.server = undefined;
  };
  before(async () => {
    stage.browser = await openBrowser(options);
  });
  begin(async () => {
    stage.server = await start();
  });
  // Hooks after one that fails are not run: what has to be closed is closed in the same one.
  afterEach(async () => {
    try {
      await stage.clear();
    } finally {
      if (each) await leaveServer();
    }
  });
  after(async () => {
    try {
      await leaveServer();
    } finally {
      await stage.browser?.close();
    }
  });
  return stage;
}

class Stage {
  #tabs = [];

  /** Any address, in a new tab; `browser`: in which, if not the usual one. */
  async open(address, browser = this.browser) {
    const viewer = await browser.open(address);
    this.#tabs.push({ viewer, own: new URL(address).host });
    return viewer;
  }

  /** A new tab that follows these streams, live. `query` is what else the view's address says. */
  async follow(streams, query = "", { url, token } = this.server) {
    const viewer = await this.open(`${url}#token=${token}&to=${encodeURIComponent(`/stream/${streams}${query && "?"}${query}`)}`);
    await viewer.waitForState(/^live$/);
    return viewer;
  }

  /** Stores lines, and returns when they are acknowledged. */
  send(stream, lines) {
    return this.server.send(stream, lines);
  }

  /** Closes all tabs. Nothing went against the page's policy, nothing was thrown, and nobody else was asked. */
  async clear() {
    const tabs = this.#tabs.splice(0);
    const seen = tabs.map(({ own, viewer: { seen } }) => ({
      violations: seen.violations,
      errors: seen.errors,
      others: [...seen.hosts].filter((host) => host !== own),
    }));
    // What one story likes is nothing to the next.
    for (const { viewer, own } of tabs.slice(0, 1)) if (own) await viewer.page.evaluate(() => localStorage.clear());
    await Promise.all(tabs.map(({ viewer }) => viewer.page.close()));
    assert.deepEqual(seen, tabs.map(() => ({ violations: [], errors: [], others: [] })));
  }
}
