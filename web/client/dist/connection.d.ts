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
    /** A sign of life is overdue: the last one came at `since` (ms). Or, without it, there is one again. */
    silent(since: number | undefined): void;
    /** Comes last, once. */
    ended(ending: Ending): void;
}
export interface ConnectionParts {
    /** Reads the JSON of a message. */
    readonly parse: (text: string) => unknown;
    /** Whether somebody looks at what comes. */
    readonly seen: () => boolean;
}
export declare class Connection {
    #private;
    constructor(socket: WebSocket, events: ConnectionEvents, parts: ConnectionParts);
    /** Sends a request, as soon as the server's limits allow. */
    send(message: ClientMessage): void;
    /** When something was last heard, ms since 1970. */
    get heardAt(): number;
    /** Asks for a sign of life, when the server can give one, and says if one is overdue. */
    probe(): void;
    /** Leaves, without a word to anybody here. */
    close(): void;
}
