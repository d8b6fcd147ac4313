/**
 * Follows Tailcast's streams: every line, once, in order, whatever happens to the connection. README.md has examples.
 *
 * @packageDocumentation
 */
export { Client } from "./client.js";
export { TailcastError } from "./errors.js";
export { Numeral, WholeNumber } from "./json.js";
export { isComplete } from "./proof.js";
export { covers } from "./names.js";
export { Subscription } from "./subscription.js";
