import { TailcastError } from "./errors.js";
import type { ServerMessage } from "./messages.js";
import type { Tokens } from "./tokens.js";
export interface RenewalEvents {
    /** Sends the token to the server. */
    refresh(token: string): void;
    problem(error: TailcastError): void;
}
export declare class Renewal {
    #private;
    /** The `id` of its requests. */
    static readonly ID = "refresh";
    constructor(tokens: Tokens, events: RenewalEvents);
    /** The server says that the token ends soon. */
    expiring(at: Date): void;
    isAbout(message: ServerMessage): message is Extract<ServerMessage, {
        type: "done" | "error";
    }>;
    answered(message: Extract<ServerMessage, {
        type: "done" | "error";
    }>): void;
    /** The session is over. */
    stop(): void;
}
