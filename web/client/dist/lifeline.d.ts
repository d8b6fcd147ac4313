import { Connection } from "./connection.js";
import { TailcastError } from "./errors.js";
import type { ClientState } from "./events.js";
import type { ServerMessage, Welcome } from "./messages.js";
import type { Reads } from "./reads.js";
import type { Tokens } from "./tokens.js";
export interface LifelineEvents {
    state(state: ClientState): void;
    welcome(welcome: Welcome, connection: Connection): void;
    message(message: ServerMessage, size: number): void;
    problem(error: TailcastError): void;
}
export interface LifelineParts {
    /** Opens a WebSocket with a token. Throws when the token can't be written in a request. */
    readonly open: (token: string) => WebSocket;
    readonly tokens: Tokens;
    readonly reads: Reads;
    readonly events: LifelineEvents;
}
export declare class Lifeline {
    #private;
    constructor(parts: LifelineParts);
    get state(): ClientState;
    /** Connects, unless that was begun before. */
    start(): void;
    /** Now, not later, when it waits for the next attempt. */
    retry(): void;
    /** The network may have changed: finds out sooner than by waiting. */
    suspect(): void;
    /** Makes another connection, on which everything goes on. */
    again(): void;
    end(error?: TailcastError): void;
}
