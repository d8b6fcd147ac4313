// The real server, for stories: the executable of TAILCAST_TEST_BIN, or one that runs already at TAILCAST_TEST_URL.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const { TAILCAST_TEST_BIN: BIN, TAILCAST_TEST_URL: URL_GIVEN, TAILCAST_TEST_TOKEN: TOKEN_GIVEN } = process.env;

/** From its start to the address that it prints. */
const START_MS = 60_000;
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TAILCAST_")));
const NAMED = /^public\s+(https?:\/\/\S+)/;

/** A server to tell stories on: its `url` (ending in a slash) and a `token` that may read and write. */
export async function anyServer() {
  if (URL_GIVEN && TOKEN_GIVEN) return new Server(URL_GIVEN.replace(/\/*$/, "/"), TOKEN_GIVEN);
  return startServer();
}

/** A server of one's own, which can be killed. `flags`: more of `tailcast serve`'s. */
export async function startServer(flags = []) {
  if (!BIN) {
    throw new Error(
      "these stories need the server: set TAILCAST_TEST_BIN to the executable (tests/run does), " +
        "or TAILCAST_TEST_URL and TAILCAST_TEST_TOKEN to a server that runs",
    );
  }
  const server = new OwnServer(await mkdtemp(join(tmpdir(), "tailcast-browser-")), flags);
  await server.start();
  return server;
}

class Server {
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  /** The viewer's address with the token in it. */
  get address() {
    return `${this.url}#token=${this.token}`;
  }

  /**
   * Stores lines, and returns when they are acknowledged. Strings become text lines, objects JSON. Without a `stream` each line names
   * its own.
   */
  async send(stream, lines) {
    const text = typeof lines[0] === "string";
    const response = await fetch(`${this.url}v1/lines${stream === undefined ? "" : `?stream=${encodeURIComponent(stream)}`}`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${this.token}`,
        "Content-Type": text ? "text/plain" : "application/x-ndjson",
      },
      body: lines.map((line) => (text ? line : JSON.stringify(line))).join("\n"),
    });
    if (!response.ok) throw new Error(`the server took no lines: ${response.status} ${await response.text()}`);
  }

  async close() {}
}

class OwnServer extends Server {
  #data;
  #flags;
  #process;
  #output = "";

  constructor(data, flags) {
    super(undefined, undefined);
    this.#data = data;
    this.#flags = flags;
  }

  async start(listen = "127.0.0.1:0") {
    this.#process = spawn(BIN, ["serve", "--listen", listen, "--internal", "127.0.0.1:0", "--data", this.#data, ...this.#flags], {
      env: ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const child = this.#process;
    child.stderr.on("data", (data) => (this.#output += data));
    const ended = once(child, "exit").then(() => {
      throw new Error(`the server ended: ${this.#output}`);
    });
    ended.catch(() => {});
    const deadline = new AbortController();
    const late = setTimeout(() => deadline.abort(), START_MS);
    try {
      // A later start has the same address.
      if (this.url === undefined) await Promise.race([this.#named(child, deadline.signal), ended]);
      else child.stdout.resume();
      await Promise.race([this.#ready(deadline.signal), ended]);
      this.token ??= await this.#ownerToken();
    } finally {
      clearTimeout(late);
    }
  }

  async #named(child, signal) {
    for await (const line of createInterface({ input: child.stdout, signal })) {
      this.#output += `${line}\n`;
      const named = NAMED.exec(line);
      if (!named) continue;
      this.url = `${named[1].replace(/\/*$/, "")}/`;
      child.stdout.resume();
      return;
    }
    throw new Error(`the server printed no address: ${this.#output}`);
  }

  async #ready(signal) {
    for (;;) {
      const ready = await fetch(`${this.url}readyz`).then((answer) => answer.ok, () => false);
      if (ready) return;
      if (signal.aborted) throw new Error(`the server was not ready in time: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A token of who may read and write everything: one is printed to a terminal only. */
  async #ownerToken() {
    const everything = ["--read", "**", "--read", "@*", "--write", "**", "--write", "@*"];
    const asked = ["token", "--sub", "owner", ...everything, "--ttl", "12h", "--data", this.#data];
    const { stdout } = await promisify(execFile)(BIN, asked, { env: ENVIRONMENT });
    return stdout.trim();
  }

  /** A token of somebody who may read only this, for so long. */
  async tokenFor(sub, read, ttl = "1h") {
    const asked = ["token", "--sub", sub, "--read", read, "--ttl", ttl, "--data", this.#data];
    const { stdout } = await promisify(execFile)(BIN, asked, { env: ENVIRONMENT });
    return stdout.trim();
  }

  /** Its process. */
  get pid() {
    return this.#process.pid;
  }

  /** Ends it at once, with no chance to say so. */
  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  /** Asks it to leave, and waits until it has. */
  async drain() {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await ended;
  }

  /** Starts it again, on the same port and data. */
  async restart() {
    await this.start(new URL(this.url).host);
  }

  async close() {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true });
  }
}
