/**
 * Follows Tailcast's streams: every line, once, in order, whatever happens to the connection. README.md has examples.
 *
 * @packageDocumentation
 */
export { Client } from "./client.js";
export { TailcastError } from "./errors.js";
export { WholeNumber } from "./json.js";
export { Subscription } from "./subscription.js";
