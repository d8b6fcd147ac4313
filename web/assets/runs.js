// Lines that the page let go of, remembered in their order as runs of offsets, so that they can be loaded again.
// Pure. An item is either a run { stream, from, to } (`to` exclusive) or { entry }: a row that no store can give back.

/** Beyond this, runs are put together by stream: every line is still remembered, the order between streams is not. */
const MOST_ITEMS = 20_000;
const MOST_ENTRIES = 1_000;

export class Runs {
  #items = [];
  #lines = 0;

  /** How many lines. */
  get lines() {
    return this.#lines;
  }

  get isEmpty() {
    return this.#items.length === 0;
  }

  /** Adds an item behind the others. */
  push(item) {
    const last = this.#items.at(-1);
    if (last && !item.entry && last.stream === item.stream && last.to === item.from) last.to = item.to;
    else this.#items.push({ ...item });
    this.#lines += size(item);
    if (this.#items.length > MOST_ITEMS) this.#coalesce();
  }

  /** Adds all of another's items behind the own ones. */
  append(other) {
    for (const item of other.#items) this.push(item);
  }

  /** Takes out the last items, `count` lines at most. */
  takeLast(count) {
    const taken = [];
    while (this.#items.length > 0 && (count > 0 || size(this.#items.at(-1)) === 0)) {
      const last = this.#items.pop();
      const cut = Math.max(last.from, last.to - count);
      if (!last.entry && cut > last.from) {
        this.#items.push({ ...last, to: cut });
        last.from = cut;
      }
      taken.unshift(last);
      count -= size(last);
      this.#lines -= size(last);
    }
    return taken;
  }

  /** Takes out the first items, `count` lines at most. */
  takeFirst(count) {
    const taken = [];
    let whole = 0;
    while (whole < this.#items.length && (count > 0 || size(this.#items[whole]) === 0)) {
      const first = this.#items[whole];
      const cut = Math.min(first.to, first.from + count);
      if (!first.entry && cut < first.to) {
        taken.push({ ...first, to: cut });
        this.#lines -= cut - first.from;
        first.from = cut;
        break;
      }
      whole += 1;
      taken.push(first);
      count -= size(first);
      this.#lines -= size(first);
    }
    this.#items.splice(0, whole);
    return taken;
  }

  #coalesce() {
    const entries = this.#items.filter((item) => item.entry).slice(-MOST_ENTRIES);
    const runs = this.#items.filter((item) => !item.entry);
    runs.sort((a, b) => (a.stream === b.stream ? a.from - b.from : a.stream < b.stream ? -1 : 1));
    this.#items = [];
    this.#lines = 0;
    for (const run of runs) this.#pushQuietly(run);
    this.#items.push(...entries);
  }

  #pushQuietly(run) {
    const last = this.#items.at(-1);
    if (last && last.stream === run.stream && last.to === run.from) last.to = run.to;
    else this.#items.push(run);
    this.#lines += size(run);
  }
}

function size(item) {
  return item.entry ? 0 : item.to - item.from;
}
