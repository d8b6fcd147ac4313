import type { ClientState, Cursors, SubscribeOptions, SubscriptionState } from "./events.js";
import type { Behind, Dropped, FilterReading, Gap, Lines, Live, Refusal, Subscribed } from "./messages.js";
import type { StreamProof } from "./proof.js";
import { Queue } from "./queue.js";
import type { Seat, Switchboard } from "./switchboard.js";
export declare class Follower implements Seat {
    #private;
    /** As the server said it, if it did. */
    reading: FilterReading | undefined;
    /**
     * @param left called once, when nothing more is wanted of the connection.
     * @param again called when another connection is wanted, on which all subscriptions go on.
     */
    constructor(targets: readonly string[], options: SubscribeOptions, left: () => void, again: () => void);
    get targets(): readonly string[];
    get queue(): Queue;
    get state(): SubscriptionState;
    get paused(): boolean;
    get proof(): StreamProof[];
    get iterable(): boolean;
    /** Where the consumer is; `undefined` before anything stood. */
    cursors(): Cursors | undefined;
    pause(paused: boolean): void;
    seek(stream: string, to: number | "live"): Promise<void>;
    close(): void;
    /** How the connection does, as long as there is none that this could use. */
    link(state: ClientState): void;
    /** The server's last sign of life was then, and another one is overdue; or it is not any more. */
    silent(since: Date | undefined): void;
    /** A connection stands. */
    connected(board: Switchboard): void;
    /** It stands, or a pattern met more streams: new ones, such as may be read again, and those that another let go of. */
    subscribed(message: Subscribed): void;
    /**
     * Another subscription of this client has the stream now, which a pattern brought here. Should that let go of it, it begins here
     * where it stood there.
     */
    passOver(stream: string): void;
    /** @param size of the message's text. */
    heard(message: Lines | Gap | Live, id: string, size: number): void;
    behind({ stream, count }: Behind): void;
    dropped({ streams, reason }: Pick<Dropped, "streams" | "reason">): void;
    done(id: string, request: string): void;
    refused(refusal: Refusal): void;
}
