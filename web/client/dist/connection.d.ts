import type { ClientMessage, Closing, ServerMessage, Welcome } from "./messages.js";
/** How a connection ended, other than by us. */
export interface Ending {
    /** The close code; 1006 for a connection that broke, or died. */
    readonly code: number;
    readonly closing?: Closing;
    /** Whether the server ever welcomed us. */
    readonly welcomed: boolean;
    /** A sentence, when more is known than the code. */
    readonly why?: string;
}
export interface ConnectionEvents {
    /** Comes first, once. */
    welcome(welcome: Welcome): void;
    /** @param size of its text, in characters. */
    message(message: ServerMessage, size: number): void;
    /** Comes last, once. */
    ended(ending: Ending): void;
}
export declare class Connection {
    #private;
    constructor(socket: WebSocket, events: ConnectionEvents);
    /** Sends a request, as soon as the server's limits allow. */
    send(message: ClientMessage): void;
    /** Asks for a sign of life, when the server can give one. */
    probe(): void;
    /** Leaves, without a word to anybody here. */
    close(): void;
}
