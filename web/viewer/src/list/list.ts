// The virtual list: paints the window of the log that can be seen, and moves it. Follows the rear, or keeps the reader's
// place whatever comes and goes around it. Scrolls by itself: a browser's scrolling knows no log that grows at both ends.
// Knows no server, and not what a row shows.

import type { Buffer, Place } from "../buffer/buffer.ts";
import type { Chunk } from "../buffer/chunk.ts";
import type { Entry, HoleEntry, LineEntry } from "../buffer/entry.ts";
import { type Anchor, type Measures, clamped, far, fits, gaps, spanAround } from "./anchor.ts";
import { Painter, type Rows } from "./painter.ts";

/** What the list tells. */
export interface ListEvents {
  /** It follows, or has stopped. */
  followed(following: boolean): void;
  /** A hole comes near: it is below (`start`) or above (`end`) what is read. */
  hole(hole: HoleEntry, side: "start" | "end"): void;
  /** A frame was drawn: the rows that can be seen, and how many there are. */
  drawn(window: Drawn): void;
}

export interface Drawn {
  readonly first: number;
  readonly visible: readonly Place[];
  readonly rows: number;
}

/** Rows above and below the window in which holes are noticed. */
const LOOKOUT = 80;
/** A row that opens is seen to do so when there is room for so many rows. */
const IN_SIGHT = 3;
/** Rows that stay painted because a selection begins or ends in them. */
const PINNED = 400;

export class List<R extends { readonly element: HTMLElement }> {
  readonly #window: HTMLElement;
  readonly #content: HTMLElement;
  readonly #painter: Painter<R>;
  readonly #events: ListEvents;
  #buffer: Buffer;
  #measures: Measures;
  #following = true;
  #anchor: Anchor | undefined;
  /** What the last frame showed: where to go on when the anchor's chunk is gone. */
  #visible: readonly Anchor[] = [];
  #frame: number | undefined;
  /** What has grown since the last frame. */
  #fitting: Entry | undefined;
  #fittingBelow = 0;
  /** The reader moved the window downward since the last frame. */
  #downward = false;
  /** How tall the rows of the last frame were together. */
  #height = 0;
  /** The reader was brought here and has not moved since: the place is one of the window, not of the page. */
  #brought = false;
  /** Where the window begins on the page. */
  #origin: number | undefined;

  /** @param window the element that shows the log; @param content the one in it that holds the rows. */
  constructor(window: HTMLElement, content: HTMLElement, buffer: Buffer, rows: Rows<R>, events: ListEvents) {
    this.#window = window;
    this.#content = content;
    this.#painter = new Painter(content, rows);
    this.#buffer = buffer;
    this.#events = events;
    this.#measures = { height: window.clientHeight, row: 20 };
  }

  get following(): boolean {
    return this.#following;
  }

  get measures(): Measures {
    return this.#measures;
  }

  /** The chunk that is read; none while the rear is followed. */
  get reading(): Chunk | undefined {
    return this.#following ? undefined : this.#anchor?.place.chunk;
  }

  /** The line that can be seen nearest to so far from the window's top (a share of its height): `bring` puts it back there. */
  lineNear(share: number): LineEntry | undefined {
    const wanted = this.#measures.height * share;
    let nearest: { readonly entry: LineEntry; readonly off: number } | undefined;
    for (const { place, top } of this.#visible) {
      const off = Math.abs(top - wanted);
      if (place.entry.kind === "line" && (!nearest || off < nearest.off)) nearest = { entry: place.entry, off };
    }
    return nearest?.entry;
  }

  placeAt(target: EventTarget | Node | null): Place | undefined {
    return this.#painter.placeAt(target);
  }

  /** Shows another log, from its rear. */
  open(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#anchor = undefined;
    this.#visible = [];
    this.follow();
  }

  /**
   * The window has another size, or rows have: the row that was at the top stays there, whatever its height is now. When
   * what is above the window grows, the rows stay where they are on the page.
   */
  measured(measures: Measures): void {
    const origin = this.#window.getBoundingClientRect().top;
    const down = origin - (this.#origin ?? origin);
    if (this.#anchor && !this.#brought) this.#anchor = { place: this.#anchor.place, top: this.#anchor.top - down };
    this.#origin = origin;
    this.#measures = measures;
    this.invalidate();
  }

  /** Rows may have another height: a reader opened something in one. What stands where now is what stays. */
  resized(): void {
    if (this.#following || this.#frame !== undefined) return;
    if (Math.abs(this.#content.getBoundingClientRect().height - this.#height) < 0.5) return;
    this.#visible = this.#look();
    this.#anchor = pick(this.#visible) ?? this.#anchor;
    this.invalidate();
  }

  /** Draws with the next frame. */
  invalidate(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw();
    });
  }

  /** Draws what waits for the next frame at once. */
  flush(): void {
    if (this.#frame === undefined) return;
    cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.#draw();
  }

  destroy(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
  }

  // --- moving

  follow(): void {
    this.#setFollowing(true);
    this.#anchor = undefined;
    this.invalidate();
  }

  /** Stays where it is. */
  stop(): void {
    if (!this.#following) return;
    this.#visible = this.#look();
    this.#anchor = pick(this.#visible);
    if (!this.#anchor) return;
    this.#brought = false;
    this.#setFollowing(false);
  }

  /** Moves the window, in pixels; downward is positive. */
  scrollBy(pixels: number): void {
    if (pixels === 0 || (this.#following && pixels > 0)) return;
    if (this.#following && !this.#scrollable()) return;
    this.stop();
    if (!this.#anchor) return;
    this.#brought = false;
    this.#downward = pixels > 0;
    this.#anchor = { place: this.#anchor.place, top: this.#anchor.top - pixels };
    this.invalidate();
  }

  /** Shows a row at the window's top; `row` may be between two. */
  scrollToRow(row: number): void {
    const place = this.#buffer.at(Math.floor(row));
    if (!place) return;
    this.#setFollowing(false);
    this.#brought = row === 0;
    this.#downward = true;
    this.#anchor = { place, top: -(row % 1) * this.#measures.row };
    this.invalidate();
  }

  /** Shows a place: where it is if it can be seen, else so far from the window's top (a share of its height). */
  reveal(place: Place, share = 1 / 3): void {
    const seen = this.#look().find((anchor) => anchor.place.entry === place.entry);
    if (seen && seen.top >= 0 && seen.top + this.#measures.row <= this.#measures.height) {
      this.stop();
      return;
    }
    this.bring(place, share);
  }

  /**
   * A row has grown: when nothing of that can be seen, the window goes down to it with the next frame, as far as the row fits.
   * @param below so many rows were put below it.
   */
  fit(place: Place, below = 0): void {
    this.stop();
    this.#fitting = place.entry;
    this.#fittingBelow = below;
    this.invalidate();
  }

  /** Puts a place so far from the window's top, wherever it is now. */
  bring(place: Place, share: number): void {
    this.#setFollowing(false);
    this.#brought = true;
    this.#anchor = { place, top: Math.round(this.#measures.height * share) };
    this.invalidate();
  }

  #setFollowing(following: boolean): void {
    if (this.#following === following) return;
    this.#following = following;
    this.#events.followed(following);
  }

  #scrollable(): boolean {
    return this.#content.scrollHeight > this.#measures.height;
  }

  // --- drawing

  #draw(): void {
    const rows = this.#buffer.length;
    if (this.#following) this.#drawRear(rows);
    else this.#drawAround(rows);
  }

  /** The last rows, their bottom at the window's: nothing need be measured. */
  #drawRear(rows: number): void {
    const count = Math.min(rows, fits(this.#measures));
    const places = this.#buffer.slice(rows - count, count);
    this.#painter.paint(places);
    this.#content.classList.add("rear");
    this.#content.style.removeProperty("transform");
    this.#events.drawn({ first: rows - count, visible: places, rows });
    this.#notice(rows - count, count);
  }

  #drawAround(rows: number): void {
    this.#content.classList.remove("rear");
    const anchor = this.#near(this.#standing());
    const row = anchor && this.#buffer.rowOf(anchor.place);
    if (!anchor || row === undefined || rows === 0) {
      this.follow();
      return;
    }
    const at = Math.min(row, rows - 1);
    const span = this.#pinned(spanAround(at, anchor.top, this.#measures, rows));
    const places = this.#buffer.slice(span.first, span.count);
    this.#painter.paint(places);
    const tops = this.#tops();
    const wanted = anchor.top - (tops[at - span.first] ?? 0);
    const { top, end } = clamped(wanted, { span, tops, rows }, this.#measures.height);
    if (end && this.#downward) {
      this.#downward = false;
      this.follow();
      return;
    }
    this.#downward = false;
    const drawn = this.#onPixels(top);
    this.#content.style.setProperty("transform", `translateY(${drawn}px)`);
    this.#height = tops.at(-1) ?? 0;
    this.#visible = this.#anchors(places, tops, drawn);
    this.#anchor = pick(this.#visible) ?? anchor;
    const [first] = this.#visible;
    const above = first ? places.indexOf(first.place) : 0;
    this.#events.drawn({ first: span.first + Math.max(0, above), visible: this.#visible.map(({ place }) => place), rows });
    this.#notice(span.first, span.count);
    this.#fit();
    // An end of the log was pulled to the window's: there may be room for rows that were not painted.
    if (gaps(top, { span, tops, rows }, this.#measures.height)) this.invalidate();
  }

  #fit(): void {
    const row = this.#fitting && this.#painter.elementOf(this.#fitting)?.getBoundingClientRect();
    this.#fitting = undefined;
    if (!row) return;
    const top = row.top - this.#window.getBoundingClientRect().top;
    const { height, row: one } = this.#measures;
    // What is seen to open stays in its place.
    if (height - top >= IN_SIGHT * one) return;
    const below = Math.min(top + row.height + this.#fittingBelow * one - height, top);
    if (below > 0) this.scrollBy(Math.ceil(below));
  }

  /** The anchor, or what was seen next to it when it is not shown any more; where nothing of that is, when its chunk is gone. */
  #standing(): Anchor | undefined {
    const shown = ({ place }: Anchor) => this.#buffer.shows(place);
    const there = ({ place }: Anchor) => this.#buffer.rowOf(place) !== undefined;
    const anchors = this.#anchor ? [this.#anchor, ...this.#visible] : this.#visible;
    return anchors.find(shown) ?? anchors.find(there);
  }

  #near(anchor: Anchor | undefined): Anchor | undefined {
    const over = anchor ? far(anchor.top, this.#measures) : 0;
    if (!anchor || over === 0) return anchor;
    const row = (this.#buffer.rowOf(anchor.place) ?? 0) + over;
    const place = this.#buffer.at(Math.max(0, Math.min(this.#buffer.length - 1, row)));
    return place ? { place, top: 0 } : anchor;
  }

  /** Rows in which the reader's selection begins or ends stay painted. */
  #pinned({ first, count }: { first: number; count: number }): { first: number; count: number } {
    const selection = getSelection();
    if (!selection || selection.isCollapsed) return { first, count };
    let [from, to] = [first, first + count];
    for (const node of [selection.anchorNode, selection.focusNode]) {
      const place = this.#painter.placeAt(node);
      const row = place && this.#buffer.rowOf(place);
      if (row === undefined || row < first - PINNED || row > first + count + PINNED) continue;
      from = Math.min(from, row);
      to = Math.max(to, row + 1);
    }
    return { first: from, count: to - from };
  }

  /** Not `offsetTop`, which is rounded: open rows may end between two pixels. */
  #tops(): number[] {
    const boxes = Array.from(this.#content.children, (element) => element.getBoundingClientRect());
    const [first] = boxes;
    const last = boxes.at(-1);
    return first && last ? [...boxes, { top: last.bottom }].map(({ top }) => top - first.top) : [0];
  }

  /** Text is sharp where rows begin on a pixel of the screen, as they do while the rear is followed. */
  #onPixels(top: number): number {
    const origin = this.#window.getBoundingClientRect().top;
    return Math.round(origin + top) - origin;
  }

  #anchors(places: readonly Place[], tops: readonly number[], top: number): Anchor[] {
    const seen: Anchor[] = [];
    places.forEach((place, i) => {
      const [from, to] = [top + (tops[i] ?? 0), top + (tops[i + 1] ?? 0)];
      if (to > 0 && from < this.#measures.height) seen.push({ place, top: from });
    });
    return seen;
  }

  /** What can be seen now, measured. */
  #look(): Anchor[] {
    const top = this.#window.getBoundingClientRect().top;
    const seen: Anchor[] = [];
    for (const element of this.#content.children) {
      const place = this.#painter.placeAt(element);
      const box = element.getBoundingClientRect();
      if (place && box.bottom > top && box.top < top + this.#measures.height) seen.push({ place, top: box.top - top });
    }
    return seen;
  }

  #notice(first: number, count: number): void {
    const around = this.#buffer.slice(Math.max(0, first - LOOKOUT), count + Math.min(first, LOOKOUT) + LOOKOUT);
    const middle = this.#anchor ? around.findIndex(({ entry }) => entry === this.#anchor?.place.entry) : around.length;
    around.forEach(({ entry }, i) => {
      if (entry.kind === "hole") this.#events.hole(entry, i < middle ? "end" : "start");
    });
  }
}

/** A line that can be seen whole (but for a part of a pixel), or in part: holes and notes may be gone with the next frame. */
function pick(visible: readonly Anchor[]): Anchor | undefined {
  const lines = visible.filter(({ place }) => place.entry.kind === "line");
  return lines.find(({ top }) => top > -1) ?? lines[0] ?? visible[0];
}
