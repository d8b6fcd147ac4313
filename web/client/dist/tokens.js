// The token, and where another one comes from.
import { TailcastError, words } from "./errors.js";
import { isObject } from "./messages.js";
/** For the provider. */
const PROVIDER_MS = 30_000;
/** Between the server's clock and this one. */
const TOLERANCE_MS = 30_000;
export class Tokens {
    #provider;
    #current;
    /** Why the next one is wanted, while there is none. */
    #why = "first";
    /** It is of no use any more: given again, it means that there is no other. */
    #useless;
    /** One question at a time. */
    #asking;
    constructor(source) {
        if (typeof source === "string")
            this.#current = source;
        else
            this.#provider = source;
    }
    /** Whether there may be another one. */
    get renewable() {
        return this.#provider !== undefined;
    }
    /** The one in use, or a new one when there is none. Fails with `no_token` when there is no other. */
    get() {
        if (this.#current !== undefined)
            return Promise.resolve(this.#current);
        return this.#ask(this.#why);
    }
    /** Another one than that in use, which stays in use until then. */
    renew() {
        return this.#ask("expiring");
    }
    /** This one is of no use any more: it ended, or the server refused it. */
    drop(token, why) {
        if (!this.#provider || token !== this.#current)
            return;
        this.#current = undefined;
        this.#why = why;
        this.#useless = token;
    }
    /** This one may be of no use any more. The same one is good enough, should it be given again. */
    doubt(token) {
        if (!this.#provider || token !== this.#current)
            return;
        this.#current = undefined;
        this.#why = "unreachable";
    }
    #ask(why) {
        this.#asking ??= this.#asked(why).finally(() => {
            this.#asking = undefined;
        });
        return this.#asking;
    }
    async #asked(why) {
        const token = await inTime(async () => this.#provider?.(why));
        if (!token || token === this.#useless || (why === "expiring" && token === this.#current)) {
            throw new TailcastError("no_token", "There is no other token.");
        }
        this.#current = token;
        return token;
    }
}
/** Whether a token says of itself that it has ended, a while ago. The server decides; the two clocks may differ. */
export function hasEnded(token, now) {
    try {
        const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
        return isObject(claims) && typeof claims["exp"] === "number" && claims["exp"] * 1000 + TOLERANCE_MS < now;
    }
    catch {
        return false;
    }
}
async function inTime(ask) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("it did not come in time")), PROVIDER_MS);
    });
    try {
        return await Promise.race([ask(), late]);
    }
    catch (error) {
        throw new TailcastError("away", `A token could not be had: ${words(error)}.`);
    }
    finally {
        clearTimeout(timer);
    }
}
