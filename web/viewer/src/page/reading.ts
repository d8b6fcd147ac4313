// One open view: what is followed, and what the reader does in it. The rows themselves are painted beside Svelte (they
// change sixty times a second); what stands around them is told by `version`, a few times a second.

import type { Client, SubscriptionState } from "tailcast-client";
import type { Column, View } from "../address/view.ts";
import { isMany } from "../address/view.ts";
import type { Place } from "../buffer/buffer.ts";
import type { HoleEntry, LineEntry, Stream } from "../buffer/entry.ts";
import { Counting } from "../chart/counting.ts";
import { Histogram } from "../chart/histogram.ts";
import { Seen } from "../filter/seen.ts";
import type { Direction, Edge } from "../find/beyond.ts";
import { edges } from "../find/edges.ts";
import type { Side } from "../follow/holes.ts";
import type { Continues } from "../follow/lines.ts";
import { type Position, Log } from "../follow/log.ts";
import type { Drawn, List } from "../list/list.ts";
import { Choice } from "./choice.svelte.ts";
import { type Arrival, Journey } from "./journey.ts";
import { Disclosure } from "./disclosure.ts";
import { Finding, type FindParts } from "./finding.svelte.ts";

/** How often what stands around the rows is told of changes. */
const TELL_MS = 250;

/** Where in the window a line is put that one goes to: what led to it is seen as well. A share of the window's height. */
const READ_AT = 1 / 4;

/** The list as a reading moves it. */
export type Rows = List<{ readonly element: HTMLElement }>;

export interface ReadingOptions {
  readonly view: View;
  readonly continues: Continues;
  readonly find: FindParts;
  /** The reader is elsewhere, or shows the view in another way: the address says so. */
  readonly moved: () => void;
}

export class Reading {
  readonly #options: ReadingOptions;
  readonly log: Log;
  readonly histogram = new Histogram();
  /** Of what is stored and not loaded. */
  readonly counting: Counting;
  readonly seen = new Seen();
  readonly finding: Finding;
  readonly disclosure: Disclosure;
  readonly choice: Choice;
  readonly #journey: Journey;
  readonly streams: readonly string[];
  readonly filter: string;
  /** Whether there may be more than one stream. */
  readonly many: boolean;

  state = $state.raw<SubscriptionState>({ name: "connecting" });
  following = $state(true);
  faults = $state(0);
  /** Grows when there is something to tell of what is no state here. */
  version = $state(0);
  /** What can be seen. */
  #drawn: Drawn = { first: 0, visible: [], rows: 0 };
  /** The same, for what stands around the rows: each frame while a reader moves, a few times a second while lines pass by. */
  drawn = $state.raw<Drawn>(this.#drawn);
  columns = $state.raw<readonly Column[]>([]);
  hidden = $state.raw<ReadonlySet<string>>(new Set());
  /** Why the reader is not where they asked to go, until they were told. */
  failure = $state<string | undefined>();
  /** Holes that gave nothing: they are not loaded again without being asked for. */
  readonly #tried = new WeakSet<HoleEntry>();
  #list: Rows | undefined;
  #leftAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #start: Position | undefined;

  constructor(options: ReadingOptions) {
    const { view } = options;
    this.#options = options;
    this.streams = view.streams;
    this.filter = view.filter;
    this.many = isMany(view.streams);
    this.columns = view.columns;
    this.hidden = new Set(view.hidden);
    this.#start = positionOf(view);
    this.log = new Log({
      streams: view.streams,
      filter: view.filter,
      continues: options.continues,
      on: {
        lines: (lines, runs) => {
          this.histogram.add(lines, runs);
          for (const { line } of lines) this.seen.note(line);
        },
        begun: ({ name }, firstAvailable, cursor) => this.histogram.begins(name, firstAvailable, cursor),
        removed: (name, until) => this.histogram.beginsAt(name, until),
        renewed: (name, from) => {
          this.counting.renewed();
          this.histogram.renew(name, from);
        },
        changed: () => this.changed(),
        state: (state) => {
          this.state = state;
        },
        opened: () => this.#opened(),
        fault: () => {
          this.faults += 1;
        },
        reading: () => this.#list?.reading,
        holds: (entry) => this.choice.cursor?.entry === entry || this.choice.has(entry) || this.disclosure.isOpen(entry),
      },
    });
    this.counting = new Counting({ histogram: this.histogram, filter: view.filter, onchange: () => (this.version += 1) });
    this.disclosure = new Disclosure(this.log.buffer);
    this.disclosure.hide(this.hidden);
    this.choice = new Choice(this.log.buffer);
    this.#journey = new Journey({
      log: this.log,
      show: (place) => this.show(place),
      fail: (reason) => (this.failure = `That place could not be loaded: ${reason}.`),
    });
    this.finding = new Finding(this, options.find);
  }

  start(client: Client): void {
    this.counting.renewed();
    this.log.start(client);
  }

  stop(): void {
    this.log.stop();
    this.finding.stop();
    this.counting.stop();
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#tell);
  }

  /** The page shows this view in a list. */
  attach(list: Rows): void {
    this.#list = list;
    list.open(this.log.buffer);
    this.finding.adopt(this.#options.view.find);
  }

  /** How many lines came while the reader was elsewhere. */
  get unseen(): number {
    return this.following ? 0 : this.log.arrived - this.#leftAt;
  }

  changed(): void {
    this.#list?.invalidate();
    this.finding.changed();
    this.#tellSoon();
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => {
      // Nobody looks: it is told when somebody does.
      if (document.hidden) document.addEventListener("visibilitychange", this.#tell, { once: true });
      else this.#tell();
    }, TELL_MS);
  }

  readonly #tell = (): void => {
    this.#timer = undefined;
    if (this.state.name === "live") this.histogram.arrivedUntil(Date.now());
    this.drawn = this.#drawn;
    this.version += 1;
  };

  /** Lines wait at the server, or come again. */
  togglePause(): void {
    if (this.state.name === "paused") this.log.resume();
    else this.log.pause();
  }

  // --- where the reader is

  followed(following: boolean): void {
    this.following = following;
    this.drawn = this.#drawn;
    if (!following) this.#leftAt = this.log.arrived;
    else this.choice.cursor = undefined;
    this.#options.moved();
  }

  toLive(): void {
    this.#journey.leave();
    this.choice.clear();
    this.#list?.follow();
  }

  showDrawn(drawn: Drawn): void {
    const before = this.#drawn;
    const moved = before.visible[0]?.entry !== drawn.visible[0]?.entry;
    if (!moved && drawn.rows === before.rows && drawn.first === before.first && drawn.visible.length === before.visible.length) return;
    this.#drawn = drawn;
    // Sixty times a second, what nobody can read would cost as much as the rows.
    if (this.following) this.#tellSoon();
    else this.drawn = drawn;
    if (moved && !this.following) this.#options.moved();
  }

  /** Shows a place, and has the keys act on it. */
  show(place: Place): void {
    if (!this.disclosure.shown(place.entry)) this.disclosure.unfold(place.entry);
    this.#list?.reveal(place, READ_AT);
    this.choice.cursor = place;
    this.changed();
  }

  /** The line where the reader is: the one that keys act on, or the last one that can be seen. */
  get standing(): LineEntry | undefined {
    const { cursor } = this.choice;
    if (cursor?.entry.kind === "line") return cursor.entry;
    return this.#drawn.visible.map(({ entry }) => entry).findLast((entry) => entry.kind === "line");
  }

  /** Where to look on in the store, from where the reader is. */
  edges(direction: Direction): Edge[] {
    const { buffer } = this.log;
    const line = this.following ? undefined : this.standing;
    const reading = line && buffer.find(line.stream.name, line.line.offset)?.chunk;
    return edges(buffer.chunks, reading, direction);
  }

  /** Goes to a line or a time, loading what is around it. */
  seek(position: Position): Promise<Arrival> {
    return this.#journey.to(position);
  }

  /** The same for who drags: places come faster than lines can be loaded. */
  drag(time: number): void {
    this.#journey.drag({ time });
  }

  /** Goes to the first line that the tab can have. */
  async toStart(): Promise<void> {
    const first = this.log.buffer.at(0);
    if (first?.entry.kind === "hole") {
      const [run] = first.entry.runs;
      const before = first.entry.runs.length === 1 && run ? { stream: run.stream.name, offset: run.from } : { time: 0 };
      const arrival = await this.#journey.to(before, () => {});
      if (arrival === "elsewhere" || arrival === "failed") return;
    } else this.#journey.leave();
    this.#list?.scrollToRow(0);
  }

  /** A hole comes near: it is loaded, unless that gave nothing before. */
  near(hole: HoleEntry, side: Side): void {
    if (this.#tried.has(hole) || this.log.isLoading(hole)) return;
    // Following, only as much is loaded as the window has room for.
    if (this.following && this.#drawn.first > 0) return;
    if (hole.reason !== "earlier" && this.following) return;
    void this.#load(hole, side);
  }

  /** The reader asks for a hole's lines: the first ones, or the last ones where no line stands before it. */
  fill(hole: HoleEntry): void {
    const { chunks } = this.log.buffer;
    const at = chunks.findIndex((chunk) => chunk.hole === hole);
    void this.#load(hole, chunks.slice(0, at).some(({ lines }) => lines > 0) ? "start" : "end");
  }

  async #load(hole: HoleEntry, side: Side): Promise<void> {
    const lines = await this.log.load(hole, side);
    if (!lines) this.#tried.add(hole);
    // Nothing more to see: be it that nothing matched, or that all of it is of streams that are hidden.
    else if (!lines.some(this.disclosure.shown)) for (const chunk of this.log.buffer.chunks) if (chunk.hole) this.#tried.add(chunk.hole);
  }

  #opened(): void {
    const start = this.#start;
    this.#start = undefined;
    if (start) void this.#toNamed(start);
  }

  /** Goes to the place that the address names. */
  async #toNamed(position: Position): Promise<void> {
    const arrival = await this.#journey.to(position, (place) => {
      this.show(place);
      this.#list?.bring(place, READ_AT);
    });
    if (arrival === "nowhere") this.log.say("info", "There is no line at the place that the address names. This is the live end.");
  }

  // --- rows. Reading one is no following

  /** Opens or closes a line's fields. */
  toggle(place: Place): void {
    this.choice.cursor = place;
    this.#read(() => {
      this.disclosure.toggle(place.entry);
      if (this.disclosure.isOpen(place.entry)) this.#list?.fit(place);
    });
  }

  /** Shows all of a long message. */
  showWhole({ entry }: Place): void {
    this.#read(() => this.disclosure.showWhole(entry));
  }

  /** Shows or folds the lines of a message, and those of the stack trace that begins with it. */
  toggleFold({ entry }: Place): void {
    this.#read(() => this.disclosure.toggleFold(entry));
  }

  #read(how: () => void): void {
    this.#list?.stop();
    how();
    this.changed();
  }

  /** Whether stack traces are folded until they are asked for. */
  setFold(fold: boolean): void {
    this.disclosure.setFold(fold);
    this.changed();
  }

  // --- what is shown

  setColumns(columns: readonly Column[]): void {
    this.columns = columns;
    this.changed();
    this.moved();
  }

  /** The address has another view to say. */
  moved(): void {
    this.#options.moved();
  }

  /** Shows a stream's lines, or not. They go on to come in. */
  toggleStream(name: string): void {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(name)) hidden.add(name);
    this.setHidden(hidden);
  }

  setHidden(hidden: ReadonlySet<string>): void {
    this.hidden = hidden;
    this.disclosure.hide(hidden);
    this.changed();
    this.moved();
  }

  /** Shows this stream and no other; all of them without a name. */
  showOnly(name: string | undefined): void {
    this.setHidden(new Set(name === undefined ? [] : this.known.map((stream) => stream.name).filter((other) => other !== name)));
  }

  /** The streams that were met, in that order. */
  get known(): readonly Stream[] {
    return this.log.streams.all;
  }

  // --- the row that keys act on, and the chosen ones

  /** Moves the cursor by rows, from where the reader is. `choosing` takes the rows on the way along. */
  moveCursor(by: number, choosing: boolean): void {
    const { buffer } = this.log;
    const { cursor } = this.choice;
    const from = cursor && buffer.rowOf(cursor);
    const row = from === undefined ? this.#drawn.first + (by > 0 ? 0 : this.#drawn.visible.length - 1) : from + by;
    const place = buffer.at(Math.max(0, Math.min(buffer.length - 1, row)));
    if (!place) return;
    if (choosing) this.choice.extend(cursor ?? place, place);
    else this.choice.clear();
    this.choice.cursor = place;
    this.#list?.reveal(place, by > 0 ? 0.8 : 0.1);
    this.changed();
  }

  /** Chooses the rows up to a place: from where choosing began, from the cursor, or from `start`. Keys go on from there. */
  choose(start: Place, place: Place): void {
    this.#read(() => this.choice.extend(this.choice.cursor ?? start, place));
    this.choice.cursor = place;
  }

  unchoose(): void {
    if (this.choice.empty) return;
    this.choice.clear();
    this.changed();
  }

  /** All lines that are shown. */
  shownLines(): LineEntry[] {
    const { buffer } = this.log;
    return buffer.chunks.flatMap((chunk) => buffer.rowsOf(chunk).filter((entry) => entry.kind === "line"));
  }

  /** The view as it is now. */
  get view(): View {
    const line = this.following ? undefined : this.#list?.lineNear(READ_AT);
    const at = line && { stream: line.stream.name, offset: line.line.offset };
    const find = this.finding.query.text;
    const [hidden, columns] = [[...this.hidden], this.columns];
    return { streams: this.streams, filter: this.filter, columns, hidden, ...(at ? { at } : {}), ...(find ? { find } : {}) };
  }
}

function positionOf({ at }: View): Position | undefined {
  if (!at) return undefined;
  return "time" in at ? { time: Date.parse(at.time) } : at;
}
