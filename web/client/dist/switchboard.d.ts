import type { Follower } from "./follower.js";
import type { ClientMessage, ServerMessage, Welcome } from "./messages.js";
import type { Request } from "./requests.js";
export declare class Switchboard {
    #private;
    readonly epoch: string;
    readonly subscriber: string;
    /** Room in one request. */
    readonly messageBytes: number;
    constructor(welcome: Welcome, send: (message: ClientMessage) => void);
    /** Asks for a subscription, under the id that is answered. */
    subscribe(follower: Follower, request: Request): string;
    send(message: ClientMessage): void;
    /** The subscription that has a stream. */
    holder(stream: string): string | undefined;
    /** Whether somebody asked for a stream by its name, and has it. */
    isNamed(stream: string): boolean;
    /** Tells the follower that it concerns. Answers whether there is one. */
    deliver(message: ServerMessage, size: number): boolean;
    /** A subscription that was refused, or is over. */
    forget(id: string): void;
}
