// Counts of a few kinds in buckets of time. Only buckets with lines take room, wherever in time they are, and there are never
// more than so many: the oldest go to coarser buckets then, so that what is new stays fine. Pure.

/** Buckets with lines, of one width. */
const MOST_BUCKETS = 7_200;
/** The share that is given away at once. */
const GIVEN_AWAY = 1 / 4;
/** In seconds; each divides the next. Afterwards they double. */
const WIDTHS = [1, 2, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];

export class Buckets {
  readonly #kinds: number;
  /** Where the oldest go. Without one, buckets become wider. */
  readonly #coarser: Buckets | undefined;
  /** In ms. */
  #width: number;
  /** By number of the bucket since 1970, its place in `#counts`. */
  #places = new Map<number, number>();
  #counts: Uint32Array;
  #floor = -Infinity;

  /** @param kinds how many counts a bucket has. @param width in seconds; it divides that of the coarser ones. */
  constructor(kinds: number, width: number, coarser?: Buckets) {
    this.#kinds = kinds;
    this.#width = width * 1_000;
    this.#coarser = coarser;
    this.#counts = new Uint32Array(64 * kinds);
  }

  /** In ms. */
  get width(): number {
    return this.#width;
  }

  /** In ms since 1970: what is older is in coarser buckets. */
  get floor(): number {
    return this.#floor;
  }

  add(at: number, kind: number, lines: number): void {
    if (this.#coarser && at < this.#floor) {
      this.#coarser.add(at, kind, lines);
      return;
    }
    const bucket = Math.floor(at / this.#width);
    let place = this.#places.get(bucket);
    if (place === undefined) {
      if (this.#places.size >= MOST_BUCKETS) {
        if (this.#coarser) this.#giveAway(this.#coarser);
        else this.#widen();
        this.add(at, kind, lines);
        return;
      }
      place = this.#place(bucket);
    }
    this.#counts[place + kind] = (this.#counts[place + kind] as number) + lines;
  }

  /** Each bucket's beginning in ms, and where its counts stand in `counts`. */
  forEach(visit: (from: number, place: number, counts: Uint32Array) => void): void {
    for (const [bucket, place] of this.#places) visit(bucket * this.#width, place, this.#counts);
  }

  #place(bucket: number): number {
    const place = this.#places.size * this.#kinds;
    if (place >= this.#counts.length) {
      const larger = new Uint32Array(this.#counts.length * 2);
      larger.set(this.#counts);
      this.#counts = larger;
    }
    this.#places.set(bucket, place);
    return place;
  }

  #giveAway(to: Buckets): void {
    const oldest = [...this.#places.keys()].sort((a, b) => a - b).slice(0, Math.ceil(MOST_BUCKETS * GIVEN_AWAY));
    const until = oldest.at(-1) as number;
    this.#floor = (until + 1) * this.#width;
    this.#rebuild((bucket, kind, lines) => (bucket > until ? bucket : void to.add(bucket * this.#width, kind, lines)));
  }

  /** Makes buckets wider until a quarter of them is free. */
  #widen(): void {
    const wider = WIDTHS.find((seconds) => seconds * 1_000 > this.#width);
    const factor = wider === undefined ? 2 : (wider * 1_000) / this.#width;
    this.#width *= factor;
    this.#rebuild((bucket) => Math.floor(bucket / factor));
    if (this.#places.size > MOST_BUCKETS * 0.75) this.#widen();
  }

  /** Puts each count where `where` says, or nowhere. */
  #rebuild(where: (bucket: number, kind: number, lines: number) => number | undefined): void {
    const [places, counts] = [this.#places, this.#counts];
    this.#places = new Map();
    this.#counts = new Uint32Array(counts.length);
    for (const [bucket, from] of places) {
      for (let kind = 0; kind < this.#kinds; kind += 1) {
        const lines = counts[from + kind] as number;
        const there = lines > 0 ? where(bucket, kind, lines) : undefined;
        if (there === undefined) continue;
        const place = (this.#places.get(there) ?? this.#place(there)) + kind;
        this.#counts[place] = (this.#counts[place] as number) + lines;
      }
    }
  }
}
