// Keeps one connection to a server up: the token, the attempts, the waits between them. Knows no subscription.
import { Connection } from "./connection.js";
import { TailcastError, words } from "./errors.js";
import { Renewal } from "./renewal.js";
import { comesBack, delay } from "./retry.js";
import { hasEnded } from "./tokens.js";
/** A connection that lasted so long worked: what comes after it is a first failure. */
const STEADY_MS = 5_000;
/** After so many attempts whose refusal could not be read, it may be the token that is refused. */
const ATTEMPTS_PER_TOKEN = 4;
/** What happened, by the `reason` of `closing` and of the close frame. */
const REASONS = {
    draining: "The server is being stopped.",
    slow: "Lines could not be delivered for too long.",
    no_pong: "This client did not answer for too long.",
    unavailable: "The server can't serve readers now.",
    token_expired: "The token ended.",
    revoked: "The token was revoked.",
    bad_message: "The server did not understand this client.",
    rate_limited: "This client asked for too much.",
    wrong_subscriber: "The new token is somebody else's.",
};
/** Reasons, by close codes, for a connection that closed without `closing`. */
const CODES = {
    1012: "draining",
    4000: "slow",
    4001: "no_pong",
    4002: "unavailable",
    4003: "token_expired",
    4500: "revoked",
    4501: "bad_message",
    4502: "rate_limited",
    4503: "wrong_subscriber",
};
export class Lifeline {
    #parts;
    #renewal;
    #state = { name: "idle" };
    #connection;
    #token;
    /** Failures in a row. */
    #attempt = 0;
    #openedAt;
    /** By connections of before. */
    #heardAt;
    #timer;
    /** Made anew with each attempt, so that what an older one awaited is not taken for this one's. */
    #era = {};
    constructor(parts) {
        this.#parts = parts;
        this.#renewal = new Renewal(parts.tokens, {
            refresh: (token) => {
                this.#token = token;
                this.#connection?.send({ type: "refresh", id: Renewal.ID, token });
            },
            problem: parts.events.problem,
        });
    }
    get state() {
        return this.#state;
    }
    /** When the server was last heard, ms since 1970; nothing before its first word. */
    get heardAt() {
        return this.#openedAt === undefined ? this.#heardAt : this.#connection?.heardAt;
    }
    /** Connects, unless that was begun before. */
    start() {
        if (this.#state.name === "idle")
            void this.#connect();
    }
    /** Now, not later, when it waits for the next attempt. */
    retry() {
        if (this.#state.name === "offline")
            void this.#connect();
    }
    /** The network may have changed: finds out sooner than by waiting. */
    suspect() {
        this.retry();
        this.#connection?.probe();
    }
    /** Makes another connection, on which everything goes on. */
    again() {
        if (this.#connection)
            this.#comeBack("Subscriptions are put in order.");
    }
    end(error) {
        if (this.#state.name === "ended")
            return;
        this.#release();
        this.#become(error ? { name: "ended", error } : { name: "ended" });
    }
    async #connect() {
        this.#release();
        const era = this.#era;
        this.#become({ name: "connecting" });
        let token;
        try {
            token = await this.#parts.tokens.get();
        }
        catch (error) {
            if (era !== this.#era)
                return;
            if (error instanceof TailcastError && error.code === "no_token")
                return this.end(error);
            return this.#comeBack(words(error));
        }
        if (era === this.#era)
            this.#open(token);
    }
    #open(token) {
        this.#token = token;
        let socket;
        try {
            socket = this.#parts.open(token);
        }
        catch (error) {
            return this.end(notOpened(error));
        }
        const events = {
            welcome: (welcome) => this.#welcomed(welcome),
            message: (message, size) => this.#heard(message, size),
            // Of an attempt that was not answered yet, nothing was heard: the last word is one of before.
            silent: (since) => this.#parts.events.silent(since === undefined ? undefined : (this.heardAt ?? since)),
            ended: (ending) => void this.#lost(ending),
        };
        this.#connection = new Connection(socket, events, this.#parts);
    }
    #welcomed(welcome) {
        this.#openedAt = Date.now();
        this.#become({ name: "open", subscriber: welcome.subscriber, node: welcome.node });
        if (this.#connection)
            this.#parts.events.welcome(welcome, this.#connection);
    }
    #heard(message, size) {
        if (message.type === "expiring")
            return this.#renewal.expiring(new Date(message.expires_at));
        if (this.#renewal.isAbout(message))
            return this.#renewal.answered(message);
        this.#parts.events.message(message, size);
    }
    async #lost(ending) {
        this.#heardAt = this.heardAt;
        this.#connection = undefined;
        this.#renewal.stop();
        if (this.#openedAt !== undefined && Date.now() - this.#openedAt >= STEADY_MS)
            this.#attempt = 0;
        this.#openedAt = undefined;
        const { closing } = ending;
        // A connection may break between the word and the close frame.
        const code = closing?.code ?? ending.code;
        const reason = closing?.reason ?? CODES[code];
        const why = ending.why ?? (reason === undefined ? undefined : (REASONS[reason] ?? `The server says: ${reason}.`));
        if (code === 4003)
            return this.#tokenIsOver("expiring", "token_expired", why ?? "The token ended.", closing);
        if (!comesBack(code)) {
            return this.end(new TailcastError(reason ?? "closed", why ?? `The server closed with ${code}.`));
        }
        if (ending.welcomed || why !== undefined)
            return this.#comeBack(why ?? "The connection broke.", closing);
        await this.#refused();
    }
    /** No browser tells why a WebSocket was refused. The same token over HTTP says it. */
    async #refused() {
        const era = this.#era;
        const token = this.#token ?? "";
        try {
            await this.#parts.reads.probe(token);
        }
        catch (thrown) {
            if (era !== this.#era)
                return;
            const error = thrown;
            if (error.details.status === 401)
                return this.#tokenIsOver("refused", error.code, error.message);
            if (error.details.status === 0) {
                // Perhaps it answered, and this page only may not see what.
                if (hasEnded(token, Date.now()))
                    return this.#tokenIsOver("expiring", "token_expired", "The token ended.");
                if (this.#attempt % ATTEMPTS_PER_TOKEN === ATTEMPTS_PER_TOKEN - 1)
                    this.#parts.tokens.doubt(token);
                return this.#comeBack("The server can't be reached.");
            }
        }
        if (era === this.#era)
            this.#comeBack("The server takes no connection now.");
    }
    #tokenIsOver(how, code, why, closing) {
        if (!this.#parts.tokens.renewable)
            return this.end(new TailcastError(code, why));
        this.#parts.tokens.drop(this.#token ?? "", how);
        this.#comeBack(why, closing);
    }
    #comeBack(why, closing) {
        this.#release();
        const wait = delay(this.#attempt, closing?.retry_after_ms);
        this.#attempt += 1;
        this.#timer = setTimeout(() => void this.#connect(), wait);
        this.#become({ name: "offline", until: new Date(Date.now() + wait), why });
    }
    /** Lets go of the connection and of every timer, without a word to anybody. */
    #release() {
        this.#era = {};
        clearTimeout(this.#timer);
        this.#renewal.stop();
        this.#heardAt = this.heardAt;
        this.#connection?.close();
        this.#connection = undefined;
        this.#openedAt = undefined;
    }
    #become(state) {
        this.#state = state;
        this.#parts.events.state(state);
    }
}
/** Why there is no WebSocket. A constructor throws a `SyntaxError` for a token that can't be written in a request. */
function notOpened(error) {
    if (error instanceof TailcastError)
        return error;
    const isSyntax = error instanceof Error && error.name === "SyntaxError";
    return isSyntax ? new TailcastError("bad_token", "This is no token.") : new TailcastError("not_opened", words(error));
}
