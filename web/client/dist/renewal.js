// A new token for a session that is open, in time. Knows the messages about it, not the connection.
import { TailcastError, words } from "./errors.js";
/** Between two questions for a token: those that live shorter than the server's notice would be asked for at once. */
const LEAST_MS = 1_000;
const MOST_MS = 10_000;
export class Renewal {
    /** The `id` of its requests. */
    static ID = "refresh";
    #tokens;
    #events;
    #expiresAt = new Date(0);
    /** When a token was last asked for. */
    #askedAt = -Infinity;
    #sent;
    #timer;
    /** Made anew when the session ends. */
    #era = {};
    constructor(tokens, events) {
        this.#tokens = tokens;
        this.#events = events;
    }
    /** The server says that the token ends soon. */
    expiring(at) {
        this.#expiresAt = at;
        if (!this.#tokens.renewable) {
            return this.#warn(`The token ends at ${at.toISOString()}.`);
        }
        this.#again(Date.now() - this.#askedAt < 2 * MOST_MS ? this.#wait() : 0);
    }
    isAbout(message) {
        return (message.type === "done" || message.type === "error") && message.id === Renewal.ID;
    }
    answered(message) {
        if (message.type === "done" || this.#sent === undefined)
            return;
        if (message.code === "bad_token")
            this.#tokens.drop(this.#sent, "refused");
        this.#events.problem(new TailcastError(message.code, message.message));
        this.#again(this.#wait());
    }
    /** The session is over. */
    stop() {
        this.#era = {};
        clearTimeout(this.#timer);
    }
    #wait() {
        // Half of what is left, so that there is time for another attempt; the two clocks may differ.
        const left = (this.#expiresAt.getTime() - Date.now()) / 2;
        return Math.min(MOST_MS, Math.max(LEAST_MS, left));
    }
    #again(after) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.#ask(), after);
    }
    async #ask() {
        const era = this.#era;
        this.#askedAt = Date.now();
        try {
            const token = await this.#tokens.renew();
            if (era !== this.#era)
                return;
            this.#sent = token;
            this.#events.refresh(token);
        }
        catch (error) {
            if (era !== this.#era)
                return;
            this.#warn(`The token ends soon. ${words(error)}`);
            this.#again(this.#wait());
        }
    }
    #warn(message) {
        this.#events.problem(new TailcastError("token_expiring", message, { expiresAt: this.#expiresAt }));
    }
}
