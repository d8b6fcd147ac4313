import type { Behind, ClientMessage, Dropped, Gap, Lines, Live, Refusal, ServerMessage, Subscribed, Welcome } from "./messages.js";
import type { Request } from "./requests.js";
/** A subscription, as far as a connection has to do with it. `id`: that of the request which it was put in with. */
export interface Seat {
    /** The names and patterns that were asked for. */
    readonly targets: readonly string[];
    subscribed(message: Subscribed): void;
    /** @param size of the message's text, in characters. */
    heard(message: Lines | Gap | Live, id: string, size: number): void;
    behind(message: Behind): void;
    dropped(message: Pick<Dropped, "streams" | "reason">): void;
    done(id: string, request: string): void;
    refused(message: Refusal): void;
    /** Another one names a stream, which this one has by a pattern only. */
    passOver(stream: string): void;
}
export declare class Switchboard {
    #private;
    readonly epoch: string;
    readonly subscriber: string;
    /** Room in one request. */
    readonly messageBytes: number;
    constructor(welcome: Welcome, send: (message: ClientMessage) => void);
    /** Asks for a subscription, under the id that is answered. */
    subscribe(seat: Seat, request: Request): string;
    send(message: ClientMessage): void;
    /** The subscription that has a stream. */
    holder(stream: string): string | undefined;
    /** Whether somebody asked for a stream by its name, and has it. */
    isNamed(stream: string): boolean;
    /** Tells the subscription that it concerns. Answers whether there is one. */
    deliver(message: ServerMessage, size: number): boolean;
    /** A subscription that was refused, or is over. */
    forget(id: string): void;
}
