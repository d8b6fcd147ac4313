// Which offsets of one stream were counted, as runs that grow together, and from when to when their lines are. Pure.

/** Offsets, `to` exclusive, with the times of the first and the last line in ms; `NaN` where none is known. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
}

/** More runs than this are joined where the least lies between. */
const MOST_SPANS = 1_000;

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

  /** These offsets are counted. `start` and `end` are left out where no line shows the time. */
  add(from: number, to: number, start = NaN, end = start): void {
    const last = this.#spans.at(-1);
    if (last && last.to === from) {
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

  /** Behind a filter each line can be a run of its own. What is between them did not match, and does not come. */
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
  const starts = all.filter(({ start }) => !Number.isNaN(start)).sort((a, b) => a.from - b.from);
  const ends = all.filter(({ end }) => !Number.isNaN(end)).sort((a, b) => a.to - b.to);
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
