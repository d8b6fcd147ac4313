/// <reference lib="esnext.disposable" preserve="true" />
/** `Symbol.asyncDispose`, or what tools that know `await using` put in its place. */
export declare const asyncDispose: typeof Symbol.asyncDispose;
