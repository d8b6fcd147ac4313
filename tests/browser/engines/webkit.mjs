// WebKit, Safari's engine, as WebKitGTK ships it: its driver speaks plain WebDriver over HTTP, and shows the page on a screen
// that nobody sees.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

export const NAME = "WebKit";
const BINARY = process.env.TAILCAST_TEST_WEBKIT_DRIVER ?? "/usr/bin/WebKitWebDriver";
const SCREEN = "/usr/bin/Xvfb";
export const NEEDS = [BINARY, SCREEN];
export const INSTALL = "apt-get install webkit2gtk-driver xvfb";

const START_MS = 30_000;
/** For an answer of the driver, and for one of a function in the page, which the driver ends itself. */
const ANSWER_MS = 120_000;
const SCRIPT_MS = 100_000;

export async function open({ width, height }) {
  const engine = new WebKit();
  try {
    await engine.start({ width, height });
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

class WebKit {
  version;
  #screen;
  #driver;
  #at;
  #session;
  /** Where the wheel stands. */
  #turned = 0;
  /** What went wrong in the pages before. */
  #wrongs = [];

  async start({ width, height }) {
    const display = await this.#showScreen();
    const port = await freePort();
    const env = { ...process.env, DISPLAY: display, TZ: "UTC", LIBGL_ALWAYS_SOFTWARE: "1", GTK_THEME: "Adwaita" };
    this.#driver = spawn(BINARY, [`--port=${port}`], { stdio: "ignore", env });
    this.#at = `http://127.0.0.1:${port}/session`;
    await this.#listening();
    const { sessionId, capabilities } = await this.#ask("POST", "", { capabilities: { alwaysMatch: {} } });
    this.#session = sessionId;
    this.version = capabilities.browserVersion;
    await this.#ask("POST", "/timeouts", { script: SCRIPT_MS });
    await this.#resize(width, height);
  }

  async go(url) {
    this.#wrongs = await this.wrongs();
    await this.#ask("POST", "/url", { url });
    await this.run(String(watch), []);
  }

  async run(source, args) {
    const script =
      `const [args, done] = arguments; Promise.resolve().then(() => (${source})(...JSON.parse(args)))` +
      ".then((value) => done(JSON.stringify({ value })), (error) => done(JSON.stringify({ error: String(error) })));";
    const { value, error } = JSON.parse(await this.#ask("POST", "/execute/async", { script, args: [JSON.stringify(args)] }));
    if (error) throw new Error(`in the page: ${error}`);
    return value;
  }

  act(actions) {
    return this.#ask("POST", "/actions", { actions });
  }

  /** This driver takes a scroll for where the wheel then stands, not for how far it turns. */
  async wheel({ x, y }, pixels) {
    this.#turned += pixels;
    await this.act([{ type: "wheel", id: "wheel", actions: [{ type: "scroll", x, y, deltaX: 0, deltaY: this.#turned, duration: 0, origin: "viewport" }] }]);
  }

  async picture() {
    return Buffer.from(await this.#ask("GET", "/screenshot"), "base64");
  }

  /** What went wrong since this was asked last: errors of scripts, and what a page's policy refused once it was loaded. */
  async wrongs() {
    const wrongs = await this.run("() => (globalThis.wrongs ?? []).splice(0)", []);
    return [...this.#wrongs.splice(0), ...wrongs];
  }

  async close() {
    if (this.#session) await this.#ask("DELETE", "").catch(() => {});
    for (const child of [this.#driver, this.#screen]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      child.kill();
      await once(child, "exit");
    }
  }

  /** A screen takes the first number that is free, and tells which. */
  async #showScreen() {
    this.#screen = spawn(SCREEN, ["-displayfd", "1", "-screen", "0", "1600x1200x24", "-nolisten", "tcp"], { stdio: ["ignore", "pipe", "ignore"] });
    const failed = once(this.#screen, "error").then(([error]) => Promise.reject(error));
    const lines = createInterface({ input: this.#screen.stdout, signal: AbortSignal.timeout(START_MS) });
    const [number] = await Promise.race([once(lines, "line"), failed]);
    return `:${number}`;
  }

  async #listening() {
    for (const end = Date.now() + START_MS; ; await pause(50)) {
      const ready = await fetch(this.#at.replace(/session$/, "status")).then(({ ok }) => ok, () => false);
      if (ready) return;
      if (Date.now() > end) throw new Error("WebKitWebDriver does not answer");
    }
  }

  /** A window of this size has less room for the page. */
  async #resize(width, height) {
    const inner = () => this.run("() => ({ width: innerWidth, height: innerHeight })", []);
    const outer = await this.#ask("GET", "/window/rect");
    const before = await inner();
    await this.#ask("POST", "/window/rect", { width: width + outer.width - before.width, height: height + outer.height - before.height });
    for (const end = Date.now() + START_MS; Date.now() < end; await pause(50)) {
      const now = await inner();
      if (now.width === width && now.height === height) return;
    }
    throw new Error(`WebKit's window has not become ${width} by ${height}`);
  }

  async #ask(method, path, body) {
    const at = this.#session ? `${this.#at}/${this.#session}${path}` : this.#at;
    const response = await fetch(at, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(ANSWER_MS) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${path}: ${value.error}: ${value.message}`);
    return value;
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Runs in the page once it is loaded: this driver tells nothing of the console. */
function watch() {
  if (globalThis.wrongs) return;
  globalThis.wrongs = [];
  const said = console.error;
  console.error = (...words) => {
    globalThis.wrongs.push(words.map(String).join(" "));
    said(...words);
  };
  addEventListener("error", ({ message }) => globalThis.wrongs.push(message));
  addEventListener("unhandledrejection", ({ reason }) => globalThis.wrongs.push(String(reason)));
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => globalThis.wrongs.push(`the policy refused ${effectiveDirective} ${blockedURI}`));
}
