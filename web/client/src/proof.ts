// The running proof of a subscription: what became of every offset that went by. Pure.
//
// Each stretch that a cursor moves over is entered twice, by what the cursor did and by what came for it; that the two agree is
// not taken for granted.

/** What became of the offsets of one stream, as far as it was followed. */
export interface StreamProof {
  readonly stream: string;
  /** The offset that comes next. */
  readonly next: number;
  /** How many offsets went by: those that are `received`, `leftOut`, `gone` and `missing`, when all is well. */
  readonly passed: number;
  /** Lines that came. */
  readonly received: number;
  /** Lines that the filter left out. */
  readonly leftOut: number;
  /** Lines that the server named as gone, in a `gap`. */
  readonly gone: number;
  /** Lines that nobody explained: a `fault`. */
  readonly missing: number;
  /** Lines that came a second time, and were left out: a `fault`. */
  readonly repeated: number;
  /** Messages that were not what they said: a `fault`. */
  readonly miscounted: number;
}

type Counts = { -readonly [Name in Exclude<keyof StreamProof, "stream">]: number };

/** What can be entered beside the way of the cursor. */
export type Entry = Exclude<keyof Counts, "next" | "passed">;

export class Proof {
  readonly #streams = new Map<string, Counts>();

  /** The cursor of a stream moved on over so many offsets. */
  passed(stream: string, offsets: number, next: number): void {
    const counts = this.#of(stream);
    counts.passed += offsets;
    counts.next = next;
  }

  /** So many lines (or messages, of `miscounted`) were this. */
  enter(stream: string, what: Entry, count: number): void {
    this.#of(stream)[what] += count;
  }

  get streams(): StreamProof[] {
    return [...this.#streams].map(([stream, counts]) => ({ stream, ...counts }));
  }

  #of(stream: string): Counts {
    let counts = this.#streams.get(stream);
    if (!counts) {
      counts = { next: 0, passed: 0, received: 0, leftOut: 0, gone: 0, missing: 0, repeated: 0, miscounted: 0 };
      this.#streams.set(stream, counts);
    }
    return counts;
  }
}

/** Whether every line that was due came once: nothing is missing, repeated or miscounted, and the sums agree. */
export function isComplete(proof: Omit<StreamProof, "stream" | "next">): boolean {
  const { passed, received, leftOut, gone, missing, repeated, miscounted } = proof;
  return missing + repeated + miscounted === 0 && passed === received + leftOut + gone;
}
