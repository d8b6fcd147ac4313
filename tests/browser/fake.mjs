// A server that speaks `tailcast.v1` just well enough for the viewer, and misbehaves when it is told to: stories of
// lost and repeated lines, refusals and close codes need one. Everything else is tested against the real server.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

const VIEWER = fileURLToPath(new URL("../../web/viewer/dist/", import.meta.url));
const LIBRARY = fileURLToPath(new URL("../../web/client/bundle/", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; worker-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types tailcast-worker";

export const TOKEN = "good.fake.token";

export class Fake {
  /** name → { floor, lines, damaged }; the line with offset `floor` is first, stretches of `damaged` cannot be read. */
  streams = new Map();
  /** Live sessions: { socket, wanted: Map(stream → id), patterns: [] }. */
  sessions = new Set();
  /** Every `subscribe` that came, in order. */
  subscribes = [];
  /** Every other request that came, in order. */
  requests = [];
  /** Members of `welcome`, over the usual ones. */
  welcome = {};
  /** Tokens that are taken. */
  tokens = new Set([TOKEN]);
  /** Answers requests other than `subscribe` instead of the usual `done` when it returns true. */
  onRequest = () => false;
  epoch = "epoch-1";
  /** One that is taken. */
  token = TOKEN;
  /** Answers instead of the usual one when it returns true: (session, message) → boolean. */
  onSubscribe = () => false;

  static async start(port = 0) {
    const fake = new Fake();
    await fake.listen(port);
    return fake;
  }

  async listen(port = this.port) {
    this.http = createServer((request, response) => this.#answer(request, response));
    this.ws = new WebSocketServer({ noServer: true, handleProtocols: () => "tailcast.v1" });
    this.http.on("upgrade", (request, socket, head) => {
      const offered = (request.headers["sec-websocket-protocol"] ?? "").split(/, */);
      if (!offered.some((name) => this.tokens.has(name.replace(/^bearer\./, "")))) {
        socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
        return;
      }
      this.ws.handleUpgrade(request, socket, head, (opened) => this.#session(opened));
    });
    await new Promise((resolve) => this.http.listen(port, "127.0.0.1", resolve));
    this.port = this.http.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
  }

  /** Without a word to anybody, as a killed process would. */
  async kill() {
    for (const { socket } of this.sessions) socket.terminate();
    this.sessions.clear();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  async close() {
    if (this.http.listening) await this.kill();
  }

  append(name, lines) {
    const stream = this.#stream(name);
    const first = stream.floor + stream.lines.length;
    stream.lines.push(...lines);
    stream.arrived = Date.now();
    for (const session of this.sessions) {
      if (session.wanted.has(name)) this.send(session, frame(name, first, lines));
    }
  }

  send(session, message) {
    session.socket.send(JSON.stringify(message));
  }

  sendAll(message) {
    for (const session of this.sessions) this.send(session, message);
  }

  closeAll(code, closing) {
    for (const session of this.sessions) {
      if (closing) this.send(session, { type: "closing", code, ...closing });
      session.socket.close(code);
    }
  }

  #stream(name) {
    if (!this.streams.has(name)) this.streams.set(name, { floor: 0, lines: [], damaged: [], rate: 0 });
    return this.streams.get(name);
  }

  #session(socket) {
    const session = { socket, wanted: new Map() };
    this.sessions.add(session);
    socket.on("close", () => this.sessions.delete(session));
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.type !== "subscribe") return this.#request(session, message);
      this.subscribes.push(message);
      if (!this.onSubscribe(session, message)) this.subscribe(session, message);
    });
    this.send(session, {
      type: "welcome",
      session: "s",
      node: "n",
      subscriber: "alice",
      epoch: this.epoch,
      expires_at: "2099-01-01T00:00:00Z",
      heartbeat_ms: 25000,
      limits: { subscriptions: 100, streams: 1000, message_bytes: 16384, messages_per_second: 20 },
      ...this.welcome,
    });
  }

  #request(session, message) {
    this.requests.push(message);
    if (this.onRequest(session, message)) return;
    const { type, id } = message;
    if (type === "unsubscribe") {
      for (const [stream, holder] of session.wanted) if (holder === id) session.wanted.delete(stream);
    }
    this.send(session, { type: "done", id, request: type });
  }

  /** The usual answer to a subscription: where it begins, its lines in frames of 100, and that it is live. */
  subscribe(session, { id, streams, from }) {
    const names = streams.flatMap((name) => {
      if (!name.includes("*")) return [name];
      const matches = new RegExp(`^${name.replaceAll("/**", "(/.*)?").replace(/^\*\*$/, ".*").replaceAll(/(?<![.)])\*/g, "[^/]+")}$`);
      return [...this.streams.keys()].filter((known) => matches.test(known));
    });
    const begun = {};
    for (const name of names) {
      const { floor, lines } = this.#stream(name);
      const next = floor + lines.length;
      const asked = from.cursors ? (from.cursors[name] ?? floor) : from.last !== undefined ? next - from.last : next;
      begun[name] = { first_available: floor, next, cursor: Math.max(floor, asked), asked };
    }
    this.send(session, { type: "subscribed", id, epoch: this.epoch, streams: begun, patterns: [] });
    for (const [name, { first_available: floor, next, cursor, asked }] of Object.entries(begun)) {
      session.wanted.set(name, id);
      if (from.cursors && asked < cursor) {
        this.send(session, { type: "gap", stream: name, from: asked, to: cursor, reason: "retention" });
      }
      for (let first = cursor; first < next; first += 100) {
        const part = this.#stream(name).lines.slice(first - floor, first - floor + 100);
        this.send(session, frame(name, first, part));
      }
      this.send(session, { type: "live", stream: name, next });
    }
  }

  async #answer(request, response) {
    const url = new URL(request.url, "http://fake");
    const answer = (status, type, body) => {
      response.writeHead(status, { "content-type": type, "content-security-policy": POLICY });
      response.end(body);
    };
    if (!url.pathname.startsWith("/v1/")) {
      const path = url.pathname.startsWith("/client/v1/")
        ? join(LIBRARY, url.pathname.replace("/client/v1/", ""))
        : join(VIEWER, url.pathname === "/" ? "index.html" : url.pathname);
      const file = await readFile(path).catch(() => undefined);
      if (!file) return answer(404, "text/plain", "");
      return answer(200, TYPES[extname(path)], file);
    }
    if (!this.tokens.has(request.headers.authorization?.replace("Bearer ", ""))) {
      return answer(401, "application/problem+json", `{"code":"bad_token","detail":"the signature is wrong"}`);
    }
    if (url.pathname === "/v1/streams") {
      const streams = [...this.streams].map(([name, { floor, lines, rate, arrived }]) => ({
        name,
        first_available: floor,
        next: floor + lines.length,
        last_arrival: arrived ? new Date(arrived).toISOString() : null,
        lines_per_second: rate,
      }));
      return answer(200, "application/json", JSON.stringify({ streams }));
    }
    if (url.pathname === "/v1/views") return answer(200, "application/json", JSON.stringify({ views: [] }));
    answer(200, "application/json", JSON.stringify(this.#page(url.searchParams)));
  }

  /** The lines between `from` and `to`: the `last` ones of them, or the first `limit`. */
  #page(query) {
    const name = query.get("stream");
    const { floor, lines, damaged } = this.#stream(name);
    const [least, most] = [floor, floor + lines.length];
    let from = Math.max(least, Number(query.get("from") ?? least));
    let next = Math.max(from, Math.min(most, Number(query.get("to") ?? most)));
    const isSound = ({ offset }) => !damaged.some((stretch) => stretch.from <= offset && offset < stretch.to);
    let found = lines.map((line, i) => ({ offset: floor + i, ...line })).slice(from - floor, next - floor).filter(isSound);
    if (query.has("last")) {
      const cut = found.length > Number(query.get("last"));
      found = found.slice(-Number(query.get("last")));
      if (cut) from = found[0].offset;
    } else if (found.length > Number(query.get("limit") ?? 1_000)) {
      found = found.slice(0, Number(query.get("limit") ?? 1_000));
      next = found.at(-1).offset + 1;
    }
    const met = damaged.map((stretch) => ({ from: Math.max(from, stretch.from), to: Math.min(next, stretch.to) }));
    const lost = met.filter((stretch) => stretch.from < stretch.to);
    return { stream: name, first_available: floor, from, next, lines: found, ...(lost.length > 0 ? { damaged: lost } : {}) };
  }
}

function frame(stream, first, lines) {
  return { type: "lines", stream, first, next: first + lines.length, lines };
}
