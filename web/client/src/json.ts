// JSON whose whole numbers are never rounded. Pure.

/** A value within a line's fields. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | WholeNumber
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/**
 * A whole number beyond ±2^53, which JavaScript's numbers would round: an identifier of 64 bits, say. In text it is its
 * digits, in comparisons and arithmetic a `bigint`, and `JSON.stringify` writes it as it came (as a string of the digits
 * where `JSON.rawJSON` is missing).
 */
export class WholeNumber {
  /** As it was written, with its sign. */
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }

  toString(): string {
    return this.digits;
  }

  toJSON(): unknown {
    return raw?.(this.digits) ?? this.digits;
  }

  [Symbol.toPrimitive](hint: string): string | bigint {
    return hint === "string" ? this.digits : BigInt(this.digits);
  }
}

/** Parts of the language that TypeScript's own declarations do not have yet. */
const { rawJSON: raw } = JSON as { rawJSON?: (text: string) => unknown };
type Reviver = (this: unknown, name: string, value: unknown, context?: { source?: string }) => unknown;
const parseWith = JSON.parse as (text: string, reviver?: Reviver) => unknown;

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

/** Reads JSON; a whole number that would be rounded becomes a {@link WholeNumber}. Throws a `SyntaxError`. */
export function parse(text: string): unknown {
  // Almost no message has so many digits in a row, and a reviver is slow.
  if (!/\d{16}/.test(text)) return parseWith(text);
  return TELLS_SOURCE ? parseBySource(text) : parseByMarks(text);
}

function parseBySource(text: string): unknown {
  return parseWith(text, (_, value, context) => {
    const source = context?.source;
    const rounded = typeof value === "number" && !Number.isSafeInteger(value);
    return rounded && source !== undefined && WHOLE.test(source) ? new WholeNumber(source) : value;
  });
}

/** For engines that do not tell: such numbers become strings with a mark that nobody can have sent. */
export function parseByMarks(text: string): unknown {
  const mark = `${Math.random()}${Math.random()}:`;
  const marked = text.replace(STRING_OR_NUMBER, (found) =>
    WHOLE.test(found) && !Number.isSafeInteger(Number(found)) ? `"${mark}${found}"` : found,
  );
  return parseWith(marked, (_, value) =>
    typeof value === "string" && value.startsWith(mark) ? new WholeNumber(value.slice(mark.length)) : value,
  );
}
