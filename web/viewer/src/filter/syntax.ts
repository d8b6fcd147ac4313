// The protocol's filter grammar, as far as a page needs it: where which part of a text stands, and how a value is quoted.
//
// Reads half-typed text, too. It is not the judge: the server is, and it says where it disagrees.

export type TokenKind =
  | "space"
  | "or"
  | "minus"
  | "open"
  | "close"
  | "word"
  | "phrase"
  | "regex"
  /** A field's, `level`, `message` or `ts`, with its quotes. An operator follows. */
  | "name"
  | "operator"
  /** With its quotes, and with the `*` after it. */
  | "value";

/** A piece of a filter. Tokens follow each other without a hole, from the first character to the last. */
export interface Token {
  readonly kind: TokenKind;
  /** In UTF-16 units, like every place in a JavaScript text. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** What is meant: without quotes, escapes and the final `*`. */
  readonly text: string;
  readonly quoted: boolean;
  /** A value that only begins so. */
  readonly prefix: boolean;
  /** It cannot stand so: a quote is not closed, a value is missing… */
  readonly faulty: boolean;
}

const SPACE = /\p{White_Space}+/uy;
const RUN = /[^\p{White_Space}()"]+/uy;
const NAME = /[\p{Alphabetic}_@][\p{Alphabetic}\p{N}_.@-]*/uy;
const WHOLE_NAME = /^[\p{Alphabetic}_@][\p{Alphabetic}\p{N}_.@-]*$/u;
const OPERATOR = />=|<=|[><=:]/y;
const OR = /OR(?=[\p{White_Space}()"]|$)/uy;
const AFTER_REGEX = /\p{White_Space}|\)|$/uy;
const AFTER_MINUS = /[^\p{White_Space})]/uy;

export function tokens(text: string): Token[] {
  return new Lexer(text).all();
}

class Lexer {
  readonly #text: string;
  readonly #found: Token[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): Token[] {
    while (this.#at < this.#text.length) this.#one();
    return this.#found;
  }

  #one(): void {
    const first = this.#text[this.#at];
    // After a minus, `OR` is a word.
    const afterMinus = this.#found.at(-1)?.kind === "minus";
    const end = this.#match(SPACE);
    if (end !== undefined) this.#add("space", end);
    else if (first === "(") this.#add("open", this.#at + 1);
    else if (first === ")") this.#add("close", this.#at + 1);
    else if (first === "-") this.#add("minus", this.#at + 1, { faulty: this.#match(AFTER_MINUS, this.#at + 1) === undefined });
    else if (!afterMinus && this.#match(OR) !== undefined) this.#add("or", this.#at + 2);
    else if (first === "/") this.#regex();
    else if (first === '"') this.#phraseOrName();
    else this.#wordOrName();
  }

  #regex(): void {
    let at = this.#at + 1;
    while (at < this.#text.length && this.#text[at] !== "/") at += this.#text[at] === "\\" ? 2 : 1;
    const closed = at < this.#text.length;
    const end = Math.min(closed ? at + 1 : at, this.#text.length);
    const faulty = !closed || this.#match(AFTER_REGEX, end) === undefined;
    const text = this.#text.slice(this.#at + 1, Math.min(at, end)).replace(/\\(.)/gsu, (pair, escaped) => (escaped === "/" ? "/" : pair));
    this.#add("regex", end, { text, faulty });
  }

  #phraseOrName(): void {
    const { text, end, closed, faulty } = unquoted(this.#text, this.#at);
    const named = closed && this.#match(OPERATOR, end) !== undefined;
    this.#add(named ? "name" : "phrase", end, { text, quoted: true, faulty: faulty || text === "" });
    if (named) this.#comparison();
  }

  #wordOrName(): void {
    const end = this.#match(NAME);
    if (end !== undefined && !this.#text.startsWith("://", end) && this.#match(OPERATOR, end) !== undefined) {
      this.#add("name", end);
      this.#comparison();
    } else this.#add("word", this.#match(RUN) ?? this.#at + 1);
  }

  #comparison(): void {
    const end = this.#match(OPERATOR) ?? this.#at;
    const quoted = this.#text[end] === '"';
    const run = quoted ? undefined : this.#match(RUN, end);
    this.#add("operator", end, { faulty: !quoted && run === undefined });
    if (quoted) {
      const value = unquoted(this.#text, end);
      const prefix = value.closed && this.#text[value.end] === "*";
      this.#add("value", value.end + (prefix ? 1 : 0), { text: value.text, quoted, prefix, faulty: value.faulty });
    } else if (run !== undefined) {
      const prefix = this.#text[run - 1] === "*";
      const text = this.#text.slice(end, prefix ? run - 1 : run);
      this.#add("value", run, { text, prefix, faulty: text.includes("*") });
    }
  }

  #add(kind: TokenKind, to: number, more: Partial<Token> = {}): void {
    const from = this.#at;
    this.#at = to;
    this.#found.push({ kind, from, to, text: this.#text.slice(from, to), quoted: false, prefix: false, faulty: false, ...more });
  }

  /** Where it ends when it begins at `at`. */
  #match(pattern: RegExp, at = this.#at): number | undefined {
    pattern.lastIndex = at;
    return pattern.test(this.#text) ? pattern.lastIndex : undefined;
  }
}

interface Unquoted {
  readonly text: string;
  /** Where it ends, its quote included. */
  readonly end: number;
  readonly closed: boolean;
  /** It is not closed, or has an escape that is none. */
  readonly faulty: boolean;
}

const ESCAPES: Record<string, string> = { '"': '"', "\\": "\\", "/": "/", n: "\n", r: "\r", t: "\t" };

function unquoted(source: string, from: number): Unquoted {
  let text = "";
  let faulty = false;
  for (let at = from + 1; at < source.length; at += 1) {
    const here = source[at] ?? "";
    if (here === '"') return { text, end: at + 1, closed: true, faulty };
    if (here !== "\\") {
      text += here;
      continue;
    }
    at += 1;
    const letter = source[at] ?? "";
    const code = letter === "u" ? /^[0-9a-f]{4}/i.exec(source.slice(at + 1, at + 5))?.[0] : undefined;
    const said = code === undefined ? ESCAPES[letter] : String.fromCharCode(Number.parseInt(code, 16));
    if (said === undefined || LONE_SURROGATE.test(said)) faulty = true;
    text += said ?? letter;
    if (code !== undefined) at += 4;
  }
  return { text, end: source.length, closed: false, faulty: true };
}

/** Half of a character: no filter can say it. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Control, format and white-space characters: written as escapes, so that they are seen, and kept by an input. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{White_Space}/gu;
/** What an unquoted value cannot have, or had better not. `url://x` would be a word. */
const WANTS_QUOTES = /[\p{White_Space}\p{C}()"*\\]|^\/\/|^[<>=:]|^$/u;

/** The text as a phrase, or nothing when the grammar has no words for it. */
export function quoted(text: string): string | undefined {
  if (LONE_SURROGATE.test(text)) return undefined;
  const escaped = text
    .replace(/["\\]/g, "\\$&")
    .replace(UNSEEN, (one) => SHORT[one] ?? (one.length > 1 ? one : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`));
  return `"${escaped}"`;
}

const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text as a value after `:`, in quotes where it needs them. */
export function asValue(text: string): string | undefined {
  return WANTS_QUOTES.test(text) ? quoted(text) : text;
}

/** A name as it stands before an operator. */
export function asName(name: string): string | undefined {
  if (name === "") return undefined;
  return WHOLE_NAME.test(name) ? name : quoted(name);
}

/** Names that mean the line's own, and not one of `fields`. */
const OWN = new Set(["level", "message", "ts"]);

/**
 * How a filter calls a value within a line's `fields`, by the names that lead there (those of lists left out). Nothing
 * when it cannot: an empty name is never met.
 */
export function pathOf(names: readonly string[]): string | undefined {
  if (names.length === 0 || names.includes("")) return undefined;
  const path = names.join(".");
  return OWN.has(path) || path.startsWith("fields.") ? `fields.${path}` : path;
}

/** Of the names for one thing, one: `fields.user` is `user`. */
export function plainName(name: string): string {
  const short = name.startsWith("fields.") ? name.slice("fields.".length) : name;
  return pathOf([short]) === short ? short : name;
}

/** The server counts characters, JavaScript UTF-16 units: the place in `text` of its `position`-th character. */
export function placeOf(text: string, position: number): number {
  let at = 0;
  for (let left = position; left > 0 && at < text.length; left -= 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return at;
}
