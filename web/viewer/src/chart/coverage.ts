// Which offsets of one stream were counted, as runs that grow together, and from when to when their lines are. Pure.

/** Offsets, `to` exclusive, with the times of the first and the last line in ms; `NaN` where none is known. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
}

/** Offsets between two runs. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** The time of the first line known after it, in ms; `NaN` where none is known. */
  readonly before: number;
}

/**
 * So many runs stay exact: a reader would have to go to as many places that are far from each other. With more, those with the
 * least between them are joined, and what is between counts as counted.
 */
const MOST_SPANS = 10_000;

export class Coverage {
  #spans: Span[] = [];

  /** In the order of offsets, with something between each two. */
  get spans(): readonly Span[] {
    return this.#spans;
  }

  has(offset: number): boolean {
    // Nearly always it is new, at the end.
    const last = this.#spans.at(-1);
    if (!last || offset >= last.to) return false;
    const span = this.#spans[this.#indexFor(offset)];
    return span !== undefined && span.from <= offset && offset < span.to;
  }

  /** Whether one of these offsets is counted. */
  hasAny(from: number, to: number): boolean {
    const span = this.#spans[this.#indexFor(from)];
    return span !== undefined && span.from < to;
  }

  /** What is not counted from an offset on, up to the last one that is; the newest first. */
  *gaps(from: number): Generator<Gap> {
    let before = NaN;
    for (let i = this.#spans.length - 1; i >= 0; i -= 1) {
      const span = this.#spans[i] as Span;
      if (span.from <= from) return;
      before = known(span.start, before);
      const low = Math.max(from, this.#spans[i - 1]?.to ?? 0);
      if (low < span.from) yield { from: low, to: span.from, before };
    }
  }

  /** From this offset on, nothing is counted any more. */
  cut(from: number): void {
    this.#spans = this.#spans.filter((span) => span.from < from).map((span) => (span.to > from ? { ...span, to: from } : span));
  }

  /**
   * These offsets are counted: among them are all lines of the stream from `start` to `end`, none where `from` is `to`. Both
   * times are left out where no line shows them.
   */
  add(from: number, to: number, start = NaN, end = start): void {
    const last = this.#spans.at(-1);
    if (last && last.to === from && last.from < from) {
      this.#spans[this.#spans.length - 1] = { from: last.from, to, start: known(last.start, start), end: known(end, last.end) };
      return;
    }
    const index = this.#indexFor(from - 1);
    let until = index;
    while (until < this.#spans.length && (this.#spans[until] as Span).from <= to) until += 1;
    const joined = joinedSpan({ from, to, start, end }, this.#spans.slice(index, until));
    this.#spans.splice(index, until - index, joined);
    if (this.#spans.length > MOST_SPANS) this.#thin();
  }

  /** The first run that ends after an offset. */
  #indexFor(offset: number): number {
    let [low, high] = [0, this.#spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#spans[middle] as Span).to > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Joins half of the runs with their neighbours, the closest ones. */
  #thin(): void {
    const gaps = this.#spans.slice(1).map((span, i) => span.from - (this.#spans[i] as Span).to);
    const limit = gaps.toSorted((a, b) => a - b)[gaps.length >> 1] as number;
    const thinned: Span[] = [];
    for (const span of this.#spans) {
      const last = thinned.at(-1);
      if (last && span.from - last.to <= limit) thinned[thinned.length - 1] = joinedSpan(last, [span]);
      else thinned.push(span);
    }
    this.#spans = thinned;
  }
}

/** One run over all of these. */
function joinedSpan(span: Span, others: readonly Span[]): Span {
  const all = [...others, span];
  const starts = all.filter(({ start }) => !Number.isNaN(start)).sort((a, b) => a.from - b.from || a.start - b.start);
  const ends = all.filter(({ end }) => !Number.isNaN(end)).sort((a, b) => a.to - b.to || a.end - b.end);
  return {
    from: all.reduce((least, { from }) => Math.min(least, from), Infinity),
    to: all.reduce((most, { to }) => Math.max(most, to), -Infinity),
    start: starts[0]?.start ?? NaN,
    end: ends.at(-1)?.end ?? NaN,
  };
}

function known(time: number, other: number): number {
  return Number.isNaN(time) ? other : time;
}
