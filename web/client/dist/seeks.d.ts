import { TailcastError } from "./errors.js";
/** Where somebody wants to go on, and who is to be told what came of it. */
export interface Seek {
    readonly stream: string;
    readonly to: number | "live";
    resolve(): void;
    reject(error: TailcastError): void;
}
export declare class Seeks {
    #private;
    add(id: string, seek: Seek): void;
    /** The one that the server answers now. */
    next(id: string): Seek | undefined;
    /** No answer comes any more. */
    abandon(): void;
}
