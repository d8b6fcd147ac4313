// Whether anybody is still there at the other end. Pure: the caller has the clock.
//
// A browser is not told of WebSocket pings, and a connection whose other end vanished (a laptop that slept, a network
// that changed) looks like one on which nothing happens. So when nothing was heard for a heartbeat the server is asked
// for a sign, if it knows how to give one.
/** Silence while an answer is awaited. */
const SILENCE_MS = 15_000;
/** For any answer, however much else is said. */
const ANSWER_MS = 60_000;
export class Watch {
    #heard;
    /** When each request was sent that was not answered yet. */
    #asked = new Map();
    #heartbeat;
    constructor(now) {
        this.#heard = now;
    }
    /** From now on the server can be asked for a sign of life, after so much silence (ms). */
    canAsk(heartbeat) {
        this.#heartbeat = heartbeat;
    }
    cannotAsk() {
        this.#heartbeat = undefined;
    }
    /** Whether it makes sense to ask for one now. */
    get mayAsk() {
        return this.#heartbeat !== undefined && this.#asked.size === 0;
    }
    heard(now) {
        this.#heard = now;
    }
    asked(key, now) {
        if (!this.#asked.has(key))
            this.#asked.set(key, now);
    }
    answered(key) {
        this.#asked.delete(key);
    }
    /** Answered, whatever was asked of it. */
    refused(id) {
        for (const key of this.#asked.keys()) {
            if (key.endsWith(`:${id}`))
                this.#asked.delete(key);
        }
    }
    verdict(now) {
        const oldest = Math.min(...this.#asked.values());
        const silentSince = Math.max(this.#heard, oldest);
        if (this.#asked.size > 0 && (now - silentSince > SILENCE_MS || now - oldest > ANSWER_MS))
            return "dead";
        return this.mayAsk && now - this.#heard >= (this.#heartbeat ?? 0) ? "ask" : "fine";
    }
}
