// What a page holds of a subscription.

import type { Follower } from "./follower.js";
import { asyncDispose } from "./dispose.js";
import type { FilterReading } from "./messages.js";
import type { StreamProof } from "./proof.js";
import type { Cursors, Event, SubscriptionState } from "./events.js";

/**
 * Streams that are followed. Iterate over it, once, or give {@link SubscribeOptions.on}.
 *
 * Leaving the loop closes it. The loop ends after {@link Subscription.close | close()}, and throws a
 * {@link TailcastError} when the subscription ended for another reason, after everything that came before.
 */
export class Subscription implements AsyncIterable<Event>, AsyncDisposable {
  readonly #follower: Follower;
  #iterated = false;

  /** @internal */
  constructor(follower: Follower) {
    this.#follower = follower;
  }

  /** The names and patterns that were asked for. */
  get streams(): readonly string[] {
    return this.#follower.targets;
  }

  /** How it stands, for a person to see. */
  get state(): SubscriptionState {
    return this.#follower.state;
  }

  /**
   * Behind the last event that the consumer got, of every stream: to be kept, and handed to
   * {@link SubscribeOptions.from} later. An event counts as got when the loop begins with it, or the callback is called.
   * `undefined` until the server confirmed the subscription.
   */
  cursors(): Cursors | undefined {
    return this.#follower.cursors();
  }

  /** No event comes from now on; the server says how many lines wait, which `state` tells. */
  pause(): void {
    this.#follower.pause(true);
  }

  /** How the server reads the filter; `undefined` before it said so, and from one that does not. */
  get reading(): FilterReading | undefined {
    return this.#follower.reading;
  }

  /** Whether it was paused, and not resumed since. */
  get paused(): boolean {
    return this.#follower.paused;
  }

  /**
   * What became of every offset that went by, stream by stream, by this client's own count: {@link isComplete} says of each
   * whether every line that was due came once.
   */
  proof(): StreamProof[] {
    return this.#follower.proof;
  }

  /** Goes on after {@link Subscription.pause | pause()}, with the next line. */
  resume(): void {
    this.#follower.pause(false);
  }

  /**
   * Goes on elsewhere in a stream: at an offset, or with what comes now. What waits of it is let go of. Before the first
   * kept line it begins there, after a `gap`. Fails with `offline`, `cursor_ahead`, …, and nothing has changed then.
   */
  seek(stream: string, to: number | "live"): Promise<void> {
    return this.#follower.seek(stream, to);
  }

  /** Ends it: no event comes any more. */
  close(): void {
    this.#follower.close();
  }

  /** The events, from the first one that nobody has got. */
  [Symbol.asyncIterator](): AsyncIterator<Event, undefined> {
    if (!this.#follower.iterable) throw new Error("This subscription has callbacks: its events go there.");
    if (this.#iterated) throw new Error("This subscription is iterated over already: each event comes once.");
    this.#iterated = true;
    return {
      next: () => this.#follower.queue.next(),
      return: () => {
        this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** The same as {@link Subscription.close | close()}. */
  [asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
