// Streams and lines that stories are told of.

import { randomBytes } from "node:crypto";

/** A stream that nobody wrote to. */
export const fresh = () => `stories/${randomBytes(6).toString("hex")}`;

/** `from` to `to` (exclusive), made into something. */
export const range = (from, to, make = (i) => i) => Array.from({ length: to - from }, (_, i) => make(from + i));

/** Messages that say which they are. */
export const names = (from, to) => range(from, to, (i) => `line ${i}`);
