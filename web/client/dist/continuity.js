// Every line once, in order: which offset comes next in each stream, and what is wrong when another one comes. Pure.
//
// One rule: every message of a stream begins where the last one ended, with a filter, too. A filtered frame also stands for the
// lines from its `first` to its `next` that are not in it.
import { isOffset } from "./messages.js";
import { Proof } from "./proof.js";
/** So many streams that were taken away are remembered with their cursors; as many as a session may have. */
const TAKEN_AWAY_KEPT = 1_000;
/** The cursors of one subscription. */
export class Continuity {
    #next = new Map();
    /** Streams that may not be read any more, in the order in which they were taken away. They keep their cursors. */
    #takenAway = new Set();
    #filtered;
    /** What became of every offset. */
    proof = new Proof();
    /** @param filtered frames then leave out lines that do not match. */
    constructor(filtered, cursors = []) {
        this.#filtered = filtered;
        for (const [stream, cursor] of cursors)
            this.#next.set(stream, cursor);
    }
    /** The next offset wanted, by stream. */
    get cursors() {
        return this.#next;
    }
    /** Where a stream begins. One that is known goes on where it was: whatever the server skips is then noticed. */
    begin(stream, cursor) {
        this.#takenAway.delete(stream);
        if (!this.#next.has(stream))
            this.#next.set(stream, cursor);
    }
    /** Goes on elsewhere, because the consumer said so. */
    move(stream, cursor) {
        this.#next.set(stream, cursor);
    }
    /** The token does not allow it any more; another one may, and it goes on where it is. */
    takeAway(stream) {
        if (!this.#next.has(stream))
            return;
        this.#takenAway.add(stream);
        const [oldest] = this.#takenAway;
        if (this.#takenAway.size > TAKEN_AWAY_KEPT && oldest !== undefined)
            this.forget(oldest);
    }
    /** Streams that have a cursor, and may not be read. */
    get takenAway() {
        return this.#takenAway;
    }
    /** It is not this subscription's any more. Should it be again, it begins anew. */
    forget(stream) {
        this.#next.delete(stream);
        this.#takenAway.delete(stream);
    }
    accept(frame) {
        const wanted = this.#next.get(frame.stream) ?? frame.first;
        const faults = this.#faults(frame, wanted);
        const lines = this.#lines(frame).filter(({ offset }) => offset >= wanted);
        const [first, next] = [Math.max(wanted, frame.first), Math.max(wanted, frame.next)];
        this.#pass(frame.stream, wanted, next, faults);
        this.proof.enter(frame.stream, "received", lines.length);
        if (this.#filtered)
            this.proof.enter(frame.stream, "leftOut", next - Math.min(first, next) - lines.length);
        return { first, next, lines, faults };
    }
    /** The cursor moves on. */
    #pass(stream, wanted, next, faults) {
        this.#next.set(stream, next);
        this.proof.passed(stream, next - wanted, next);
        for (const { kind, from, to } of faults)
            this.proof.enter(stream, kind, kind === "miscounted" ? 1 : to - from);
    }
    #faults({ stream, first, next, lines }, wanted) {
        const faults = [];
        if (first > wanted)
            faults.push(missing(stream, wanted, first));
        if (first < wanted && next > first) {
            faults.push({ type: "fault", kind: "repeated", stream, from: first, to: Math.min(wanted, next) });
        }
        const miscounted = next < first || (this.#filtered ? !areWithin(lines, first, next) : next - first !== lines.length);
        if (miscounted)
            faults.push({ type: "fault", kind: "miscounted", stream, from: first, to: next, count: lines.length });
        return faults;
    }
    #lines({ first, lines }) {
        // Lines are what senders sent and the server put into form; here they only get their offset.
        return lines.map((line, i) => {
            if (!this.#filtered)
                line["offset"] = first + i;
            return line;
        });
    }
    /** A gap that the server names. It explains what is missing between its ends, and nothing else. */
    gap({ stream, from, to }) {
        const wanted = this.#next.get(stream) ?? from;
        this.proof.enter(stream, "gone", Math.max(0, to - Math.max(wanted, from)));
        return this.#told(stream, from, to);
    }
    /** The head is reached: nothing may be outstanding. */
    live({ stream, next }) {
        return this.#told(stream, next, next);
    }
    #told(stream, from, to) {
        const wanted = this.#next.get(stream) ?? from;
        const faults = from > wanted ? [missing(stream, wanted, from)] : [];
        this.#pass(stream, wanted, Math.max(wanted, to), faults);
        return faults;
    }
}
function missing(stream, from, to) {
    return { type: "fault", kind: "missing", stream, from, to };
}
/** Whether each line has an offset of the frame's, and later ones greater offsets. */
function areWithin(lines, first, next) {
    let least = first;
    for (const { offset } of lines) {
        if (!isOffset(offset) || offset < least || offset >= next)
            return false;
        least = offset + 1;
    }
    return true;
}
