// Seeks that were asked for on one connection, in order, until the server answers each.
import { TailcastError } from "./errors.js";
export class Seeks {
    /** By the subscription's id: the server answers those of one in the order in which they were sent. */
    #waiting = new Map();
    add(id, seek) {
        this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), seek]);
    }
    /** The one that the server answers now. */
    next(id) {
        const seeks = this.#waiting.get(id);
        const seek = seeks?.shift();
        if (seeks?.length === 0)
            this.#waiting.delete(id);
        return seek;
    }
    /** No answer comes any more. */
    abandon() {
        const seeks = [...this.#waiting.values()].flat();
        this.#waiting.clear();
        for (const { stream, reject } of seeks) {
            reject(new TailcastError("offline", "The connection ended before the answer came.", { stream }));
        }
    }
}
