// JSON whose whole numbers are never rounded, and, where that is asked for, whose numbers are all as they were written. Pure.
/**
 * A number that JavaScript would write otherwise than it was written: `1.50`, `1e400`, `-0`, `12345678901234567.89`. In text it
 * is what was written, in comparisons and arithmetic the nearest number, and `JSON.stringify` writes it as it came (as a string
 * where `JSON.rawJSON` is missing). Only a client that is {@link ClientOptions.exact | exact} makes them.
 */
export class Numeral {
    /** As it was written. */
    source;
    constructor(source) {
        this.source = source;
    }
    toString() {
        return this.source;
    }
    toJSON() {
        return raw?.(this.source) ?? this.source;
    }
    [Symbol.toPrimitive](hint) {
        return hint === "string" ? this.source : Number(this.source);
    }
}
/**
 * A whole number beyond ±2^53, which JavaScript's numbers would round: an identifier of 64 bits, say. In comparisons and
 * arithmetic it is a `bigint`.
 */
export class WholeNumber extends Numeral {
    /** As it was written, with its sign. */
    get digits() {
        return this.source;
    }
    [Symbol.toPrimitive](hint) {
        return hint === "string" ? this.source : BigInt(this.source);
    }
}
/** Parts of the language that TypeScript's own declarations do not have yet. */
const { rawJSON: raw } = JSON;
const parseWith = JSON.parse;
const WHOLE = /^-?\d+$/;
/** A string, which is passed over, or a number. */
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Whether a reviver is told how a value was written. */
const TELLS_SOURCE = (() => {
    let told = false;
    parseWith("0", (_, value, context) => {
        told = context?.source === "0";
        return value;
    });
    return told;
})();
const rounded = (source, value) => !Number.isSafeInteger(value) && WHOLE.test(source);
const unrounded = (source, value) => (rounded(source, value) ? new WholeNumber(source) : value);
const asWritten = (source, value) => {
    if (String(value) === source)
        return value;
    return rounded(source, value) ? new WholeNumber(source) : new Numeral(source);
};
/** Reads JSON; a whole number that would be rounded becomes a {@link WholeNumber}. Throws a `SyntaxError`. */
export function parse(text) {
    // Almost no message has so many digits in a row, and a reviver is slow.
    return /\d{16}/.test(text) ? parseNumbers(text, unrounded) : parseWith(text);
}
/** Reads JSON; a number that would be written otherwise becomes a {@link Numeral}. Throws a `SyntaxError`. */
export function parseAsWritten(text) {
    return parseNumbers(text, asWritten);
}
function parseNumbers(text, reading) {
    if (!TELLS_SOURCE)
        return parseByMarks(text, reading);
    return parseWith(text, (_, value, context) => (typeof value === "number" ? reading(context?.source ?? "", value) : value));
}
/** For engines that do not tell: such numbers become strings with a mark that nobody can have sent. */
export function parseByMarks(text, reading = unrounded) {
    const mark = `${Math.random()}${Math.random()}:`;
    const marked = text.replace(STRING_OR_NUMBER, (found) => found.startsWith('"') || !(reading(found, Number(found)) instanceof Numeral) ? found : `"${mark}${found}"`);
    return parseWith(marked, (_, value) => {
        if (typeof value !== "string" || !value.startsWith(mark))
            return value;
        const source = value.slice(mark.length);
        return reading(source, Number(source));
    });
}
