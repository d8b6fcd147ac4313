export type Verdict = "fine" | "ask" | "dead";
export declare class Watch {
    #private;
    constructor(now: number);
    /** From now on the server can be asked for a sign of life, after so much silence (ms). */
    canAsk(heartbeat: number): void;
    cannotAsk(): void;
    /** Whether it makes sense to ask for one now. */
    get mayAsk(): boolean;
    heard(now: number): void;
    asked(key: string, now: number): void;
    answered(key: string): void;
    /** Answered, whatever was asked of it. */
    refused(id: string): void;
    verdict(now: number): Verdict;
}
