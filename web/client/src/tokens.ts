// The token, and where another one comes from.

import { TailcastError, words } from "./errors.js";
import { isObject } from "./messages.js";

/**
 * Why a token is asked for: there is none yet, the one in use ends or has ended, the server refused it, or the server could not be
 * reached again and again, of which no browser says why: perhaps another token helps, and the same one is good enough.
 */
export type TokenReason = "first" | "expiring" | "refused" | "unreachable";

/**
 * Gives a token. It has 30 s. Nothing (or the same token again) means that there is no other; a promise that fails is
 * tried again.
 */
export type TokenProvider = (reason: TokenReason) => string | undefined | Promise<string | undefined>;

/** For the provider. */
const PROVIDER_MS = 30_000;
/** Between the server's clock and this one. */
const TOLERANCE_MS = 30_000;

export class Tokens {
  readonly #provider: TokenProvider | undefined;
  #current: string | undefined;
  /** Why the next one is wanted, while there is none. */
  #why: TokenReason = "first";
  /** It is of no use any more: given again, it means that there is no other. */
  #useless: string | undefined;
  /** One question at a time. */
  #asking: Promise<string> | undefined;

  constructor(source: string | TokenProvider) {
    if (typeof source === "string") this.#current = source;
    else this.#provider = source;
  }

  /** Whether there may be another one. */
  get renewable(): boolean {
    return this.#provider !== undefined;
  }

  /** The one in use, or a new one when there is none. Fails with `no_token` when there is no other. */
  get(): Promise<string> {
    if (this.#current !== undefined) return Promise.resolve(this.#current);
    return this.#ask(this.#why);
  }

  /** Another one than that in use, which stays in use until then. */
  renew(): Promise<string> {
    return this.#ask("expiring");
  }

  /** This one is of no use any more: it ended, or the server refused it. */
  drop(token: string, why: "expiring" | "refused"): void {
    if (!this.#provider || token !== this.#current) return;
    this.#current = undefined;
    this.#why = why;
    this.#useless = token;
  }

  /** This one may be of no use any more. The same one is good enough, should it be given again. */
  doubt(token: string): void {
    if (!this.#provider || token !== this.#current) return;
    this.#current = undefined;
    this.#why = "unreachable";
  }

  #ask(why: TokenReason): Promise<string> {
    this.#asking ??= this.#asked(why).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #asked(why: TokenReason): Promise<string> {
    const token = await inTime(async () => this.#provider?.(why));
    if (!token || token === this.#useless || (why === "expiring" && token === this.#current)) {
      throw new TailcastError("no_token", "There is no other token.");
    }
    this.#current = token;
    return token;
  }
}

/** Whether a token says of itself that it has ended, a while ago. The server decides; the two clocks may differ. */
export function hasEnded(token: string, now: number): boolean {
  try {
    const claims: unknown = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
    return isObject(claims) && typeof claims["exp"] === "number" && claims["exp"] * 1000 + TOLERANCE_MS < now;
  } catch {
    return false;
  }
}

async function inTime<T>(ask: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it did not come in time")), PROVIDER_MS);
  });
  try {
    return await Promise.race([ask(), late]);
  } catch (error) {
    throw new TailcastError("away", `A token could not be had: ${words(error)}.`);
  } finally {
    clearTimeout(timer);
  }
}
