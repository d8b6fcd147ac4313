export declare class OutboundRate {
    #private;
    constructor(perSecond: number, now: number);
    /** Milliseconds until the next one may be sent: 0 means now, and counts it. */
    take(now: number): number;
}
