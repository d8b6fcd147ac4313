/// <reference lib="esnext.disposable" preserve="true" />
// `await using`, also where the language does not have its symbol yet.

/** `Symbol.asyncDispose`, or what tools that know `await using` put in its place. */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);
