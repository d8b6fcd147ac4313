// A server with a token: subscriptions over one connection, and the reads over HTTP.

import { Follower } from "./follower.js";
import { asyncDispose } from "./dispose.js";
import { TailcastError, tell } from "./errors.js";
import type { ClientState, Cursors, SubscribeOptions } from "./events.js";
import { parse as parseJson } from "./json.js";
import { Lifeline } from "./lifeline.js";
import type { ServerMessage, Welcome } from "./messages.js";
import { isPattern } from "./names.js";
import { Reads } from "./reads.js";
import type { CountsPage, CountsQuery, Page, Range, ReadOptions, StreamInfo } from "./reads.js";
import { parseWithSources } from "./source.js";
import { Subscription } from "./subscription.js";
import { Switchboard } from "./switchboard.js";
import { Tokens } from "./tokens.js";
import type { TokenProvider } from "./tokens.js";

/** What a client needs. */
export interface ClientOptions {
  /** The server's address: `https://logs.example.org/`. */
  readonly url: string | URL;
  /** A token, or where to get one, again and again. */
  readonly token: string | TokenProvider;
  /** Called at each change of {@link Client.state}. */
  readonly onState?: (state: ClientState) => void;
  /** Called for what a reader should know and no subscription ends by, such as `token_expiring`. */
  readonly onProblem?: (problem: TailcastError) => void;
  /**
   * Lines with every number as it was written, and how they are stored where that is not what `JSON.stringify` writes: see
   * {@link Numeral} and {@link Line.source}. Reading a line then costs about twice as much.
   */
  readonly exact?: boolean;
  /** The constructor to use, where the runtime has none or another one is wanted. */
  readonly WebSocket?: typeof WebSocket;
}

/**
 * Follows streams of one server, over one connection that is opened with the first subscription and comes back by itself
 * until {@link Client.close | close()}.
 */
export class Client implements AsyncDisposable {
  readonly #options: ClientOptions;
  readonly #reads: Reads;
  readonly #lifeline: Lifeline;
  readonly #followers = new Set<Follower>();
  #board: Switchboard | undefined;

  /** Connects to nothing yet. Throws a `TypeError` when `url` is no address. */
  constructor(options: ClientOptions) {
    this.#options = options;
    const base = baseOf(options.url);
    const tokens = new Tokens(options.token);
    const parse = options.exact ? parseWithSources : parseJson;
    this.#reads = new Reads(base, tokens, parse);
    this.#lifeline = new Lifeline({
      open: (token) => openSocket(base, token, options.WebSocket ?? globalThis.WebSocket),
      tokens,
      reads: this.#reads,
      parse,
      seen: isSeen,
      events: {
        state: (state) => this.#became(state),
        welcome: (welcome, connection) => this.#connected(welcome, connection),
        message: (message, size) => this.#heard(message, size),
        silent: (since) => this.#silent(since),
        problem: (problem) => tell(options.onProblem, problem),
      },
    });
    listenToDoubts("add", this.#doubt);
  }

  /** How it stands with the server. A subscription's own state says more. */
  get state(): ClientState {
    return this.#lifeline.state;
  }

  /** When the server last gave a sign of life: any word at all. `undefined` before its first one. */
  get heardAt(): Date | undefined {
    const at = this.#lifeline.heardAt;
    return at === undefined ? undefined : new Date(at);
  }

  /**
   * Follows streams: names, patterns, `@me`. A stream is in one subscription of a client at a time: naming one that
   * another names ends the new one with `duplicate_stream`; a pattern passes over it, or lets go of it.
   */
  subscribe(streams: string | readonly string[], options: SubscribeOptions = {}): Subscription {
    const targets = typeof streams === "string" ? [streams] : streams;
    if (targets.length === 0) throw new TypeError("There is no stream to subscribe to.");
    const follower: Follower = new Follower(
      targets,
      options,
      () => this.#followers.delete(follower),
      () => this.#lifeline.again(),
    );
    this.#followers.add(follower);
    this.#lifeline.start();
    follower.link(this.state);
    if (this.#board) follower.connected(this.#board);
    return new Subscription(follower);
  }

  /**
   * The cursors of all subscriptions that are not over, as one: see {@link Subscription.cursors}. `undefined` when there
   * are none yet.
   */
  cursors(): Cursors | undefined {
    const all = [...this.#followers].map((follower) => follower.cursors()).filter((cursors) => cursors !== undefined);
    const epoch = this.#board?.epoch ?? all[0]?.epoch;
    const ours = all.filter((cursors) => cursors.epoch === epoch);
    if (epoch === undefined || ours.length === 0) return undefined;
    return { epoch, cursors: Object.assign({}, ...ours.map(({ cursors }) => cursors)) as Cursors["cursors"] };
  }

  /** The readable streams; only those that `match`, a pattern. Fails with a {@link TailcastError}. */
  streams(match?: string, options: ReadOptions = {}): Promise<StreamInfo[]> {
    return this.#reads.streams(match, options);
  }

  /** Kept lines of a stream. Fails with a {@link TailcastError}. */
  lines(stream: string, range: Range = {}, options: ReadOptions = {}): Promise<Page> {
    return this.#reads.lines(stream, range, options);
  }

  /** How many kept lines of a stream there are, over time and by level. Fails with a {@link TailcastError}. */
  counts(query: CountsQuery): Promise<CountsPage> {
    return this.#reads.counts(query);
  }

  /** Connects now, when it waits for the next attempt. */
  retry(): void {
    this.#lifeline.retry();
  }

  /** Ends every subscription, and the connection. */
  close(): void {
    for (const follower of [...this.#followers]) follower.close();
    this.#lifeline.end();
  }

  /** The same as {@link Client.close | close()}. */
  [asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** What was true before may not be any more: asked at once, rather than when it is due. */
  readonly #doubt = ({ type }: Event): void => {
    if (type !== "visibilitychange" || isSeen()) this.#lifeline.suspect();
  };

  #silent(since: number | undefined): void {
    for (const follower of [...this.#followers]) follower.silent(since === undefined ? undefined : new Date(since));
  }

  #became(state: ClientState): void {
    if (state.name !== "open") this.#board = undefined;
    if (state.name === "ended") listenToDoubts("remove", this.#doubt);
    for (const follower of [...this.#followers]) follower.link(state);
    tell(this.#options.onState, state);
  }

  #connected(welcome: Welcome, connection: { send: Switchboard["send"] }): void {
    const board = new Switchboard(welcome, (message) => connection.send(message));
    this.#board = board;
    // Who named a stream has it, and patterns pass over it: in any other order it could be the other way round.
    const named = (follower: Follower) => Number(follower.targets.some(isPattern));
    for (const follower of [...this.#followers].sort((a, b) => named(a) - named(b))) follower.connected(board);
  }

  #heard(message: ServerMessage, size: number): void {
    const concerned = this.#board?.deliver(message, size);
    if (!concerned && message.type === "error") {
      tell(this.#options.onProblem, new TailcastError(message.code, message.message));
    }
  }
}

function baseOf(url: string | URL): URL {
  const base = new URL(url);
  base.hash = "";
  base.search = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

function openSocket(base: URL, token: string, Socket: typeof WebSocket | undefined): WebSocket {
  if (!Socket) {
    const why = "There is no WebSocket here (Node has one from 22 on): hand one in, as new Client({ …, WebSocket }).";
    throw new TailcastError("no_websocket", why);
  }
  const url = new URL("v1/ws", base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new Socket(url, ["tailcast.v1", `bearer.${token}`]);
}

/** Whether somebody looks at the page; who has none is never sure of that. */
function isSeen(): boolean {
  return typeof document !== "undefined" && !document.hidden;
}

/** In a browser: what tells that a page was out of sight or asleep, or that its network is another one. */
const DOUBTS: readonly (readonly [where: () => EventTarget | undefined, events: readonly string[]])[] = [
  [() => window, ["online", "pageshow"]],
  [() => document, ["visibilitychange", "resume"]],
  // Not in every browser.
  [() => (navigator as { connection?: EventTarget }).connection, ["change"]],
];

function listenToDoubts(what: "add" | "remove", listener: (event: Event) => void): void {
  if (typeof window === "undefined" || typeof document === "undefined") return;
  for (const [where, events] of DOUBTS) {
    for (const event of events) {
      if (what === "add") where()?.addEventListener(event, listener);
      else where()?.removeEventListener(event, listener);
    }
  }
}
