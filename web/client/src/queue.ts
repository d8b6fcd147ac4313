// What waits for the consumer of one subscription, in order. Knows no wire.

import type { Callbacks, Event } from "./events.js";
import { report } from "./errors.js";
import type { TailcastError } from "./errors.js";

/** Something that waits: an event, or only a cursor that moves once everything before it was taken. */
export interface Item {
  readonly event?: Event;
  /** Text of lines that it holds, in characters. */
  readonly size: number;
  /** Where a stream stands for whoever has taken this. */
  readonly place?: { readonly stream: string; readonly cursor: number };
}

interface Waiter {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(error: TailcastError): void;
}

/** Events on their way to callbacks, or to one iteration. */
export class Queue {
  #items: Item[] = [];
  #size = 0;
  #held = false;
  #ended: { readonly error?: TailcastError } | undefined;
  #told = false;
  #waiters: Waiter[] = [];
  /** A callback is at work. */
  #busy = false;
  readonly #on: Callbacks | undefined;
  readonly #taken: (item: Item) => void;

  /** @param taken called when the consumer gets an item, before it does. */
  constructor(on: Callbacks | undefined, taken: (item: Item) => void) {
    this.#on = on;
    this.#taken = taken;
  }

  /** Text of lines that waits, in characters. */
  get size(): number {
    return this.#size;
  }

  /** How many lines wait. */
  get lines(): number {
    return this.#items.reduce((sum, { event }) => sum + (event?.type === "lines" ? event.lines.length : 0), 0);
  }

  push(item: Item): void {
    if (this.#ended) return;
    this.#items.push(item);
    this.#size += item.size;
    this.#move();
  }

  /** Nothing leaves while it is held. */
  hold(held: boolean): void {
    this.#held = held;
    this.#move();
  }

  /** Nothing comes any more; what waits is still delivered, and the error after it. */
  end(error?: TailcastError): void {
    if (this.#ended) return;
    this.#ended = error ? { error } : {};
    this.#held = false;
    this.#move();
  }

  /** The consumer left: nothing is delivered any more. */
  discard(): void {
    this.#items = [];
    this.#size = 0;
    this.end();
  }

  /** Takes out what waits of one stream's lines: the consumer wants to go on elsewhere. */
  forget(stream: string): void {
    this.#items = this.#items.filter((item) => {
      const gone = item.place?.stream === stream && item.event?.type !== "begin";
      if (gone) this.#size -= item.size;
      return !gone;
    });
  }

  /** The next event, for an iteration. */
  next(): Promise<IteratorResult<Event, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#move();
    });
  }

  #move(): void {
    if (this.#on) this.#call(this.#on);
    else this.#hand();
  }

  #hand(): void {
    while (this.#waiters.length > 0) {
      const event = this.#take();
      if (!event && !(this.#ended && this.#items.length === 0)) return;
      const waiter = this.#waiters.shift();
      const error = this.#told ? undefined : this.#ended?.error;
      if (event) waiter?.resolve({ done: false, value: event });
      else if (error) {
        this.#told = true;
        waiter?.reject(error);
      } else waiter?.resolve({ done: true, value: undefined });
    }
    this.#passSilent();
  }

  #call(on: Callbacks): void {
    while (!this.#busy) {
      const event = this.#take();
      if (event) this.#run(() => on[event.type]?.(event as never));
      else if (this.#ended && !this.#told && this.#items.length === 0) {
        this.#told = true;
        const { error } = this.#ended;
        this.#run(() => on.end?.(error));
      } else return;
    }
  }

  #run(callback: () => unknown): void {
    this.#busy = true;
    try {
      const result = callback();
      if (result instanceof Promise) {
        void result.catch(report).finally(() => {
          this.#busy = false;
          this.#move();
        });
        return;
      }
    } catch (error) {
      report(error);
    }
    this.#busy = false;
  }

  #take(): Event | undefined {
    this.#passSilent();
    return this.#shift()?.event;
  }

  /** Cursors that move without an event move as soon as everything before them was taken. */
  #passSilent(): void {
    while (this.#items[0] && !this.#items[0].event && this.#shift());
  }

  #shift(): Item | undefined {
    if (this.#held) return undefined;
    const item = this.#items.shift();
    if (!item) return undefined;
    this.#size -= item.size;
    this.#taken(item);
    return item;
  }
}
