/**
 * Why a token is asked for: there is none yet, the one in use ends or has ended, the server refused it, or the server could not be
 * reached again and again, of which no browser says why: perhaps another token helps, and the same one is good enough.
 */
export type TokenReason = "first" | "expiring" | "refused" | "unreachable";
/**
 * Gives a token. It has 30 s. Nothing (or the same token again) means that there is no other; a promise that fails is
 * tried again.
 */
export type TokenProvider = (reason: TokenReason) => string | undefined | Promise<string | undefined>;
export declare class Tokens {
    #private;
    constructor(source: string | TokenProvider);
    /** Whether there may be another one. */
    get renewable(): boolean;
    /** The one in use, or a new one when there is none. Fails with `no_token` when there is no other. */
    get(): Promise<string>;
    /** Another one than that in use, which stays in use until then. */
    renew(): Promise<string>;
    /** This one is of no use any more: it ended, or the server refused it. */
    drop(token: string, why: "expiring" | "refused"): void;
    /** This one may be of no use any more. The same one is good enough, should it be given again. */
    doubt(token: string): void;
}
/** Whether a token says of itself that it has ended, a while ago. The server decides; the two clocks may differ. */
export declare function hasEnded(token: string, now: number): boolean;
