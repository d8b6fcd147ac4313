// The rows of a log: bounded, following the newest line or keeping the reader's place. Knows no wire.
//
// What there is of a log, from its front: lines that were let go (`#earlier`), the rows on the page, and what waits
// behind them (`#waiting`, which begins with one `hole` when lines had to be let go there too). Lines move over the
// borders, and none is ever forgotten.

import { element, rowOf } from "./row.js";
import { Runs } from "./runs.js";
import { count } from "./text.js";

/** Rows on the page. Trimmed when there are `SLACK` more. */
const MOST_ROWS = 5_000;
const SLACK = 250;
/** Entries that wait while the reader is elsewhere. */
const MOST_WAITING = 5_000;
/** Lines that one click loads. */
const LOAD = 500;
/** Height around what is being read that stays as it is, in pixels. */
const MARGIN = 1_500;

export class Log {
  #scroller;
  #rows = element("div", "rows");
  #front = element("div", "row note edge");
  #loadLines;
  #changed;
  #entries = new WeakMap();
  #earlier;
  #waiting;
  #frame;
  #following;
  #unseen;
  #lastTop;
  #loading;
  /** Made anew with the log, so that what was asked for an older one is not put into this. */
  #era;
  #showStream;
  /** Of a log of one stream: { stream, first, firstKept }, the offsets where the page and the store begin. */
  #origin;

  /**
   * @param scroller the element that scrolls.
   * @param loadLines (stream, from, to) → promise of { next, lines }.
   * @param changed called with { following, unseen } when either changed.
   */
  constructor({ scroller, loadLines, changed }) {
    this.#scroller = scroller;
    this.#loadLines = loadLines;
    this.#changed = changed;
    scroller.replaceChildren(this.#front, this.#rows);
    scroller.addEventListener("scroll", () => this.#scrolled());
    scroller.addEventListener("wheel", (event) => event.deltaY < 0 && this.#canScroll() && this.#stopFollowing(), { passive: true });
    // Opening a row, and selecting in one, is reading.
    this.#rows.addEventListener("click", (event) => event.target.closest("button") && this.#stopFollowing());
    document.addEventListener("selectionchange", () => {
      const selection = document.getSelection();
      if (!selection.isCollapsed && this.#rows.contains(selection.anchorNode)) this.#stopFollowing();
    });
    new ResizeObserver(() => this.#following && this.#toEnd()).observe(scroller);
    this.clear({ showStream: false });
  }

  /** Begins an empty log. */
  clear({ showStream }) {
    cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.#era = {};
    this.#earlier = new Runs();
    this.#waiting = [];
    this.#following = true;
    this.#unseen = 0;
    this.#lastTop = 0;
    this.#loading = false;
    this.#showStream = showStream;
    this.#origin = undefined;
    this.#rows.replaceChildren();
    this.#tellFront();
    this.#tell();
  }

  /** For a log of one stream: the first offset kept, and the one that this page begins with. */
  begin(stream, firstKept, first) {
    this.#origin = { stream, firstKept, first: this.#origin?.first ?? first };
    this.#tellFront();
  }

  lines(stream, lines) {
    for (const line of lines) this.#waiting.push({ kind: "line", stream, offset: line.offset, line });
    this.#arrived(lines.length);
  }

  /** A row that is no line. `tone`: `info`, `warning` or `error`. */
  note(tone, text) {
    this.#waiting.push({ kind: "note", tone, text });
    this.#arrived(0);
  }

  toLive() {
    this.#following = true;
    this.#unseen = 0;
    this.#flush();
    this.#tell();
  }

  get rowCount() {
    return this.#rows.childElementCount;
  }

  #arrived(lines) {
    if (!this.#following) this.#unseen += lines;
    if (this.#waiting.length > MOST_WAITING + SLACK) this.#letWaitingGo();
    this.#schedule();
  }

  /** A hidden tab gets no frames and a reader may be elsewhere for long: the oldest that wait become a hole. */
  #letWaitingGo() {
    const gone = this.#waiting.splice(0, this.#waiting.length - MOST_WAITING);
    this.#waiting.unshift({ kind: "hole", runs: runsOf(gone) });
  }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#flush();
      this.#tell();
    });
  }

  /** Everything that waits comes onto the page, as far as the reader's place allows. */
  #flush() {
    if (this.#loading) return;
    if (this.#following) {
      this.#put(this.#waiting.splice(0));
      this.#trimFront(this.rowCount - MOST_ROWS);
      this.#toEnd();
      return;
    }
    if (this.#waiting.length === 0) return;
    // Rows above make room only for a reader on the way down: who reads further up may have just loaded them.
    const over = this.rowCount + this.#waiting.length - MOST_ROWS;
    if (over > 0 && this.#toGo() < MARGIN) this.#keepPlace(() => this.#trimFront(Math.min(over, this.#rowsFarAbove())));
    const room = MOST_ROWS - this.rowCount;
    if (room > 0) this.#put(this.#waiting.splice(0, room));
  }

  #put(entries) {
    if (entries.length > 0) this.#rows.append(this.#made(entries));
  }

  #made(entries) {
    const fragment = document.createDocumentFragment();
    for (const entry of entries) {
      const row = entry.kind === "hole" ? this.#holeRow(entry) : rowOf(entry, this.#showStream);
      this.#entries.set(row, entry);
      fragment.append(row);
    }
    return fragment;
  }

  #trimFront(surplus) {
    if (surplus <= 0 || (this.#following && surplus < SLACK)) return;
    const gone = [];
    for (let i = 0; i < surplus; i += 1) {
      const row = this.#rows.firstElementChild;
      gone.push(this.#entries.get(row));
      row.remove();
    }
    this.#earlier.append(runsOf(gone));
    this.#tellFront();
  }

  #trimEnd(surplus) {
    if (surplus <= 0) return;
    const gone = [];
    for (let i = 0; i < surplus; i += 1) {
      const row = this.#rows.lastElementChild;
      gone.push(this.#entries.get(row));
      row.remove();
    }
    gone.reverse();
    if (this.#waiting[0]?.kind === "hole") {
      const runs = runsOf(gone);
      runs.append(this.#waiting.shift().runs);
      this.#waiting.unshift({ kind: "hole", runs });
    } else {
      // As they are, not as runs: whoever jumps to live wants to see the newest lines.
      this.#waiting.unshift(...gone);
      if (this.#waiting.length > MOST_WAITING + SLACK) this.#letWaitingGo();
    }
  }

  /** How many rows end more than the margin above what is seen. */
  #rowsFarAbove() {
    return this.#firstBelow(this.#scroller.getBoundingClientRect().top - MARGIN);
  }

  /** The index of the first row that reaches below `y`. */
  #firstBelow(y) {
    const rows = this.#rows.children;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].getBoundingClientRect().bottom <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Changes rows above or below without moving the row at the top of what is seen. */
  #keepPlace(change) {
    const top = this.#scroller.getBoundingClientRect().top;
    const anchor = this.#rows.children[this.#firstBelow(top)];
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (!anchor?.isConnected) return;
    this.#scroller.scrollTop += anchor.getBoundingClientRect().top - before;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #canScroll() {
    return this.#scroller.scrollHeight > this.#scroller.clientHeight;
  }

  /** Height of the rows below what is seen. */
  #toGo() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #atEnd() {
    return this.#toGo() < 4;
  }

  #scrolled() {
    const top = this.#scroller.scrollTop;
    // Following moves downwards only: the reader has moved up.
    if (this.#following && top < this.#lastTop - 1 && !this.#atEnd()) this.#stopFollowing();
    else if (!this.#following && top > this.#lastTop && this.#toGo() < MARGIN) this.#nearsEnd();
    this.#lastTop = top;
  }

  #nearsEnd() {
    this.#flush();
    if (this.#waiting.length > 0 || !this.#atEnd()) return;
    this.#following = true;
    this.#unseen = 0;
    this.#tell();
  }

  #stopFollowing() {
    if (!this.#following) return;
    this.#following = false;
    this.#tell();
  }

  #tell() {
    this.#changed({ following: this.#following, unseen: this.#unseen });
  }

  /** The row before the first one says what is not on the page. */
  #tellFront(problem) {
    const origin = this.#origin;
    const gone = this.#earlier.lines + (origin ? Math.max(0, origin.first - origin.firstKept) : 0);
    const front = this.#front;
    front.replaceChildren();
    front.hidden = !this.#showStream && !origin;
    if (gone > 0) {
      const text = this.#earlier.lines > 0 ? "not on the page any more" : "in the store";
      front.append(`${count(gone, "earlier line")} ${text}. `, this.#loadButton(gone, () => this.#loadEarlier()));
    } else if (this.#showStream) {
      front.append("This view begins here. Open one stream to read further back.");
    } else {
      front.append(origin?.firstKept > 0 ? "The first line kept." : "The beginning of the stream.");
    }
    if (problem) front.append(element("span", "problem", ` ${problem}`));
  }

  #holeRow(entry, problem) {
    const row = element("div", "row note edge");
    row.append(
      `${count(entry.runs.lines, "line")} not on the page. `,
      this.#loadButton(entry.runs.lines, () => this.#loadHole(row, entry)),
    );
    if (problem) row.append(element("span", "problem", ` ${problem}`));
    return row;
  }

  #loadButton(lines, load) {
    const button = element("button", "load", `Load ${lines > LOAD ? LOAD : "them"}`);
    button.type = "button";
    button.addEventListener("click", load);
    return button;
  }

  async #loadEarlier() {
    if (this.#loading) return;
    this.#stopFollowing();
    const remembered = !this.#earlier.isEmpty;
    const items = remembered ? this.#earlier.takeLast(LOAD) : [before(this.#origin)];
    const era = this.#era;
    const loaded = await this.#load(items, this.#front);
    if (era !== this.#era) return;
    if (loaded.problem) {
      if (remembered) for (const item of items) this.#earlier.push(item);
      this.#tellFront(loaded.problem);
      return;
    }
    if (!remembered) this.#origin.first = items[0].from;
    this.#keepPlace(() => {
      this.#rows.prepend(this.#made(loaded.entries));
      this.#tellFront();
    });
    this.#trimEnd(this.rowCount - MOST_ROWS);
    this.#schedule();
  }

  async #loadHole(row, entry) {
    if (this.#loading) return;
    const items = entry.runs.takeFirst(LOAD);
    const era = this.#era;
    const loaded = await this.#load(items, row);
    if (era !== this.#era) return;
    if (loaded.problem) {
      const runs = new Runs();
      for (const item of items) runs.push(item);
      runs.append(entry.runs);
      entry.runs = runs;
    }
    this.#keepPlace(() => {
      if (!loaded.problem) row.before(this.#made(loaded.entries));
      if (!entry.runs.isEmpty) {
        const next = this.#holeRow(entry, loaded.problem);
        this.#entries.set(next, entry);
        row.before(next);
      }
      row.remove();
      this.#trimFront(Math.min(this.rowCount - MOST_ROWS, this.#rowsFarAbove()));
    });
    this.#schedule();
  }

  /** { entries } in the order of the items, with a note where the store has lines no more; or { problem }. */
  async #load(items, row) {
    this.#loading = true;
    const era = this.#era;
    for (const button of row.querySelectorAll("button")) {
      button.disabled = true;
      button.textContent = "loading…";
    }
    try {
      const found = new Map();
      for (const { stream, from, to } of ranges(items)) {
        const lines = found.get(stream) ?? new Map();
        found.set(stream, lines);
        for (let next = from; next < to; ) {
          const page = await this.#loadLines(stream, next, to);
          for (const line of page.lines) lines.set(line.offset, line);
          if (!(page.next > next)) break;
          next = page.next;
        }
      }
      return { entries: entriesOf(items, found) };
    } catch (error) {
      return { problem: `They could not be loaded: ${error.message}` };
    } finally {
      if (era === this.#era) this.#loading = false;
    }
  }
}

/** The last lines in the store before the page's first one. */
function before({ stream, first, firstKept }) {
  return { stream, from: Math.max(firstKept, first - LOAD), to: first };
}

/** What entries leave behind when they are let go. */
function runsOf(entries) {
  const runs = new Runs();
  for (const entry of entries) {
    if (entry.kind === "line") runs.push({ stream: entry.stream, from: entry.offset, to: entry.offset + 1 });
    else if (entry.kind === "hole") runs.append(entry.runs);
    else runs.push({ entry });
  }
  return runs;
}

/** What to ask for: neighbouring runs of one stream in one request. */
function ranges(items) {
  const runs = items.filter((item) => !item.entry);
  runs.sort((a, b) => (a.stream === b.stream ? a.from - b.from : a.stream < b.stream ? -1 : 1));
  const ranges = [];
  for (const { stream, from, to } of runs) {
    const last = ranges.at(-1);
    if (last?.stream === stream && last.to === from) last.to = to;
    else ranges.push({ stream, from, to });
  }
  return ranges;
}

function entriesOf(items, found) {
  const entries = [];
  for (const { entry, stream, from, to } of items) {
    if (entry) {
      entries.push(entry);
      continue;
    }
    let missing = 0;
    for (let offset = from; offset <= to; offset += 1) {
      const line = offset < to ? found.get(stream)?.get(offset) : undefined;
      if (offset < to && !line) {
        missing += 1;
        continue;
      }
      if (missing > 0) {
        const text = `${count(missing, "line")} of ${stream} (from ${offset - missing}) not kept any more`;
        entries.push({ kind: "note", tone: "warning", text });
        missing = 0;
      }
      if (line) entries.push({ kind: "line", stream, offset, line });
    }
  }
  return entries;
}
