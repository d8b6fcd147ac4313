// Firefox as Debian and others ship it, by WebDriver BiDi: one socket, a message for each command and for each event.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";

export const NAME = "Firefox";
const BINARY = process.env.TAILCAST_TEST_FIREFOX ?? "/usr/bin/firefox-esr";
export const NEEDS = [BINARY];
export const INSTALL = "apt-get install firefox-esr";

const START_MS = 60_000;
/** For an answer, of a function in the page too. */
const ANSWER_MS = 120_000;
/** What a tab of one's own would do by itself and a trial must not. */
const PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.aboutwelcome.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.events.testing.asyncClipboard": true,
  "extensions.getAddons.cache.enabled": false,
  // Light.
  "layout.css.prefers-color-scheme.content-override": 1,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};

export async function open({ width, height }) {
  const profile = await mkdtemp(join(tmpdir(), "tailcast-firefox-"));
  const written = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  await writeFile(join(profile, "user.js"), written.join(""));
  const child = spawn(BINARY, ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, TZ: "UTC", MOZ_CRASHREPORTER_DISABLE: "1" },
  });
  const engine = new Firefox(child, profile);
  try {
    await engine.connect(await address(child), { width, height });
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** Firefox tells of its own socket when it is open. */
async function address(child) {
  const late = AbortSignal.timeout(START_MS);
  for await (const line of createInterface({ input: child.stderr, signal: late })) {
    const told = /^WebDriver BiDi listening on (ws:.*)$/.exec(line);
    if (told) return `${told[1]}/session`;
  }
  throw new Error("Firefox opened no socket for WebDriver BiDi");
}

class Firefox {
  version;
  #child;
  #profile;
  #socket;
  #context;
  #sent = 0;
  #waiting = new Map();
  #wrongs = [];

  constructor(child, profile) {
    this.#child = child;
    this.#profile = profile;
  }

  async connect(address, { width, height }) {
    // The rest of what it says would fill the pipe.
    this.#child.stderr.resume();
    this.#socket = new WebSocket(address, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    this.#socket.on("message", (data) => this.#told(JSON.parse(data)));
    this.#socket.on("close", () => this.#fail("Firefox closed its socket"));
    await once(this.#socket, "open", { signal: AbortSignal.timeout(START_MS) });
    const { capabilities } = await this.#ask("session.new", { capabilities: {} });
    this.version = capabilities.browserVersion;
    // In the tab that it begins with, the focus is in the address bar: nothing in the page would look as if it had it.
    this.#context = (await this.#ask("browsingContext.create", { type: "tab" })).context;
    await this.#ask("browsingContext.setViewport", { context: this.#context, viewport: { width, height }, devicePixelRatio: 1 });
    await this.#ask("session.subscribe", { events: ["log.entryAdded"] });
  }

  async go(url) {
    await this.#ask("browsingContext.navigate", { context: this.#context, url, wait: "complete" });
  }

  async run(source, args) {
    const { type, result, exceptionDetails } = await this.#ask("script.callFunction", {
      functionDeclaration: `async (args) => JSON.stringify(await (${source})(...JSON.parse(args)))`,
      arguments: [{ type: "string", value: JSON.stringify(args) }],
      target: { context: this.#context },
      awaitPromise: true,
      userActivation: true,
    });
    if (type === "exception") throw new Error(`in the page: ${exceptionDetails.text}`);
    return result.value === undefined ? undefined : JSON.parse(result.value);
  }

  act(actions) {
    return this.#ask("input.performActions", { context: this.#context, actions });
  }

  wheel({ x, y }, pixels) {
    return this.act([{ type: "wheel", id: "wheel", actions: [{ type: "scroll", x, y, deltaX: 0, deltaY: pixels }] }]);
  }

  /** A PNG of what can be seen. */
  async picture() {
    const { data } = await this.#ask("browsingContext.captureScreenshot", { context: this.#context });
    return Buffer.from(data, "base64");
  }

  /** What went wrong since this was asked last: errors of scripts, and what a page's policy refused. */
  async wrongs() {
    return this.#wrongs.splice(0);
  }

  async close() {
    this.#socket?.terminate();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGTERM");
      await once(this.#child, "exit");
    }
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #ask(method, params) {
    const id = (this.#sent += 1);
    let late;
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      late = setTimeout(() => reject(new Error(`${method}: Firefox does not answer`)), ANSWER_MS);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
    return answer.finally(() => {
      clearTimeout(late);
      this.#waiting.delete(id);
    });
  }

  #told({ id, type, method, params, result, error, message }) {
    if (method === "log.entryAdded" && params.level === "error") this.#wrongs.push(params.text);
    const waiting = this.#waiting.get(id);
    if (type === "success") waiting?.resolve(result);
    else if (type === "error") waiting?.reject(new Error(`${error}: ${message}`));
  }

  #fail(why) {
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
  }
}
