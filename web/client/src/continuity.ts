// Every line once, in order: which offset comes next in each stream, and what is wrong when another one comes. Pure.

import type { FaultEvent, Line } from "./events.js";
import { isOffset } from "./messages.js";
import type { Gap, Lines, Live } from "./messages.js";

/** What is new in a frame of lines. */
export interface Accepted {
  readonly first: number;
  readonly next: number;
  readonly lines: readonly Line[];
  readonly faults: readonly FaultEvent[];
}

/** The cursors of one subscription. */
export class Continuity {
  readonly #next = new Map<string, number>();
  readonly #filtered: boolean;

  /** @param filtered frames then leave lines out, so that a hole cannot be told from what does not match. */
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
    if (!this.#next.has(stream)) this.#next.set(stream, cursor);
  }

  /** Goes on elsewhere, because the consumer said so. */
  move(stream: string, cursor: number): void {
    this.#next.set(stream, cursor);
  }

  forget(stream: string): void {
    this.#next.delete(stream);
  }

  accept(frame: Lines): Accepted {
    const wanted = this.#next.get(frame.stream) ?? frame.first;
    const faults = this.#faults(frame, wanted);
    const lines = this.#lines(frame).filter(({ offset }) => offset >= wanted);
    this.#next.set(frame.stream, Math.max(wanted, frame.next));
    return { first: Math.max(wanted, frame.first), next: Math.max(wanted, frame.next), lines, faults };
  }

  #faults({ stream, first, next, lines }: Lines, wanted: number): FaultEvent[] {
    const faults: FaultEvent[] = [];
    if (!this.#filtered && first > wanted) faults.push(missing(stream, wanted, first));
    if (first < wanted && next > first) {
      faults.push({ type: "fault", kind: "repeated", stream, from: first, to: Math.min(wanted, next) });
    }
    const miscounted = this.#filtered ? !areWithin(lines, first, next) : next - first !== lines.length;
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
    return this.#told(stream, from, to);
  }

  /** The head is reached: nothing may be outstanding. */
  live({ stream, next }: Live): FaultEvent[] {
    return this.#told(stream, next, next);
  }

  #told(stream: string, from: number, to: number): FaultEvent[] {
    const wanted = this.#next.get(stream) ?? from;
    this.#next.set(stream, Math.max(wanted, to));
    return !this.#filtered && from > wanted ? [missing(stream, wanted, from)] : [];
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
