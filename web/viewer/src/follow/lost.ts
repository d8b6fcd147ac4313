// Which lines nobody can have any more, of all that was met: remembered for as long as the page lives. Pure.

/** Offsets of one stream, `to` exclusive. */
export interface Stretch {
  readonly stream: string;
  readonly from: number;
  readonly to: number;
}

export class Lost {
  /** The one that was met last is the last. None overlaps another. */
  #stretches: readonly Stretch[] = [];

  get stretches(): readonly Stretch[] {
    return this.#stretches;
  }

  /** How many lines. */
  get lines(): number {
    return this.#stretches.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** What was known of it already counts once. Answers whether there was more. */
  add({ stream, from, to }: Stretch): boolean {
    const before = this.lines;
    const touches = (other: Stretch) => other.stream === stream && other.from <= to && from <= other.to;
    const near = this.#stretches.filter(touches);
    const joined = near.reduce((a, b) => ({ stream, from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }), { stream, from, to });
    this.#stretches = [...this.#stretches.filter((other) => !touches(other)), joined];
    return this.lines > before;
  }
}
