// The running proof of a subscription: what became of every offset that went by. Pure.
//
// Each stretch that a cursor moves over is entered twice, by what the cursor did and by what came for it; that the two agree is
// not taken for granted.
export class Proof {
    #streams = new Map();
    /** The cursor of a stream moved on over so many offsets. */
    passed(stream, offsets, next) {
        const counts = this.#of(stream);
        counts.passed += offsets;
        counts.next = next;
    }
    /** So many lines (or messages, of `miscounted`) were this. */
    enter(stream, what, count) {
        this.#of(stream)[what] += count;
    }
    get streams() {
        return [...this.#streams].map(([stream, counts]) => ({ stream, ...counts }));
    }
    #of(stream) {
        let counts = this.#streams.get(stream);
        if (!counts) {
            counts = { next: 0, passed: 0, received: 0, leftOut: 0, gone: 0, missing: 0, repeated: 0, miscounted: 0 };
            this.#streams.set(stream, counts);
        }
        return counts;
    }
}
/** Whether every line that was due came once: nothing is missing, repeated or miscounted, and the sums agree. */
export function isComplete(proof) {
    const { passed, received, leftOut, gone, missing, repeated, miscounted } = proof;
    return missing + repeated + miscounted === 0 && passed === received + leftOut + gone;
}
