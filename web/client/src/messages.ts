// The messages of `tailcast.v1` as they are on the wire. What comes in is checked here and nowhere else.

import { TailcastError } from "./errors.js";
import type { ErrorDetails } from "./errors.js";
import { parse as parseJson } from "./json.js";

export interface Welcome {
  readonly type: "welcome";
  readonly session: string;
  readonly node: string;
  readonly subscriber: string;
  readonly epoch: string;
  readonly heartbeat_ms?: number;
  readonly limits?: { readonly message_bytes?: number; readonly messages_per_second?: number };
  /** The requests that this server knows, beyond those of the first version. */
  readonly requests?: readonly unknown[];
}

export interface Start {
  readonly first_available: number;
  readonly next: number;
  readonly cursor: number;
}

/** How the server reads a filter. */
export interface FilterReading {
  /** In words. */
  readonly reading: string;
  /** The filter that looks for the same characters as they stand; absent where the filter does that. */
  readonly literal?: string;
}

export interface Subscribed {
  readonly type: "subscribed";
  readonly id: string;
  readonly epoch: string;
  readonly streams: Readonly<Record<string, Start>>;
  readonly filter?: FilterReading;
}

export interface Done {
  readonly type: "done";
  readonly id?: string;
  readonly request: string;
}

export interface Lines {
  readonly type: "lines";
  readonly stream: string;
  readonly first: number;
  readonly next: number;
  readonly lines: readonly Record<string, unknown>[];
}

export interface Live {
  readonly type: "live";
  readonly stream: string;
  readonly next: number;
}

export interface Gap {
  readonly type: "gap";
  readonly stream: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

export interface Behind {
  readonly type: "behind";
  readonly id: string;
  readonly stream: string;
  readonly count: number;
}

export interface Dropped {
  readonly type: "dropped";
  readonly id: string;
  readonly streams: readonly string[];
  readonly reason: string;
}

export interface Expiring {
  readonly type: "expiring";
  readonly expires_at: string;
}

export interface Refusal {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly id?: string;
  readonly stream?: string;
  readonly next?: number;
  readonly epoch?: string;
  readonly position?: number;
  readonly retry_after_ms?: number;
}

export interface Closing {
  readonly type: "closing";
  readonly code: number;
  readonly reason: string;
  readonly retry_after_ms?: number;
}

export type ServerMessage =
  | Welcome
  | Subscribed
  | Done
  | Lines
  | Live
  | Gap
  | Behind
  | Dropped
  | Expiring
  | Refusal
  | Closing;

/** Where a subscription begins, as the wire says it. */
export type WireFrom =
  | "live"
  | { readonly last: number }
  | { readonly since: string }
  | { readonly cursors: Readonly<Record<string, number>>; readonly epoch: string };

export interface Subscribe {
  readonly type: "subscribe";
  readonly id: string;
  readonly streams: readonly string[];
  readonly from: WireFrom;
  readonly filter?: string;
  readonly mode?: "recent";
}

export type ClientMessage =
  | Subscribe
  | { readonly type: "unsubscribe" | "pause" | "resume" | "ping"; readonly id: string }
  | { readonly type: "seek"; readonly id: string; readonly stream: string; readonly to: number | "live" }
  | { readonly type: "refresh"; readonly id: string; readonly token: string };

type Check = (value: unknown) => boolean;

export const isText = (value: unknown): value is string => typeof value === "string";
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Check = (value) => typeof value === "number";
const isListOf = (check: Check): Check => (value) => Array.isArray(value) && value.every(check);
const isStart: Check = (value) =>
  isObject(value) && isOffset(value["first_available"]) && isOffset(value["next"]) && isOffset(value["cursor"]);
const areStarts: Check = (value) => isObject(value) && Object.values(value).every(isStart);
const maybe = (check: Check): Check => (value) => value === undefined || check(value);

const isReading: Check = (value) => isObject(value) && isText(value["reading"]) && maybe(isText)(value["literal"]);

/** What each message has. Members that are not here are not looked at. */
const SHAPES: Readonly<Record<ServerMessage["type"], Readonly<Record<string, Check>>>> = {
  welcome: {
    session: isText,
    node: isText,
    subscriber: isText,
    epoch: isText,
    heartbeat_ms: maybe(isNumber),
    limits: maybe(isObject),
    requests: maybe(Array.isArray),
  },
  subscribed: { id: isText, epoch: isText, streams: areStarts, filter: maybe(isReading) },
  done: { id: maybe(isText), request: isText },
  lines: { stream: isText, first: isOffset, next: isOffset, lines: isListOf(isObject) },
  live: { stream: isText, next: isOffset },
  gap: { stream: isText, from: isOffset, to: isOffset, reason: isText },
  behind: { id: isText, stream: isText, count: isOffset },
  dropped: { id: isText, streams: isListOf(isText), reason: isText },
  expiring: { expires_at: isText },
  error: {
    code: isText,
    message: isText,
    id: maybe(isText),
    stream: maybe(isText),
    next: maybe(isOffset),
    epoch: maybe(isText),
    position: maybe(isOffset),
    retry_after_ms: maybe(isNumber),
  },
  closing: { code: isNumber, reason: isText, retry_after_ms: maybe(isNumber) },
};

function isKnown(type: string): type is ServerMessage["type"] {
  return Object.hasOwn(SHAPES, type);
}

/**
 * Reads a message. `undefined` for one of a later version, which is no error. Throws `bad_answer` for what cannot be a
 * message of this protocol: who cannot understand a message must not go on as if nothing had been said.
 */
export function readMessage(text: unknown, parse: (text: string) => unknown = parseJson): ServerMessage | undefined {
  const message = parsed(text, parse);
  if (!isObject(message) || !isText(message["type"])) throw bad("a message without a type");
  const type = message["type"];
  if (!isKnown(type)) return undefined;
  for (const [name, check] of Object.entries(SHAPES[type])) {
    if (!check(message[name])) throw bad(`a message of type "${type}" without a good "${name}"`);
  }
  if (type === "gap" && (message["to"] as number) < (message["from"] as number)) throw bad("a gap that ends before it begins");
  return message as unknown as ServerMessage;
}

function parsed(text: unknown, parse: (text: string) => unknown): unknown {
  if (!isText(text)) throw bad("a binary message");
  try {
    return parse(text);
  } catch {
    throw bad("a message that is no JSON");
  }
}

function bad(what: string): TailcastError {
  return new TailcastError("bad_answer", `The server sent ${what}.`);
}

/** A refusal, for whoever asked. */
export function errorOf({ code, message, stream, next, epoch, position }: Refusal): TailcastError {
  const details: ErrorDetails = {
    ...(stream === undefined ? {} : { stream }),
    ...(next === undefined ? {} : { next }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(position === undefined ? {} : { position }),
  };
  return new TailcastError(code, message, details);
}
