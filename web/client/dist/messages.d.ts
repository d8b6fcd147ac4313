import { TailcastError } from "./errors.js";
export interface Welcome {
    readonly type: "welcome";
    readonly session: string;
    readonly node: string;
    readonly subscriber: string;
    readonly epoch: string;
    readonly heartbeat_ms?: number;
    readonly limits?: {
        readonly message_bytes?: number;
        readonly messages_per_second?: number;
    };
    /** The requests that this server knows, beyond those of the first version. */
    readonly requests?: readonly unknown[];
}
export interface Start {
    readonly first_available: number;
    readonly next: number;
    readonly cursor: number;
}
/** How the server reads a filter. */
export interface FilterReading {
    /** In words. */
    readonly reading: string;
    /** The filter that looks for the same characters as they stand; absent where the filter does that. */
    readonly literal?: string;
}
export interface Subscribed {
    readonly type: "subscribed";
    readonly id: string;
    readonly epoch: string;
    readonly streams: Readonly<Record<string, Start>>;
    readonly filter?: FilterReading;
}
export interface Done {
    readonly type: "done";
    readonly id?: string;
    readonly request: string;
}
export interface Lines {
    readonly type: "lines";
    readonly stream: string;
    readonly first: number;
    readonly next: number;
    readonly lines: readonly Record<string, unknown>[];
}
export interface Live {
    readonly type: "live";
    readonly stream: string;
    readonly next: number;
}
export interface Gap {
    readonly type: "gap";
    readonly stream: string;
    readonly from: number;
    readonly to: number;
    readonly reason: string;
}
export interface Behind {
    readonly type: "behind";
    readonly id: string;
    readonly stream: string;
    readonly count: number;
}
export interface Dropped {
    readonly type: "dropped";
    readonly id: string;
    readonly streams: readonly string[];
    readonly reason: string;
}
export interface Expiring {
    readonly type: "expiring";
    readonly expires_at: string;
}
export interface Refusal {
    readonly type: "error";
    readonly code: string;
    readonly message: string;
    readonly id?: string;
    readonly stream?: string;
    readonly next?: number;
    readonly epoch?: string;
    readonly position?: number;
    readonly retry_after_ms?: number;
}
export interface Closing {
    readonly type: "closing";
    readonly code: number;
    readonly reason: string;
    readonly retry_after_ms?: number;
}
export type ServerMessage = Welcome | Subscribed | Done | Lines | Live | Gap | Behind | Dropped | Expiring | Refusal | Closing;
/** Where a subscription begins, as the wire says it. */
export type WireFrom = "live" | {
    readonly last: number;
} | {
    readonly since: string;
} | {
    readonly cursors: Readonly<Record<string, number>>;
    readonly epoch: string;
};
export interface Subscribe {
    readonly type: "subscribe";
    readonly id: string;
    readonly streams: readonly string[];
    readonly from: WireFrom;
    readonly filter?: string;
    readonly mode?: "recent";
}
export type ClientMessage = Subscribe | {
    readonly type: "unsubscribe" | "pause" | "resume" | "ping";
    readonly id: string;
} | {
    readonly type: "seek";
    readonly id: string;
    readonly stream: string;
    readonly to: number | "live";
} | {
    readonly type: "refresh";
    readonly id: string;
    readonly token: string;
};
export declare const isText: (value: unknown) => value is string;
export declare const isObject: (value: unknown) => value is Record<string, unknown>;
export declare const isOffset: (value: unknown) => value is number;
/**
 * Reads a message. `undefined` for one of a later version, which is no error. Throws `bad_answer` for what cannot be a
 * message of this protocol: who cannot understand a message must not go on as if nothing had been said.
 */
export declare function readMessage(text: unknown, parse?: (text: string) => unknown): ServerMessage | undefined;
/** A refusal, for whoever asked. */
export declare function errorOf({ code, message, stream, next, epoch, position }: Refusal): TailcastError;
