// One view of streams: what comes goes to the buffer's rear, and what is asked for is loaded into its holes. Goes on after
// every end that it knows how to go on after. Knows no page: that hears of everything through `On`.

import type { BeginEvent, Client, Cursors, FaultEvent, FilterReading, GapEvent, LinesEvent, StreamProof } from "tailcast-client";
import type { Subscription, SubscriptionState, TailcastError } from "tailcast-client";
import { Buffer, type Place } from "../buffer/buffer.ts";
import { type Chunk, size } from "../buffer/chunk.ts";
import type { Entry, HoleEntry, LineEntry, NoteEntry, Run, Stream } from "../buffer/entry.ts";
import { count } from "../count.ts";
import { type Side, cut, filled, inTurn, load } from "./holes.ts";
import { type Continues, Entries, Streams } from "./lines.ts";
import { joinTraces, type SeamRules } from "./seams.ts";
import { Lost } from "./lost.ts";
import { type Tally, tally } from "./proof.ts";
import { faultText } from "./words.ts";

/** Whoever drags through the chart asks for another place of a hole before the first one came: it is divided meanwhile. */
const SEEK_TRIES = 10;

/** What a log tells. */
export interface On {
  /**
   * Lines came in, live or out of the store; also what the tab had before and let go of. `runs`: the offsets that were
   * looked through for them.
   */
  lines(lines: readonly LineEntry[], runs: readonly Run[]): void;
  /** A stream is followed from `cursor` on. Nothing is kept of it before `firstAvailable`. */
  begun(stream: Stream, firstAvailable: number, cursor: number): void;
  /** Nothing is kept of the stream before this offset any more. */
  removed(name: string, until: number): void;
  /** From this offset on, the lines of this name are others than those that were told before. */
  renewed(name: string, from: number): void;
  /** Something in the buffer is not as it was. */
  changed(): void;
  state(state: SubscriptionState): void;
  /** The first lines of the past are there, or there are none. */
  opened(): void;
  fault(): void;
  /** There are more lines that nobody can have any more. */
  lost(): void;
  /** The chunk that is read, or none while the rear is followed: it is not let go of. */
  reading(): Chunk | undefined;
  readonly holds: SeamRules["holds"];
}

/** A line of a stream, or the first line at a time (ms since 1970). */
export type Position = { readonly stream: string; readonly offset: number } | { readonly time: number };

export interface LogOptions {
  readonly streams: readonly string[];
  readonly filter: string;
  readonly continues: Continues;
  readonly on: On;
}

export class Log {
  readonly buffer = new Buffer();
  readonly streams = new Streams();
  readonly #options: LogOptions;
  readonly #live: Entries;
  readonly #loading = new Map<HoleEntry, Promise<readonly Entry[] | undefined>>();
  #client: Client | undefined;
  #subscription: Subscription | undefined;
  /** What the subscriptions of before counted. */
  #counted: readonly StreamProof[] = [];
  /** Faults, of the server and of the store behind it. */
  #faults = 0;
  /** Where the last subscription was left. */
  #place: Cursors | undefined;
  /** Streams that began, and whose past is in the log. */
  readonly #begun = new Set<Stream>();
  #opened = false;
  /** The server stands on another store than before: what it keeps from then on comes behind what is here. */
  #moved = false;
  /** The latest time of a line that came. */
  #latest = -Infinity;
  /** Streams of the stores before: what is not in the tab of them cannot be had. */
  readonly #left = new Set<Stream>();

  constructor(options: LogOptions) {
    this.#options = options;
    this.#live = new Entries(options.continues);
  }

  /** Lines that came since the log was opened, of all streams. */
  arrived = 0;
  /** Whether the first page of the past is there, or it is known that there is none. */
  ready = false;
  /** Whether any of the streams has ever had a line. */
  hadLines = false;
  /** Lines that nobody can have any more. */
  readonly lost = new Lost();

  /** How the server reads the filter, where it says so. */
  get read(): FilterReading | undefined {
    return this.#subscription?.reading;
  }

  /** What became of every line that was due since the log was opened. */
  get proof(): Tally {
    return tally([this.#counted, this.#subscription?.proof() ?? []], this.#faults);
  }

  // --- following

  /** Begins, or goes on where it was. */
  start(client: Client): void {
    this.stop();
    this.#client = client;
    const { filter, on } = this.#options;
    const mine = (tell: () => void) => this.#subscription === subscription && tell();
    const subscription: Subscription = client.subscribe(this.#options.streams, {
      from: this.#place ?? "live",
      ...(filter ? { filter } : {}),
      onState: (state) => queueMicrotask(() => mine(() => this.#became(state))),
      on: {
        begin: (event) => this.#began(event),
        lines: (event) => this.#came(event),
        gap: (event) => this.#gap(event),
        fault: (event) => this.#fault(event),
        dropped: ({ streams }) => this.#note("warning", `This token may not read ${streams.join(", ")} any more.`),
        warning: ({ message }) => this.#note("warning", `The server says: ${message}.`),
        end: (error) => error && this.#ended(error, client),
      },
    });
    this.#subscription = subscription;
    on.state(subscription.state);
  }

  stop(): void {
    const subscription = this.#subscription;
    if (!subscription) return;
    this.#counted = this.proof.streams;
    this.#subscription = undefined;
    this.#place = subscription.cursors() ?? this.#place;
    subscription.close();
  }

  /** Lines wait at the server, or come again. */
  togglePause(): void {
    if (this.#subscription?.paused) this.#subscription.resume();
    else this.#subscription?.pause();
  }

  #became(state: SubscriptionState): void {
    if ((state.name === "live" || state.name === "paused" || state.name === "replaying") && !this.#opened) void this.#open();
    this.#options.on.state(state);
  }

  #began({ stream: name, firstAvailable, cursor }: BeginEvent): void {
    const stream = this.streams.get(name);
    if (this.#begun.has(stream)) return;
    this.#begun.add(stream);
    this.hadLines ||= cursor > 0;
    this.#options.on.begun(stream, firstAvailable, cursor);
    if (cursor > firstAvailable) this.#past({ stream, from: firstAvailable, to: cursor });
    this.#options.on.changed();
  }

  #past(run: Run): void {
    if (!this.#moved) return this.buffer.earlier([run]);
    const last = this.buffer.chunks.at(-1)?.hole;
    const hole: HoleEntry = { kind: "hole", reason: "earlier", runs: [...(last?.runs ?? []), run] };
    if (!last || !this.buffer.replace(last, [hole])) this.buffer.append([hole]);
  }

  /** The first page of the past. */
  async #open(): Promise<void> {
    this.#opened = true;
    const { chunks } = this.buffer;
    const past = this.#moved ? chunks.findLast(({ hole }) => hole)?.hole : chunks[0]?.hole;
    if (past) await this.load(past, "end");
    this.ready = true;
    this.#options.on.opened();
    this.#options.on.changed();
  }

  #came({ stream: name, first, next, lines }: LinesEvent): void {
    const stream = this.streams.get(name);
    const entries = this.#live.of(stream, lines);
    this.arrived += entries.length;
    this.#markLate(entries);
    this.#add(entries);
    this.#options.on.lines(entries, [{ stream, from: first, to: next }]);
  }

  /** What comes stands in the order in which it comes: where that goes back in time, it is said. */
  #markLate(entries: readonly LineEntry[]): void {
    const many = this.streams.all.length > 1;
    for (const entry of entries) {
      if (many && entry.at < this.#latest) entry.late = this.#latest - entry.at;
      this.#latest = Math.max(this.#latest, entry.at);
    }
  }

  #gap({ stream, from, to, reason }: GapEvent): void {
    const of = this.streams.get(stream);
    if (reason === "retention") this.#options.on.removed(stream, to);
    this.#live.interrupt(of);
    this.#lose({ stream: of, from, to });
    this.#add([{ kind: "gap", run: { stream: of, from, to }, reason }]);
  }

  #lose({ stream, from, to }: Run): void {
    if (this.lost.add({ stream: stream.name, from, to })) this.#options.on.lost();
  }

  #fault(event: FaultEvent): void {
    this.#tellFault();
    this.#note("error", faultText(event));
  }

  #tellFault(): void {
    this.#faults += 1;
    this.#options.on.fault();
  }

  #note(tone: NoteEntry["tone"], text: string): void {
    this.#add([{ kind: "note", tone, text }]);
  }

  /** Says something in the log, where it stands now. */
  say(tone: NoteEntry["tone"], text: string): void {
    this.#note(tone, text);
  }

  #add(entries: readonly Entry[]): void {
    this.buffer.append(entries);
    this.buffer.trim(this.#options.on.reading());
    this.#options.on.changed();
  }

  #ended(error: TailcastError, client: Client): void {
    if (error.code === "wrong_epoch") {
      this.#moveOn();
      this.#goOn(client, undefined);
    } else if (error.code === "cursor_ahead" && this.#subscription) {
      // The store has less than was read: it was set back. What comes now under the same offsets is not the same.
      const { stream, next } = error.details;
      const place = this.#subscription.cursors();
      if (stream === undefined || next === undefined || !place) return;
      this.#tellFault();
      this.#note("error", faultText({ kind: "set_back", stream, from: next, to: place.cursors[stream] ?? next }));
      this.streams.renew(stream);
      this.#options.on.renewed(stream, next);
      this.#begun.add(this.streams.get(stream));
      this.#goOn(client, { epoch: place.epoch, cursors: { ...place.cursors, [stream]: next } });
    }
  }

  /** Nothing that is missing here can be had any more: the same offsets are other lines now. */
  #moveOn(): void {
    for (const stream of this.streams.all) this.#left.add(stream);
    for (const { hole } of [...this.buffer.chunks]) if (hole) this.#wentWithItsStore(hole);
    this.#note("warning", "The server stands on another store now. Its lines begin here, with offsets of their own.");
    for (const { name } of this.streams.all) {
      this.streams.renew(name);
      this.#options.on.renewed(name, 0);
    }
    this.#begun.clear();
    this.#moved = true;
    this.#opened = false;
  }

  /** Says so, and that there is nothing to load. The tab may let go of old lines long after the change. */
  #wentWithItsStore(hole: HoleEntry): boolean {
    const kept = hole.runs.filter(({ stream }) => !this.#left.has(stream));
    if (kept.length === hole.runs.length) return false;
    const gone = size(hole.runs) - size(kept);
    const text = `${count(gone, "line")} of the store before ${gone === 1 ? "was" : "were"} not loaded, and cannot be any more.`;
    this.buffer.replace(hole, [{ kind: "note", tone: "warning", text }, ...(kept.length > 0 ? [{ ...hole, runs: kept }] : [])]);
    return true;
  }

  #goOn(client: Client, place: Cursors | undefined): void {
    this.stop();
    this.#place = place;
    this.start(client);
  }

  // --- loading

  /** Whether anything is. */
  get loads(): boolean {
    return this.#loading.size > 0;
  }

  isLoading(hole: HoleEntry): boolean {
    return this.#loading.has(hole);
  }

  /** Loads a page of a hole from one of its ends: the lines and gaps that came, or nothing when it failed and why stands in the log. */
  load(hole: HoleEntry, side: Side): Promise<readonly Entry[] | undefined> {
    let loading = this.#loading.get(hole);
    if (!loading) {
      loading = this.#load(hole, side).finally(() => {
        this.#loading.delete(hole);
        this.#options.on.changed();
      });
      this.#loading.set(hole, loading);
      this.#options.on.changed();
    }
    return loading;
  }

  async #load(hole: HoleEntry, side: Side): Promise<readonly Entry[] | undefined> {
    const { filter, continues, on } = this.#options;
    if (!this.#client || this.#wentWithItsStore(hole)) return undefined;
    try {
      const entries = await load(this.#client, { hole, side, filter }, continues);
      if (!this.buffer.replace(hole, entries)) return undefined;
      for (const entry of entries) if (entry.kind === "gap") this.#lose(entry.run);
      const loaded = entries.filter((entry) => entry.kind === "line");
      joinTraces(this.buffer.chunks, loaded, { continues, holds: on.holds });
      on.lines(loaded, filled(hole, side, entries));
      this.buffer.trim(on.reading());
      return entries.filter((entry) => entry.kind !== "hole");
    } catch (error) {
      this.#failed(hole, error as TailcastError);
      return undefined;
    }
  }

  /** Says it once, right before the hole. */
  #failed(hole: HoleEntry, { message }: TailcastError): void {
    const text = `These lines could not be loaded: ${message}. Try again.`;
    const row = this.buffer.chunks.findIndex((chunk) => chunk.hole === hole);
    const before = this.buffer.chunks[row - 1]?.entries.at(-1);
    if (before?.kind === "note" && before.text === text) return;
    this.buffer.replace(hole, [{ kind: "note", tone: "warning", text }, hole]);
  }

  // --- elsewhere

  /** Whether something must be loaded to know the place of a position. */
  lacks(position: Position): boolean {
    const found = this.#held(position);
    return found !== undefined && "hole" in found;
  }

  /** The place of a position, loading around it when the tab has it not. Fails when the server cannot say where that is. */
  async seek(position: Position): Promise<Place | undefined> {
    for (let tries = 0; tries < SEEK_TRIES; tries += 1) {
      const found = this.#held(position);
      if (found === undefined || !("hole" in found)) return found;
      const at = await this.#offsetsAt(found.hole, position);
      const [before, after] = cut(found.hole, at);
      if (!this.buffer.replace(found.hole, [...before, ...after])) continue;
      const [[first], [second]] = [before, after];
      const loaded = await Promise.all([second && this.load(second, "start"), first && this.load(first, "end")]);
      const divided = [second, first].some((hole, i) => hole && !loaded[i] && !this.#has(hole));
      if (!divided) break;
    }
    return this.#placeOf(position);
  }

  #has(hole: HoleEntry): boolean {
    return this.buffer.chunks.some((chunk) => chunk.hole === hole);
  }

  #placeOf(position: Position): Place | undefined {
    if ("time" in position) return this.buffer.findTime(position.time);
    const exact = this.buffer.find(position.stream, position.offset);
    return exact ?? this.#nearest(position.stream, position.offset);
  }

  /** The first line at the offset or behind it: the filter may have left out the one that was asked for. */
  #nearest(stream: string, offset: number): Place | undefined {
    for (const chunk of this.buffer.chunks) {
      for (const entry of chunk.entries) {
        if (entry.kind === "line" && entry.stream.name === stream && entry.line.offset >= offset) return { chunk, entry };
      }
    }
    return undefined;
  }

  /** Where the position is in the buffer, or the hole it is in. */
  #held(position: Position): Place | { hole: HoleEntry } | undefined {
    let hole: HoleEntry | undefined;
    for (const chunk of this.buffer.chunks) {
      if (chunk.hole) {
        hole = chunk.hole;
        if ("offset" in position && covers(hole.runs, position)) return { hole };
        continue;
      }
      for (const entry of chunk.entries) {
        if (entry.kind !== "line") continue;
        if (!reached(entry, position)) hole = undefined;
        else return hole && "time" in position ? { hole } : { chunk, entry };
      }
    }
    return hole && "time" in position ? { hole } : undefined;
  }

  /** The offset of each stream of the hole at the position: the reader's own, and for the others the one at its time. */
  async #offsetsAt(hole: HoleEntry, position: Position): Promise<Map<Stream, number>> {
    const client = this.#client;
    const at = new Map<Stream, number>();
    if (!client) return at;
    let since: string | undefined = "time" in position ? new Date(position.time).toISOString() : undefined;
    if ("offset" in position) {
      const run = hole.runs.find(({ stream }) => stream.name === position.stream);
      if (run) at.set(run.stream, position.offset);
      if (hole.runs.length > 1) {
        const page = await client.lines(position.stream, { from: position.offset, limit: 1 });
        since = page.lines[0]?.ts;
      }
    }
    if (since === undefined) return at;
    const others = hole.runs.filter(({ stream }) => !at.has(stream));
    await inTurn(others, async ({ stream, from, to }: Run) => {
      const page = await client.lines(stream.name, { from, to, since, limit: 1 });
      at.set(stream, page.lines[0]?.offset ?? to);
    });
    return at;
  }
}

function covers(runs: readonly Run[], { stream, offset }: { stream: string; offset: number }): boolean {
  return runs.some((run) => run.stream.name === stream && run.from <= offset && offset < run.to);
}

function reached(entry: LineEntry, position: Position): boolean {
  if ("time" in position) return entry.at >= position.time;
  return entry.stream.name === position.stream && entry.line.offset >= position.offset;
}
