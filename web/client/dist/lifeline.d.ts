import { Connection } from "./connection.js";
import type { ConnectionParts } from "./connection.js";
import { TailcastError } from "./errors.js";
import type { ClientState } from "./events.js";
import type { ServerMessage, Welcome } from "./messages.js";
import type { Reads } from "./reads.js";
import type { Tokens } from "./tokens.js";
export interface LifelineEvents {
    state(state: ClientState): void;
    welcome(welcome: Welcome, connection: Connection): void;
    message(message: ServerMessage, size: number): void;
    /** A sign of life of the server's is overdue: the last one came at `since` (ms). Or, without it, there is one again. */
    silent(since: number | undefined): void;
    problem(error: TailcastError): void;
}
export interface LifelineParts extends ConnectionParts {
    /** Opens a WebSocket with a token. Throws what the constructor does, or a `TailcastError` where there is none. */
    readonly open: (token: string) => WebSocket;
    readonly tokens: Tokens;
    readonly reads: Reads;
    readonly events: LifelineEvents;
}
export declare class Lifeline {
    #private;
    constructor(parts: LifelineParts);
    get state(): ClientState;
    /** When the server was last heard, ms since 1970; nothing before its first word. */
    get heardAt(): number | undefined;
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
