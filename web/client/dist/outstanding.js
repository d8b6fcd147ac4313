// How many lines of a subscription are still to come, as far as the server said: up to the heads, and behind a pause. Pure.
export class Outstanding {
    /** Heads of the streams that did not reach theirs yet. */
    #heads = new Map();
    /** Lines that wait at the server while it is paused, by stream. */
    #behind = new Map();
    /** The stream's head is there, and not reached. */
    expect(stream, head) {
        this.#heads.set(stream, head);
    }
    /** The same, for a stream that begins anew before a place that it had reached. */
    expectAgain(stream, reached) {
        this.#heads.set(stream, Math.max(reached, this.#heads.get(stream) ?? 0));
    }
    /** The stream's head is reached. */
    reached(stream) {
        this.#heads.delete(stream);
    }
    /** So many lines of the stream wait behind the pause. */
    waits(stream, count) {
        this.#behind.set(stream, count);
    }
    /** Nothing waits behind a pause any more. */
    flows() {
        this.#behind.clear();
    }
    forget(stream) {
        this.#heads.delete(stream);
        this.#behind.delete(stream);
    }
    clear() {
        this.#heads.clear();
        this.#behind.clear();
    }
    /** Whether every head was reached. */
    get none() {
        return this.#heads.size === 0;
    }
    /** Lines up to the heads, from the cursors. */
    remaining(cursors) {
        return sum([...this.#heads].map(([stream, head]) => Math.max(0, head - (cursors.get(stream) ?? head))));
    }
    /** Lines behind the pause. */
    get behind() {
        return sum(this.#behind.values());
    }
}
function sum(numbers) {
    let total = 0;
    for (const number of numbers)
        total += number;
    return total;
}
