import { asyncDispose } from "./dispose.js";
import { TailcastError } from "./errors.js";
import type { ClientState, Cursors, SubscribeOptions } from "./events.js";
import type { CountsPage, CountsQuery, Page, Range, ReadOptions, StreamInfo } from "./reads.js";
import { Subscription } from "./subscription.js";
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
export declare class Client implements AsyncDisposable {
    #private;
    /** Connects to nothing yet. Throws a `TypeError` when `url` is no address. */
    constructor(options: ClientOptions);
    /** How it stands with the server. A subscription's own state says more. */
    get state(): ClientState;
    /** When the server last gave a sign of life: any word at all. `undefined` before its first one. */
    get heardAt(): Date | undefined;
    /**
     * Follows streams: names, patterns, `@me`. A stream is in one subscription of a client at a time: naming one that
     * another names ends the new one with `duplicate_stream`; a pattern passes over it, or lets go of it.
     */
    subscribe(streams: string | readonly string[], options?: SubscribeOptions): Subscription;
    /**
     * The cursors of all subscriptions that are not over, as one: see {@link Subscription.cursors}. `undefined` when there
     * are none yet.
     */
    cursors(): Cursors | undefined;
    /** The readable streams; only those that `match`, a pattern. Fails with a {@link TailcastError}. */
    streams(match?: string, options?: ReadOptions): Promise<StreamInfo[]>;
    /** Kept lines of a stream. Fails with a {@link TailcastError}. */
    lines(stream: string, range?: Range, options?: ReadOptions): Promise<Page>;
    /** How many kept lines of a stream there are, over time and by level. Fails with a {@link TailcastError}. */
    counts(query: CountsQuery): Promise<CountsPage>;
    /** Connects now, when it waits for the next attempt. */
    retry(): void;
    /** Ends every subscription, and the connection. */
    close(): void;
    /** The same as {@link Client.close | close()}. */
    [asyncDispose](): Promise<void>;
}
