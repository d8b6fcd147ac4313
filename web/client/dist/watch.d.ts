export type Verdict = "fine" | "ask" | "dead";
export declare class Watch {
    #private;
    constructor(now: number);
    /** When something was last heard. */
    get heardAt(): number;
    /** From now on the server can be asked for a sign of life, after so much silence (ms) at most. */
    canAsk(heartbeat: number): void;
    cannotAsk(): void;
    /** Whether it makes sense to ask for one now. */
    get mayAsk(): boolean;
    heard(now: number): void;
    asked(key: string, now: number): void;
    answered(key: string): void;
    /** Answered, whatever was asked of it. */
    refused(id: string): void;
    /** @param seen whether somebody looks: a sign is asked for sooner then. */
    verdict(now: number, seen: boolean): Verdict;
    /**
     * Whether a sign of life should have come by now: it was asked for and did not come, or nobody could ask (the page slept)
     * and the last one is too old. From a server that cannot be asked, none is awaited.
     */
    isOverdue(now: number, seen: boolean): boolean;
}
