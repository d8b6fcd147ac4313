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
export declare class Subscription implements AsyncIterable<Event>, AsyncDisposable {
    #private;
    /** The names and patterns that were asked for. */
    get streams(): readonly string[];
    /** How it stands, for a person to see. */
    get state(): SubscriptionState;
    /**
     * Behind the last event that the consumer got, of every stream: to be kept, and handed to
     * {@link SubscribeOptions.from} later. An event counts as got when the loop begins with it, or the callback is called.
     * `undefined` until the server confirmed the subscription.
     */
    cursors(): Cursors | undefined;
    /** No event comes from now on; the server says how many lines wait, which `state` tells. */
    pause(): void;
    /** How the server reads the filter; `undefined` before it said so, and from one that does not. */
    get reading(): FilterReading | undefined;
    /** Whether it was paused, and not resumed since. */
    get paused(): boolean;
    /**
     * What became of every offset that went by, stream by stream, by this client's own count: {@link isComplete} says of each
     * whether every line that was due came once.
     */
    proof(): StreamProof[];
    /** Goes on after {@link Subscription.pause | pause()}, with the next line. */
    resume(): void;
    /**
     * Goes on elsewhere in a stream: at an offset, or with what comes now. What waits of it is let go of. Before the first
     * kept line it begins there, after a `gap`. Fails with `offline`, `cursor_ahead`, …, and nothing has changed then.
     */
    seek(stream: string, to: number | "live"): Promise<void>;
    /** Ends it: no event comes any more. */
    close(): void;
    /** The events, from the first one that nobody has got. */
    [Symbol.asyncIterator](): AsyncIterator<Event, undefined>;
    /** The same as {@link Subscription.close | close()}. */
    [asyncDispose](): Promise<void>;
}
