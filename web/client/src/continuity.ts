// Every line once, in order: which offset comes next in each stream, and what is wrong when another one comes. Pure.
//
// One rule: every message of a stream begins where the last one ended, with a filter, too. A filtered frame also stands for the
// lines from its `first` to its `next` that are not in it.

import type { FaultEvent, Line } from "./events.js";
import { isOffset } from "./messages.js";
import type { Gap, Lines, Live } from "./messages.js";
import { Proof } from "./proof.js";

/** What is new in a frame of lines. */
export interface Accepted {
  readonly first: number;
  readonly next: number;
  readonly lines: readonly Line[];
  readonly faults: readonly FaultEvent[];
}

/** So many streams that were taken away are remembered with their cursors; as many as a session may have. */
const TAKEN_AWAY_KEPT = 1_000;

/** The cursors of one subscription. */
export class Continuity {
  readonly #next = new Map<string, number>();
  /** Streams that may not be read any more, in the order in which they were taken away. They keep their cursors. */
  readonly #takenAway = new Set<string>();
  readonly #filtered: boolean;
  /** What became of every offset. */
  readonly proof = new Proof();

  /** @param filtered frames then leave out lines that do not match. */
  constructor(filtered: boolean, cursors: Iterable<readonly [string, number]> = []) {
    this.#filtered = filtered;
    for (const [stream, cursor] of cursors) this.#next.set(stream, cursor);
  }

  /** The next offset wanted, by stream. */
  get cursors(): ReadonlyMap<string, number> {
    return this.#next;
  }

  /** Where a stream begins. One that is known goes on where it was: whatever the server skips is then noticed. */
  begin(stream: string, cursor: number): void {
    this.#takenAway.delete(stream);
    if (!this.#next.has(stream)) this.#next.set(stream, cursor);
  }

  /** Goes on elsewhere, because the consumer said so. */
  move(stream: string, cursor: number): void {
    this.#next.set(stream, cursor);
  }

  /** The token does not allow it any more; another one may, and it goes on where it is. */
  takeAway(stream: string): void {
    if (!this.#next.has(stream)) return;
    this.#takenAway.add(stream);
    const [oldest] = this.#takenAway;
    if (this.#takenAway.size > TAKEN_AWAY_KEPT && oldest !== undefined) this.forget(oldest);
  }

  /** Streams that have a cursor, and may not be read. */
  get takenAway(): ReadonlySet<string> {
    return this.#takenAway;
  }

  /** It is not this subscription's any more. Should it be again, it begins anew. */
  forget(stream: string): void {
    this.#next.delete(stream);
    this.#takenAway.delete(stream);
  }

  accept(frame: Lines): Accepted {
    const wanted = this.#next.get(frame.stream) ?? frame.first;
    const faults = this.#faults(frame, wanted);
    const lines = this.#lines(frame).filter(({ offset }) => offset >= wanted);
    const [first, next] = [Math.max(wanted, frame.first), Math.max(wanted, frame.next)];
    this.#pass(frame.stream, wanted, next, faults);
    this.proof.enter(frame.stream, "received", lines.length);
    if (this.#filtered) this.proof.enter(frame.stream, "leftOut", next - Math.min(first, next) - lines.length);
    return { first, next, lines, faults };
  }

  /** The cursor moves on. */
  #pass(stream: string, wanted: number, next: number, faults: readonly FaultEvent[]): void {
    this.#next.set(stream, next);
    this.proof.passed(stream, next - wanted, next);
    for (const { kind, from, to } of faults) this.proof.enter(stream, kind, kind === "miscounted" ? 1 : to - from);
  }

  #faults({ stream, first, next, lines }: Lines, wanted: number): FaultEvent[] {
    const faults: FaultEvent[] = [];
    if (first > wanted) faults.push(missing(stream, wanted, first));
    if (first < wanted && next > first) {
      faults.push({ type: "fault", kind: "repeated", stream, from: first, to: Math.min(wanted, next) });
    }
    const miscounted = next < first || (this.#filtered ? !areWithin(lines, first, next) : next - first !== lines.length);
    if (miscounted) faults.push({ type: "fault", kind: "miscounted", stream, from: first, to: next, count: lines.length });
    return faults;
  }

  #lines({ first, lines }: Lines): Line[] {
    // Lines are what senders sent and the server put into form; here they only get their offset.
    return lines.map((line, i) => {
      if (!this.#filtered) line["offset"] = first + i;
      return line as unknown as Line;
    });
  }

  /** A gap that the server names. It explains what is missing between its ends, and nothing else. */
  gap({ stream, from, to }: Gap): FaultEvent[] {
    const wanted = this.#next.get(stream) ?? from;
    this.proof.enter(stream, "gone", Math.max(0, to - Math.max(wanted, from)));
    return this.#told(stream, from, to);
  }

  /** The head is reached: nothing may be outstanding. */
  live({ stream, next }: Live): FaultEvent[] {
    return this.#told(stream, next, next);
  }

  #told(stream: string, from: number, to: number): FaultEvent[] {
    const wanted = this.#next.get(stream) ?? from;
    const faults = from > wanted ? [missing(stream, wanted, from)] : [];
    this.#pass(stream, wanted, Math.max(wanted, to), faults);
    return faults;
  }
}

function missing(stream: string, from: number, to: number): FaultEvent {
  return { type: "fault", kind: "missing", stream, from, to };
}

/** Whether each line has an offset of the frame's, and later ones greater offsets. */
function areWithin(lines: Lines["lines"], first: number, next: number): boolean {
  let least = first;
  for (const { offset } of lines) {
    if (!isOffset(offset) || offset < least || offset >= next) return false;
    least = offset + 1;
  }
  return true;
}
