// The wire: `tailcast.v1` over a WebSocket, and the two reads over HTTP. Knows no page; docs/protocol.md is its
// specification.

import { Continuity } from "./continuity.js";
import { comesBack, delay } from "./retry.js";

/** For a connection and its subscriptions to be answered, and for any read over HTTP. */
const ANSWER_MS = 15_000;

/** Close codes after which nothing comes back by itself, by the names that a reader of `ended` gets. */
const ENDS = { 4003: "token_expired", 4500: "revoked", 4501: "bad_message", 4502: "rate_limited", 4503: "wrong_subscriber" };

/** What happened, by the `reason` of `closing`. */
const REASONS = {
  draining: "The server is being stopped.",
  slow: "Lines could not be delivered for too long.",
  no_pong: "This page did not answer for too long.",
  unavailable: "The server can't serve readers now.",
  token_expired: "The token ended.",
  revoked: "The token was revoked.",
  rate_limited: "This page asked for too much.",
};

/** Room that a subscription's names and cursors may take in one message when the server names no limit. */
const MESSAGE_BYTES = 16 * 1024;

/** Why a read over HTTP failed. `status` is 0 when no answer came. */
export class ReadError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** One server and one token. */
export class Api {
  /** @param base the server's address, ending in a slash. */
  constructor(base, token) {
    this.base = base;
    this.token = token;
  }

  /** The readable streams. */
  async streams() {
    return (await this.#read("v1/streams", {})).streams;
  }

  /** Kept lines with offsets in [from, to): { first_available, next, lines }, each line with its `offset`. */
  lines(stream, from, to) {
    return this.#read("v1/lines", { stream, from, to, limit: to - from });
  }

  socket() {
    const url = new URL("v1/ws", this.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new WebSocket(url, ["tailcast.v1", `bearer.${this.token}`]);
  }

  async #read(path, query) {
    const url = new URL(path, this.base);
    url.search = new URLSearchParams(query);
    let response, text;
    try {
      response = await fetch(url, {
        headers: { Accept: "application/json", Authorization: `Bearer ${this.token}` },
        credentials: "omit",
        cache: "no-store",
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      text = await response.text();
    } catch (error) {
      throw new ReadError(0, "away", error.name === "TimeoutError" ? "no answer in time" : "no answer");
    }
    let body;
    try {
      body = parse(text);
    } catch {
      throw new ReadError(response.status, "no_json", `an answer of another kind (${response.status})`);
    }
    if (!response.ok) {
      throw new ReadError(response.status, body.code ?? "unknown", body.detail ?? response.statusText);
    }
    return body;
  }
}

/**
 * JSON with whole numbers that JavaScript's numbers can't hold kept as they were written (`JSON.rawJSON`), so that an
 * identifier of 64 bits is not shown as its neighbour.
 */
export function parse(text) {
  if (!JSON.rawJSON || !/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, { source }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? JSON.rawJSON(source) : value,
  );
}

/** The messages that subscribe anew, or that go on where `cursors` says, none longer than `bytes`. */
export function subscribeMessages({ streams, from, cursors, epoch, bytes = MESSAGE_BYTES }) {
  const message = (number, names, start) => ({ type: "subscribe", id: `s${number}`, streams: names, from: start });
  if (cursors.size === 0) return [message(1, streams, from)];
  const room = bytes - 1024;
  const whole = message(1, streams, { cursors: Object.fromEntries(cursors), epoch });
  if (JSON.stringify(whole).length <= room) return [whole];

  // Too many cursors for one message: known streams by name, in parts. What a pattern meets beyond them is new, and
  // begins at its first kept line.
  const messages = [];
  let part = {};
  let used = 0;
  const finish = () => {
    const names = Object.keys(part);
    if (names.length > 0) messages.push(message(messages.length + 1, names, { cursors: part, epoch }));
    part = {};
    used = 0;
  };
  for (const [stream, cursor] of cursors) {
    const size = 2 * stream.length + 32;
    if (used + size > room) finish();
    part[stream] = cursor;
    used += size;
  }
  finish();
  const rest = streams.filter((name) => !cursors.has(name));
  if (rest.length > 0) messages.push(message(messages.length + 1, rest, { cursors: {}, epoch }));
  return messages;
}

/**
 * Follows streams until stopped: connects, subscribes, comes back by itself, and checks that every line comes once.
 *
 * What it tells, through `on`:
 * - `state({ name, … })`: `connecting`; `replaying` with `remaining` lines; `live`; `offline` with `until` (ms since
 *   1970) and `why`; `ended` with `code` and `why`: it does not come back by itself, `retry()` makes it.
 * - `begun(stream, { first_available, next, cursor })`, `lines(stream, first, lines)`, `gap(gap)`, `fault(fault)`.
 * - `welcome(message)`, `expiring(message)`, `note(text)`: something a reader should know.
 */
export class Tail {
  #api;
  #streams;
  #from;
  #on;
  #continuity = new Continuity();
  #epoch;
  #socket;
  #attempt = 0;
  /** The deadline of an answer, or the time of the next attempt. */
  #timer;
  /** Subscriptions that were not answered yet, by id. */
  #asked = new Set();
  /** Heads of the streams that did not reach theirs yet. */
  #heads = new Map();
  #closing;

  constructor({ api, streams, from, on }) {
    this.#api = api;
    this.#streams = streams;
    this.#from = from;
    this.#on = on;
  }

  start() {
    this.#connect();
  }

  stop() {
    this.#release();
  }

  /** Now, not later; with the token that the `Api` has by now. */
  retry() {
    this.#release();
    this.#connect();
  }

  #connect() {
    this.#asked.clear();
    this.#heads.clear();
    this.#closing = undefined;
    this.#on.state({ name: "connecting" });
    let socket;
    try {
      socket = this.#api.socket();
    } catch {
      // Only an address or a token that can't be written in a request makes the constructor throw.
      this.#end("bad_token", "This is no token.");
      return;
    }
    let opened = false;
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#comeBack("The server does not answer."), ANSWER_MS);
    socket.onopen = () => {
      opened = true;
    };
    socket.onmessage = (event) => this.#heard(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason, opened);
  }

  /** Lets go of the connection and of every timer, without a word to anybody. */
  #release() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  #comeBack(why, hint) {
    this.#release();
    const wait = delay(this.#attempt, hint);
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#on.state({ name: "offline", until: Date.now() + wait, why });
  }

  #end(code, why) {
    this.#release();
    this.#on.state({ name: "ended", code, why });
  }

  async #closed(code, reason, opened) {
    const socket = this.#socket;
    const said = this.#closing;
    const why = sentence(said?.reason || reason);
    // Coming back after 4003 takes another token, which is not here.
    if (ENDS[code] || !comesBack(code)) return this.#end(ENDS[code] ?? "closed", why || `The server closed with ${code}.`);
    if (opened) return this.#comeBack(why || "The connection broke.", said?.retry_after_ms);

    // A browser is not told why a WebSocket was refused. The same token over HTTP says it.
    try {
      await this.#api.streams();
    } catch (error) {
      if (socket !== this.#socket) return;
      if (error.status === 401) return this.#end(error.code, error.message);
      if (error.status === 0) return this.#comeBack("The server can't be reached.");
    }
    if (socket === this.#socket) this.#comeBack("The server takes no connection now.");
  }

  #heard(data) {
    let message;
    try {
      message = parse(data);
    } catch {
      this.#on.note("The server sent a message that is no JSON.");
      return;
    }
    switch (message.type) {
      case "welcome":
        return this.#welcomed(message);
      case "subscribed":
        return this.#subscribed(message);
      case "lines":
        return this.#lines(message);
      case "gap":
        this.#continuity.gap(message).forEach(this.#on.fault);
        return this.#on.gap(message);
      case "live":
        this.#continuity.live(message).forEach(this.#on.fault);
        this.#heads.delete(message.stream);
        return this.#progress();
      case "error":
        return this.#refused(message);
      case "closing":
        this.#closing = message;
        return;
      case "dropped":
        return this.#dropped(message);
      case "expiring":
        return this.#on.expiring(message);
      // Messages of a later version are not an error.
    }
  }

  #welcomed(message) {
    if (this.#epoch !== undefined && this.#epoch !== message.epoch) this.#otherStore();
    this.#epoch = message.epoch;
    this.#on.welcome(message);
    const messages = subscribeMessages({
      streams: this.#streams,
      from: this.#from,
      cursors: this.#continuity.cursors,
      epoch: this.#epoch,
      bytes: message.limits?.message_bytes,
    });
    for (const subscribe of messages) {
      this.#asked.add(subscribe.id);
      this.#socket.send(JSON.stringify(subscribe));
    }
  }

  #subscribed({ id, streams }) {
    this.#asked.delete(id);
    for (const [stream, state] of Object.entries(streams)) {
      this.#continuity.begin(stream, state.cursor);
      this.#heads.set(stream, state.next);
      this.#on.begun(stream, state);
    }
    if (this.#asked.size === 0) clearTimeout(this.#timer);
    this.#progress();
  }

  #lines(message) {
    const { first, lines, faults } = this.#continuity.accept(message);
    faults.forEach(this.#on.fault);
    if (lines.length > 0) this.#on.lines(message.stream, first, lines);
    if (this.#heads.has(message.stream)) this.#progress();
  }

  #progress() {
    if (this.#asked.size > 0) return;
    if (this.#heads.size === 0) {
      this.#attempt = 0;
      return this.#on.state({ name: "live" });
    }
    let remaining = 0;
    for (const [stream, head] of this.#heads) {
      remaining += Math.max(0, head - (this.#continuity.cursors.get(stream) ?? head));
    }
    this.#on.state({ name: "replaying", remaining });
  }

  #refused({ code, message, id, stream, next, retry_after_ms: hint }) {
    if (!this.#asked.has(id)) {
      this.#on.note(`The server says: ${message} (${code})`);
      return;
    }
    switch (code) {
      case "wrong_epoch":
        this.#otherStore();
        return this.#comeBack(message);
      case "cursor_ahead":
        // The store has less than was read: it was set back. What comes now under the same offsets is not the same.
        this.#on.fault({ kind: "set_back", stream, from: next, to: this.#continuity.cursors.get(stream) });
        this.#continuity.move(stream, next);
        return this.#comeBack(message);
      case "unavailable":
        return this.#comeBack(message, hint);
      default:
        return this.#end(code, message);
    }
  }

  #dropped({ streams, reason }) {
    for (const stream of streams) {
      this.#continuity.forget(stream);
      this.#heads.delete(stream);
    }
    this.#on.note(`No longer readable with this token (${reason}): ${streams.join(", ")}`);
    this.#progress();
  }

  /** Offsets of one store mean nothing in another. */
  #otherStore() {
    this.#epoch = undefined;
    this.#continuity = new Continuity();
    this.#on.note("The server stands on another store now. Its lines begin here, with offsets of their own.");
  }
}

function sentence(reason) {
  return REASONS[reason] ?? (reason && `The server says: ${reason}.`);
}
