import type { Callbacks, Event } from "./events.js";
import type { TailcastError } from "./errors.js";
/** Something that waits: an event, or only a cursor that moves once everything before it was taken. */
export interface Item {
    readonly event?: Event;
    /** Text of lines that it holds, in characters. */
    readonly size: number;
    /** Where a stream stands for whoever has taken this. */
    readonly place?: {
        readonly stream: string;
        readonly cursor: number;
    };
}
/** Events on their way to callbacks, or to one iteration. */
export declare class Queue {
    #private;
    /** @param taken called when the consumer gets an item, before it does. */
    constructor(on: Callbacks | undefined, taken: (item: Item) => void);
    /** Text of lines that waits, in characters. */
    get size(): number;
    /** How many lines wait. */
    get lines(): number;
    push(item: Item): void;
    /** Nothing leaves while it is held. */
    hold(held: boolean): void;
    /** Nothing comes any more; what waits is still delivered, and the error after it. */
    end(error?: TailcastError): void;
    /** The consumer left: nothing is delivered any more. */
    discard(): void;
    /** Takes out what waits of one stream's lines: the consumer wants to go on elsewhere. */
    forget(stream: string): void;
    /** The next event, for an iteration. */
    next(): Promise<IteratorResult<Event, undefined>>;
}
