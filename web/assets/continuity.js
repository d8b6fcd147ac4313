// Every line once, in order: which offset comes next in each stream, and what is wrong when another one comes.
// Pure. A fault is { kind: "missing" | "repeated" | "miscounted", stream, from, to }, `to` exclusive.

export class Continuity {
  #next = new Map();

  /** The next offset wanted, by stream. */
  get cursors() {
    return this.#next;
  }

  /** Where a stream begins. One that is known goes on where it was: whatever the server skips is then noticed. */
  begin(stream, cursor) {
    if (!this.#next.has(stream)) this.#next.set(stream, cursor);
  }

  /** Goes on elsewhere, because the server or the reader said so. */
  move(stream, cursor) {
    this.#next.set(stream, cursor);
  }

  forget(stream) {
    this.#next.delete(stream);
  }

  /** What is new in a frame of lines: { first, lines, faults }. */
  accept({ stream, first, next, lines }) {
    const faults = [];
    const wanted = this.#next.get(stream) ?? first;
    if (first > wanted) faults.push({ kind: "missing", stream, from: wanted, to: first });
    if (first < wanted && next > first) {
      faults.push({ kind: "repeated", stream, from: first, to: Math.min(wanted, next) });
    }
    if (next - first !== lines.length) {
      faults.push({ kind: "miscounted", stream, from: first, to: next, count: lines.length });
    }
    const seen = Math.min(Math.max(wanted - first, 0), lines.length);
    this.#next.set(stream, Math.max(wanted, next));
    return { first: first + seen, lines: lines.slice(seen), faults };
  }

  /** A gap that the server names. It explains what is missing between its ends, and nothing else. */
  gap({ stream, from, to }) {
    const wanted = this.#next.get(stream) ?? from;
    this.#next.set(stream, Math.max(wanted, to));
    return from > wanted ? [{ kind: "missing", stream, from: wanted, to: from }] : [];
  }

  /** The head is reached: nothing may be outstanding. */
  live({ stream, next }) {
    const wanted = this.#next.get(stream) ?? next;
    this.#next.set(stream, Math.max(wanted, next));
    return next > wanted ? [{ kind: "missing", stream, from: wanted, to: next }] : [];
  }
}
