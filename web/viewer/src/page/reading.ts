// One open view: what is followed, and the rooms around it, each of which does one thing for who reads it. Here they are
// put together; nobody else knows all of them.

import type { Client } from "tailcast-client";
import { type View, isMany } from "../address/view.ts";
import type { Place } from "../buffer/buffer.ts";
import type { LineEntry } from "../buffer/entry.ts";
import type { Continues } from "../follow/lines.ts";
import { Log, type On, type Position } from "../follow/log.ts";
import type { Stretch } from "../follow/lost.ts";
import { Choice } from "./choice.svelte.ts";
import { Disclosure } from "./disclosure.ts";
import { Display } from "./display.svelte.ts";
import { Finding, type FindParts } from "./finding.svelte.ts";
import { Journey } from "./journey.ts";
import { Loader } from "./loader.ts";
import { type Nothing, nothingOf } from "./nothing.ts";
import { Overview } from "./overview.ts";
import { Screen, type ShownList } from "./screen.svelte.ts";
import { Standing } from "./standing.svelte.ts";
import { Whereabouts } from "./whereabouts.ts";

/** Where in the window a line is put that one goes to: what led to it is seen as well. A share of the window's height. */
const READ_AT = 1 / 4;

export interface ReadingOptions {
  readonly view: View;
  readonly continues: Continues;
  readonly find: FindParts;
  /** The reader is elsewhere, or shows the view in another way: the address says so. */
  readonly moved: () => void;
}

export class Reading {
  readonly #options: ReadingOptions;
  readonly streams: readonly string[];
  readonly filter: string;
  /** Whether there may be more than one stream. */
  readonly many: boolean;
  /** What came, and what was loaded. */
  readonly log: Log;
  readonly standing: Standing;
  readonly overview: Overview;
  readonly screen: Screen;
  readonly disclosure: Disclosure;
  readonly display: Display;
  readonly choice: Choice;
  readonly journey: Journey;
  readonly loader: Loader;
  readonly finding: Finding;
  /** The saved view that it came from. */
  #saved: string | undefined;
  /** Which stretch of lost lines was shown last. */
  #lostAt = 0;

  constructor(options: ReadingOptions) {
    const { view, moved } = options;
    this.#options = options;
    this.streams = view.streams;
    this.filter = view.filter;
    this.#saved = view.saved;
    this.many = isMany(view.streams);
    this.standing = new Standing(() => this.#tells());
    this.overview = new Overview(view.filter, () => (this.standing.version += 1));
    const log = (this.log = new Log({ streams: view.streams, filter: view.filter, continues: options.continues, on: this.#on(view) }));
    const screen = (this.screen = new Screen({
      arrived: () => log.arrived,
      followed: (following) => following && (this.choice.cursor = undefined),
      moved,
      stale: () => this.standing.soon(),
    }));
    this.disclosure = new Disclosure(log.buffer, () => this.#changed());
    this.display = new Display(view, {
      known: () => log.streams.all,
      hide: (streams) => this.disclosure.hide(streams),
      changed: () => {
        this.#changed();
        moved();
      },
    });
    this.choice = new Choice(log.buffer, {
      get frame() {
        return screen.frame;
      },
      reveal: (place, share) => screen.list?.reveal(place, share),
      stop: () => screen.list?.stop(),
      changed: () => this.#changed(),
    });
    this.journey = new Journey({
      log,
      first: () => log.buffer.at(0),
      show: (place) => this.#show(place),
      scroll: (to) => this.#scroll(to),
      fail: (reason) => (this.standing.failure = `That place could not be loaded: ${reason}.`),
    });
    this.loader = new Loader({
      log,
      following: () => screen.following,
      roomAbove: () => screen.frame.first === 0,
      shown: () => this.disclosure.shown,
    });
    this.finding = this.#makeFinding();
  }

  start(client: Client): void {
    this.overview.counting.renewed();
    this.log.start(client);
  }

  stop(): void {
    this.log.stop();
    this.finding.stop();
    this.overview.counting.stop();
    this.standing.stop();
  }

  /** Shows where lines are missing that nobody can have any more: each time the stretch before, from the last one on. */
  async toLost(): Promise<void> {
    const { stretches } = this.log.lost;
    if (stretches.length === 0) return;
    this.#lostAt = (this.#lostAt + stretches.length - 1) % stretches.length;
    const { stream, to } = stretches[this.#lostAt] as Stretch;
    await this.journey.to({ stream, offset: to });
  }

  /** Why there is no line to read; nothing while there is one. */
  get nothing(): Nothing | undefined {
    const { log, screen, standing, filter } = this;
    if (screen.drawn.visible.some(({ entry }) => entry.kind === "line" || entry.kind === "gap" || entry.kind === "note")) return undefined;
    const { all, uncounted } = this.overview.histogram.stored(new Set());
    const { ready: opened, loads: loading, hadLines } = log;
    const lines = log.buffer.lines;
    return nothingOf({ state: standing.state, filter, lines, opened, loading, kept: all, unlooked: uncounted, hadLines });
  }

  /** The page shows this view in a list. */
  attach(list: ShownList): void {
    this.screen.attach(list);
    list.open(this.log.buffer);
    this.finding.adopt(this.#options.view.find);
  }

  /** Whether a view is this one, but for what can change in it. */
  isOf({ streams, filter }: View): boolean {
    return this.streams.join() === streams.join() && this.filter === filter;
  }

  /** Takes over what can change in an open view. */
  adapt(view: View): void {
    this.#saved = view.saved;
    this.display.adopt(view);
    this.finding.adopt(view.find);
    const position = positionOf(view);
    if (position) void this.journey.to(position);
    else this.journey.toLive();
  }

  /** What is on the page is saved now; or it came from nothing that is. */
  cameFrom(saved: string | undefined): void {
    this.#saved = saved;
    this.standing.soon();
  }

  /** The view as it is now. */
  get view(): View {
    const line = this.screen.following ? undefined : this.screen.list?.lineNear(READ_AT);
    const at = line && { stream: line.stream.name, offset: line.line.offset };
    const find = this.finding.query.text;
    const { columns, hidden } = this.display;
    const { streams, filter } = this;
    const saved = this.#saved;
    const optional = { ...(at ? { at } : {}), ...(find ? { find } : {}), ...(saved ? { saved } : {}) };
    return { streams, filter, columns, hidden: [...hidden], ...optional };
  }

  #on(view: View): On {
    return {
      lines: (lines, runs) => this.overview.lines(lines, runs),
      begun: (stream, firstAvailable, cursor) => this.overview.begun(stream, firstAvailable, cursor),
      removed: (name, until) => this.overview.removed(name, until),
      renewed: (name, from) => this.overview.renewed(name, from),
      changed: () => this.#changed(),
      state: (state) => (this.standing.state = state),
      opened: once(() => void this.#toNamed(positionOf(view))),
      fault: () => (this.standing.faults += 1),
      lost: () => (this.standing.lost = this.log.lost.lines),
      reading: () => this.screen.list?.reading,
      holds: (entry) => this.#holds(entry),
    };
  }

  #makeFinding(): Finding {
    const { filter, log, screen, disclosure, choice } = this;
    const whereabouts = new Whereabouts(log.buffer, screen, choice);
    const ground = {
      filter,
      buffer: log.buffer,
      // What is folded is found, and unfolded then.
      get shown() {
        return disclosure.notHidden;
      },
      get line() {
        return whereabouts.line;
      },
      edges: whereabouts.edges.bind(whereabouts),
      seek: (position: Position) => this.journey.to(position),
      show: (place: Place) => this.#show(place),
      unfold: (entry: LineEntry) => disclosure.unfold(entry),
      moved: this.#options.moved,
    };
    return new Finding(ground, this.#options.find);
  }

  #changed(): void {
    this.screen.list?.invalidate();
    this.finding.changed();
    this.standing.soon();
  }

  /** Before what stands around the rows is told that something changed. */
  #tells(): void {
    if (this.standing.state.name === "live") this.overview.histogram.arrivedUntil(Date.now());
    this.screen.settle();
  }

  /** Whether the reader is at this line, or has opened it. */
  #holds(entry: LineEntry): boolean {
    return this.choice.cursor?.entry === entry || this.choice.has(entry) || this.disclosure.isOpen(entry);
  }

  /** Shows a place, and has the keys act on it. */
  #show(place: Place): void {
    if (!this.disclosure.shown(place.entry)) this.disclosure.unfold(place.entry);
    this.screen.list?.reveal(place, READ_AT);
    this.choice.cursor = place;
    this.#changed();
  }

  #scroll(to: "start" | "live"): void {
    if (to === "start") return this.screen.list?.scrollToRow(0);
    this.choice.clear();
    this.screen.list?.follow();
  }

  /** Goes to the place that the address named when the view was opened. */
  async #toNamed(position: Position | undefined): Promise<void> {
    if (!position) return;
    const arrival = await this.journey.to(position, (place) => {
      this.#show(place);
      this.screen.list?.bring(place, READ_AT);
    });
    if (arrival === "nowhere") this.log.say("info", "There is no line at the place that the address names. This is the live end.");
  }
}

function positionOf({ at }: View): Position | undefined {
  if (!at) return undefined;
  return "time" in at ? { time: Date.parse(at.time) } : at;
}

/** What is done the first time only. */
function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    act();
  };
}
