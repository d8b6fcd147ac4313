/** A value within a line's fields. */
export type JsonValue = string | number | boolean | null | WholeNumber | readonly JsonValue[] | {
    readonly [name: string]: JsonValue;
};
/**
 * A whole number beyond ±2^53, which JavaScript's numbers would round: an identifier of 64 bits, say. In text it is its
 * digits, in comparisons and arithmetic a `bigint`, and `JSON.stringify` writes it as it came (as a string of the digits
 * where `JSON.rawJSON` is missing).
 */
export declare class WholeNumber {
    /** As it was written, with its sign. */
    readonly digits: string;
    constructor(digits: string);
    toString(): string;
    toJSON(): unknown;
    [Symbol.toPrimitive](hint: string): string | bigint;
}
/** Reads JSON; a whole number that would be rounded becomes a {@link WholeNumber}. Throws a `SyntaxError`. */
export declare function parse(text: string): unknown;
/** For engines that do not tell: such numbers become strings with a mark that nobody can have sent. */
export declare function parseByMarks(text: string): unknown;
