// What a subscription tells its consumer, and what it is told.

import type { TailcastError } from "./errors.js";
import type { JsonValue } from "./json.js";

/** How grave a line is. */
export type Level = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** One log record. */
export interface Line {
  /** Its place in its stream: 0, 1, 2, … */
  readonly offset: number;
  /** RFC 3339, UTC, with nanoseconds. */
  readonly ts: string;
  readonly level?: Level;
  readonly message: string;
  readonly fields?: { readonly [name: string]: JsonValue };
  /**
   * How it is stored, byte for byte, where `JSON.stringify` would write it otherwise. Only from a client that is
   * {@link ClientOptions.exact | exact}.
   */
  readonly source?: string;
  /** The filter gave up on it: it is perhaps not what was asked for. */
  readonly undecided?: true;
}

/** Cursors with the store that they are of. Plain data: keep it as JSON, and hand it to `from` to go on. */
export interface Cursors {
  readonly epoch: string;
  /** By stream, the offset of the next line wanted. */
  readonly cursors: { readonly [stream: string]: number };
}

/**
 * Where a subscription begins: with what comes now, so many lines earlier (of each stream), at the first line with that
 * time or a later one, or where {@link Cursors} left off. A stream without a cursor then begins at its first kept line.
 */
export type From = "live" | { readonly last: number } | { readonly since: string | Date } | Cursors;

/** A stream is followed from here on. Comes once for each, also for those that a pattern meets later. */
export interface BeginEvent {
  readonly type: "begin";
  readonly stream: string;
  /** The offset of the oldest line still kept. */
  readonly firstAvailable: number;
  /** The head: the next offset to be given. */
  readonly next: number;
  /** The offset of the first line that comes. */
  readonly cursor: number;
}

/**
 * Lines, in order. Without a filter there is one for each offset from `first` to `next` (exclusive). With one, those that match:
 * the server looked through all of them, and there may be none.
 */
export interface LinesEvent {
  readonly type: "lines";
  readonly stream: string;
  readonly first: number;
  /** The cursor of whoever has taken these. */
  readonly next: number;
  readonly lines: readonly Line[];
}

/** The head of a stream is reached: what was there has been told, what follows is new. */
export interface LiveEvent {
  readonly type: "live";
  readonly stream: string;
  readonly next: number;
}

/**
 * Lines that do not come: `retention` removed them, they were `skipped` in the mode `recent`, or what the store has of them is
 * `damaged`. Later servers may have other reasons.
 */
export interface GapEvent {
  readonly type: "gap";
  readonly stream: string;
  /** The first offset missing. */
  readonly from: number;
  /** The next one that comes. */
  readonly to: number;
  readonly reason: "retention" | "skipped" | "damaged" | (string & {});
}

/**
 * The server broke its promise: lines from `from` to `to` (exclusive) are `missing`, came a second time and were left out
 * (`repeated`), or were not as many as the frame said (`miscounted`). A server that works sends none.
 */
export interface FaultEvent {
  readonly type: "fault";
  readonly kind: "missing" | "repeated" | "miscounted";
  readonly stream: string;
  readonly from: number;
  readonly to: number;
  /** How many lines came, of `miscounted`. */
  readonly count?: number;
}

/** Streams that the token does not allow any more (`reason`: `grant`). The others go on. */
export interface DroppedEvent {
  readonly type: "dropped";
  readonly streams: readonly string[];
  readonly reason: string;
}

/** The subscription goes on, but not as it should: streams beyond the session's `limit` are left out, for example. */
export interface WarningEvent {
  readonly type: "warning";
  readonly code: string;
  readonly message: string;
}

/** What a subscription tells, in order. */
export type Event = BeginEvent | LinesEvent | LiveEvent | GapEvent | FaultEvent | DroppedEvent | WarningEvent;

/**
 * A function for each kind of event. One that answers a promise is waited for before the next event comes; what arrives
 * meanwhile is buffered. What one throws is reported like any uncaught error, and the next event comes.
 */
export type Callbacks = {
  readonly [Kind in Event["type"]]?: (event: Extract<Event, { type: Kind }>) => void | Promise<void>;
} & {
  /** Comes once, last: without an error after `close()`. */
  readonly end?: (error?: TailcastError) => void | Promise<void>;
};

/** How to follow. */
export interface SubscribeOptions {
  /** Default: `"live"`. */
  readonly from?: From;
  /** Only lines that match; docs/protocol.md, "Filters". */
  readonly filter?: string;
  /** `"complete"` (default): every line, however late. `"recent"`: who falls behind jumps ahead, with a `gap`. */
  readonly mode?: "complete" | "recent";
  /** Events go here. Without it they wait to be iterated over. */
  readonly on?: Callbacks;
  /** Called at each change of {@link Subscription.state}. */
  readonly onState?: (state: SubscriptionState) => void;
  /**
   * How much text of lines may wait for a slow consumer before the server is asked to pause, in characters. Default:
   * 1,048,576; at least 65,536. A little more may be under way; at four times as much the client lets go of the
   * subscription, and takes it up where it was once the consumer is through.
   */
  readonly bufferSize?: number;
}

/** How a client stands with its server. */
export type ClientState =
  /** Nothing was asked for yet. */
  | { readonly name: "idle" }
  | { readonly name: "connecting" }
  /** `subscriber`: who the token belongs to. */
  | { readonly name: "open"; readonly subscriber: string; readonly node: string }
  /** It comes back by itself, at `until`. `why` is a sentence. */
  | { readonly name: "offline"; readonly until: Date; readonly why: string }
  /** It does not come back. `error` is absent after `close()`. */
  | { readonly name: "ended"; readonly error?: TailcastError };

/** How a subscription stands, for a person to see. */
export type SubscriptionState =
  | { readonly name: "connecting" }
  /** What is kept is on its way: `remaining` lines of it, at least. */
  | { readonly name: "replaying"; readonly remaining: number }
  | { readonly name: "live" }
  /** Connected as far as anybody can tell, but the server's last sign of life was at `since`, and another one is overdue. */
  | { readonly name: "silent"; readonly since: Date }
  /** By `pause()`, or because the consumer is `slow`. `behind`: how many lines wait, as far as the server said. */
  | { readonly name: "paused"; readonly behind: number; readonly slow: boolean }
  | { readonly name: "offline"; readonly until: Date; readonly why: string }
  | { readonly name: "ended"; readonly error?: TailcastError };
