// A server with a token: subscriptions over one connection, and the reads over HTTP.
import { Follower } from "./follower.js";
import { asyncDispose } from "./dispose.js";
import { TailcastError, tell } from "./errors.js";
import { Lifeline } from "./lifeline.js";
import { isPattern } from "./names.js";
import { Reads } from "./reads.js";
import { Subscription } from "./subscription.js";
import { Switchboard } from "./switchboard.js";
import { Tokens } from "./tokens.js";
/**
 * Follows streams of one server, over one connection that is opened with the first subscription and comes back by itself
 * until {@link Client.close | close()}.
 */
export class Client {
    #options;
    #reads;
    #lifeline;
    #followers = new Set();
    #board;
    /** Connects to nothing yet. Throws a `TypeError` when `url` is no address. */
    constructor(options) {
        this.#options = options;
        const base = baseOf(options.url);
        const tokens = new Tokens(options.token);
        this.#reads = new Reads(base, tokens);
        this.#lifeline = new Lifeline({
            open: (token) => openSocket(base, token, options.WebSocket ?? WebSocket),
            tokens,
            reads: this.#reads,
            events: {
                state: (state) => this.#became(state),
                welcome: (welcome, connection) => this.#connected(welcome, connection),
                message: (message, size) => this.#heard(message, size),
                problem: (problem) => tell(options.onProblem, problem),
            },
        });
        listenToNetwork("add", this.#networkChanged);
    }
    /** How it stands with the server. A subscription's own state says more. */
    get state() {
        return this.#lifeline.state;
    }
    /**
     * Follows streams: names, patterns, `@me`. A stream is in one subscription of a client at a time: naming one that
     * another names ends the new one with `duplicate_stream`; a pattern passes over it, or lets go of it.
     */
    subscribe(streams, options = {}) {
        const targets = typeof streams === "string" ? [streams] : streams;
        if (targets.length === 0)
            throw new TypeError("There is no stream to subscribe to.");
        const follower = new Follower(targets, options, () => this.#followers.delete(follower), () => this.#lifeline.again());
        this.#followers.add(follower);
        this.#lifeline.start();
        follower.link(this.state);
        if (this.#board)
            follower.connected(this.#board);
        return new Subscription(follower);
    }
    /**
     * The cursors of all subscriptions that are not over, as one: see {@link Subscription.cursors}. `undefined` when there
     * are none yet.
     */
    cursors() {
        const all = [...this.#followers].map((follower) => follower.cursors()).filter((cursors) => cursors !== undefined);
        const epoch = this.#board?.epoch ?? all[0]?.epoch;
        const ours = all.filter((cursors) => cursors.epoch === epoch);
        if (epoch === undefined || ours.length === 0)
            return undefined;
        return { epoch, cursors: Object.assign({}, ...ours.map(({ cursors }) => cursors)) };
    }
    /** The readable streams; only those that `match`, a pattern. Fails with a {@link TailcastError}. */
    streams(match, options = {}) {
        return this.#reads.streams(match, options);
    }
    /** Kept lines of a stream. Fails with a {@link TailcastError}. */
    lines(stream, range = {}, options = {}) {
        return this.#reads.lines(stream, range, options);
    }
    /** How many kept lines of a stream there are, over time and by level. Fails with a {@link TailcastError}. */
    counts(query) {
        return this.#reads.counts(query);
    }
    /** Connects now, when it waits for the next attempt. */
    retry() {
        this.#lifeline.retry();
    }
    /** Ends every subscription, and the connection. */
    close() {
        for (const follower of [...this.#followers])
            follower.close();
        this.#lifeline.end();
    }
    /** The same as {@link Client.close | close()}. */
    [asyncDispose]() {
        this.close();
        return Promise.resolve();
    }
    #networkChanged = () => this.#lifeline.suspect();
    #became(state) {
        if (state.name !== "open")
            this.#board = undefined;
        if (state.name === "ended")
            listenToNetwork("remove", this.#networkChanged);
        for (const follower of [...this.#followers])
            follower.link(state);
        tell(this.#options.onState, state);
    }
    #connected(welcome, connection) {
        const board = new Switchboard(welcome, (message) => connection.send(message));
        this.#board = board;
        // Who named a stream has it, and patterns pass over it: in any other order it could be the other way round.
        const named = (follower) => Number(follower.targets.some(isPattern));
        for (const follower of [...this.#followers].sort((a, b) => named(a) - named(b)))
            follower.connected(board);
    }
    #heard(message, size) {
        const concerned = this.#board?.deliver(message, size);
        if (!concerned && message.type === "error") {
            tell(this.#options.onProblem, new TailcastError(message.code, message.message));
        }
    }
}
function baseOf(url) {
    const base = new URL(url);
    base.hash = "";
    base.search = "";
    if (!base.pathname.endsWith("/"))
        base.pathname += "/";
    return base;
}
function openSocket(base, token, Socket) {
    const url = new URL("v1/ws", base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new Socket(url, ["tailcast.v1", `bearer.${token}`]);
}
/** A browser tells when its network changed; other runtimes don't. */
function listenToNetwork(what, listener) {
    if (typeof window === "undefined")
        return;
    if (what === "add")
        window.addEventListener("online", listener);
    else
        window.removeEventListener("online", listener);
}
