/**
 * Follows Tailcast's streams: every line, once, in order, whatever happens to the connection. README.md has examples.
 *
 * @packageDocumentation
 */

export { Client } from "./client.js";
export type { ClientOptions } from "./client.js";
export { TailcastError } from "./errors.js";
export type { ErrorDetails } from "./errors.js";
export type {
  BeginEvent,
  Callbacks,
  ClientState,
  Cursors,
  DroppedEvent,
  Event,
  FaultEvent,
  From,
  GapEvent,
  Level,
  Line,
  LinesEvent,
  LiveEvent,
  SubscribeOptions,
  SubscriptionState,
  WarningEvent,
} from "./events.js";
export { Numeral, WholeNumber } from "./json.js";
export type { JsonValue } from "./json.js";
export type { FilterReading } from "./messages.js";
export { isComplete } from "./proof.js";
export type { StreamProof } from "./proof.js";
export type { CountBucket, CountsPage, CountsQuery, Page, Range, ReadOptions, StreamInfo } from "./reads.js";
export { covers } from "./names.js";
export { Subscription } from "./subscription.js";
export type { TokenProvider, TokenReason } from "./tokens.js";
