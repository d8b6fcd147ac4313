// Starts the worker from its file. Not for tests: only a bundler knows the file's name.

import address from "./worker.ts?worker&url";
import type { WorkerLike } from "./watched.ts";

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (address: string) => string }): { createScriptURL(address: string): unknown };
}

let trusted: unknown;

/** The page's policy lets no text become a script's address, but for this one. */
function trustedAddress(): unknown {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  // Once: a second policy of the same name is refused.
  return (trusted ??=
    trustedTypes?.createPolicy("tailcast-worker", { createScriptURL: () => address }).createScriptURL(address) ?? address);
}

export function startWorker(): WorkerLike {
  return new Worker(trustedAddress() as string, { type: "module", name: "find" });
}
