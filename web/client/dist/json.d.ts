/** A value within a line's fields. */
export type JsonValue = string | number | boolean | null | Numeral | readonly JsonValue[] | {
    readonly [name: string]: JsonValue;
};
/**
 * A number that JavaScript would write otherwise than it was written: `1.50`, `1e400`, `-0`, `12345678901234567.89`. In text it
 * is what was written, in comparisons and arithmetic the nearest number, and `JSON.stringify` writes it as it came (as a string
 * where `JSON.rawJSON` is missing). Only a client that is {@link ClientOptions.exact | exact} makes them.
 */
export declare class Numeral {
    /** As it was written. */
    readonly source: string;
    constructor(source: string);
    toString(): string;
    toJSON(): unknown;
    [Symbol.toPrimitive](hint: string): string | number | bigint;
}
/**
 * A whole number beyond ±2^53, which JavaScript's numbers would round: an identifier of 64 bits, say. In comparisons and
 * arithmetic it is a `bigint`.
 */
export declare class WholeNumber extends Numeral {
    /** As it was written, with its sign. */
    get digits(): string;
    [Symbol.toPrimitive](hint: string): string | bigint;
}
/** What to make of a number that is `value` and was written as `source`. */
type Reading = (source: string, value: number) => number | Numeral;
/** Reads JSON; a whole number that would be rounded becomes a {@link WholeNumber}. Throws a `SyntaxError`. */
export declare function parse(text: string): unknown;
/** Reads JSON; a number that would be written otherwise becomes a {@link Numeral}. Throws a `SyntaxError`. */
export declare function parseAsWritten(text: string): unknown;
/** For engines that do not tell: such numbers become strings with a mark that nobody can have sent. */
export declare function parseByMarks(text: string, reading?: Reading): unknown;
export {};
