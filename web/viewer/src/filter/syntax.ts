// The protocol's filter grammar, as far as a page needs it: where which part of a text stands, and how a value is quoted.
//
// Reads half-typed text, too. It is not the judge: the server is, and it says where it disagrees. What is no operator is text, as
// people paste it.

export type TokenKind =
  | "space"
  | "or"
  | "and"
  /** `-` or `NOT`. */
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
  /** Of a value: the comparison is looked for as text, too. */
  readonly orText: boolean;
  /** It cannot stand so: a quote is not closed, a value is missing… */
  readonly faulty: boolean;
}

const SPACE = /\p{White_Space}+/uy;
/** What has no blank. */
const UNBROKEN = /[^\p{White_Space}]+/uy;
const NAME = /[\p{Alphabetic}_@][\p{Alphabetic}\p{N}_.@-]*/uy;
const WHOLE_NAME = /^[\p{Alphabetic}_@][\p{Alphabetic}\p{N}_.@-]*(?<![.-])$/u;
const OPERATOR = />=|<=|[><=:]/y;
const WORD_OPERATOR = /(?:OR|AND|NOT)(?=[\p{White_Space}()"]|$)/uy;
const WORD_OPERATORS: Record<string, TokenKind> = { OR: "or", AND: "and", NOT: "minus" };
/** After so many minus signs in a row nobody negates any more. */
const MINUS_SIGNS_OF_A_RULE = 3;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Names that mean the line's own, and not one of `fields`. */
const OWN = new Set(["level", "message", "ts"]);
const OWN_AND_ORDERED = new Set(["level", "ts"]);

export function tokens(text: string): Token[] {
  return new Lexer(text).all();
}

/** A value that belongs to an operator. */
interface Value {
  readonly text: string;
  readonly end: number;
  readonly quoted: boolean;
  readonly prefix: boolean;
  readonly faulty: boolean;
}

/** Reads by the rules of lines/src/filter/tokens.rs; tests/wire/filters.json holds the two together. */
class Lexer {
  readonly #text: string;
  readonly #found: Token[] = [];
  /** Where parentheses that have a partner close, by where they open. */
  readonly #partners: ReadonlyMap<number, number>;
  /** Groups that are not closed yet. */
  #open = 0;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#partners = partners(text);
  }

  all(): Token[] {
    while (this.#at < this.#text.length) this.#one();
    return this.#found;
  }

  #one(): void {
    const first = this.#text[this.#at];
    const end = this.#match(SPACE);
    if (end !== undefined) this.#add("space", end);
    else if (first === ")") {
      this.#open = Math.max(0, this.#open - 1);
      this.#add("close", this.#at + 1);
    } else if (first === "(" && this.#text[this.#at + 1] !== ")") {
      this.#open += 1;
      this.#add("open", this.#at + 1);
    } else if (first === "-" && this.#negates()) this.#add("minus", this.#at + 1);
    else if (first === "/") this.#regexOrWord();
    else if (first === '"') this.#phraseOrName();
    else this.#wordOrName();
  }

  /** After a minus sign no word is an operator. */
  #isAfterMinus(): boolean {
    const last = this.#found.at(-1);
    return last?.kind === "minus" && last.text === "-";
  }

  /** Whether the minus sign here negates what follows, and is no text: alone, an arrow, a rule, or a number's sign. */
  #negates(): boolean {
    let signs = 1;
    while (this.#text[this.#at + signs] === "-") signs += 1;
    const from = this.#at + signs;
    const run = this.#text.slice(from, this.#run(from));
    const next = this.#text[from];
    if (signs >= MINUS_SIGNS_OF_A_RULE || (run === "" && next !== "(" && next !== '"')) return false;
    if (next === "(" || next === '"' || (next === "/" && run.length > 1)) return true;
    const isNumber = signs === 1 && !this.#isAfterMinus() && NUMBER.test(run.replace(/[,;.%]+$/, ""));
    return !isNumber && next !== ">" && /[\p{Alphabetic}\p{N}]/u.test(run);
  }

  #regexOrWord(): void {
    let at = this.#at + 1;
    while (at < this.#text.length && this.#text[at] !== "/") at += this.#text[at] === "\\" ? 2 : 1;
    const end = at + 1;
    const next = this.#text[end];
    const ends = next === undefined || this.#match(SPACE, end) !== undefined || (next === ")" && this.#open > 0);
    if (at >= this.#text.length || !ends || at === this.#at + 1) return this.#word(this.#at);
    const text = this.#text.slice(this.#at + 1, at).replace(/\\(.)/gsu, (pair, escaped) => (escaped === "/" ? "/" : pair));
    this.#add("regex", end, { text });
  }

  #phraseOrName(): void {
    const { text, end, closed } = unquoted(this.#text, this.#at);
    if (closed && text === "") return this.#word(this.#at);
    if (closed && this.#match(OPERATOR, end) !== undefined) return this.#comparison(text, end, true);
    this.#add("phrase", end, { text, quoted: true, faulty: !closed });
  }

  #wordOrName(): void {
    const operator = this.#isAfterMinus() ? undefined : this.#match(WORD_OPERATOR);
    const kind = operator === undefined ? undefined : WORD_OPERATORS[this.#text.slice(this.#at, operator)];
    if (operator !== undefined && kind !== undefined) return this.#add(kind, operator);
    const end = this.#match(NAME);
    const isName = end !== undefined && !/[.-]/.test(this.#text[end - 1] ?? "") && this.#match(OPERATOR, end) !== undefined;
    if (isName) this.#comparison(this.#text.slice(this.#at, end), end, false);
    else this.#word(this.#at);
  }

  /** A name that ends at `end`, with an operator behind it: a comparison, or a text that looks like one. */
  #comparison(name: string, end: number, quotedName: boolean): void {
    const after = this.#match(OPERATOR, end) ?? end;
    const operator = this.#text.slice(end, after);
    const isOrder = operator !== ":" && operator !== "=";
    const mustBeOne = isOrder && OWN_AND_ORDERED.has(name);
    const value = this.#value(after);
    if (!value) {
      if (!mustBeOne) return this.#word(end);
      this.#add("name", end, { text: name, quoted: quotedName });
      return this.#add("operator", after, { faulty: true });
    }
    const hasStar = !value.quoted && value.text.includes("*");
    if (!mustBeOne && isText(operator, value, hasStar)) return this.#word(end);
    this.#add("name", end, { text: name, quoted: quotedName });
    this.#add("operator", after);
    const orText = operator === "=" ? name !== "level" : operator === ":" && !value.quoted && looksLikeText(name, value.text);
    const { text, quoted, prefix } = value;
    this.#add("value", value.end, { text, quoted, prefix, orText, faulty: value.faulty || hasStar });
  }

  #value(from: number): Value | undefined {
    if (this.#text[from] === '"') {
      const value = unquoted(this.#text, from);
      const prefix = value.closed && this.#text[value.end] === "*";
      return { text: value.text, end: value.end + (prefix ? 1 : 0), quoted: true, prefix, faulty: !value.closed };
    }
    const end = this.#run(from);
    if (end === from) return undefined;
    const prefix = this.#text[end - 1] === "*";
    return { text: this.#text.slice(from, prefix ? end - 1 : end), end, quoted: false, prefix, faulty: false };
  }

  /** Everything up to where the run ends that `from` is in. */
  #word(from: number): void {
    this.#add("word", Math.max(this.#run(from), from + 1));
  }

  /** Where what stands at `from` ends: at a blank, or at a parenthesis that opens or closes a group. */
  #run(from: number): number {
    const end = this.#match(UNBROKEN, from) ?? from;
    for (let at = from; at < end; at += 1) {
      const here = this.#text[at];
      if (here === ")" && this.#open > 0) return at;
      const partner = here === "(" ? this.#partners.get(at) : undefined;
      if (partner === undefined) continue;
      if (partner >= end) return at;
      at = partner;
    }
    return end;
  }

  #add(kind: TokenKind, to: number, more: Partial<Token> = {}): void {
    const from = this.#at;
    this.#at = to;
    const plain = { quoted: false, prefix: false, orText: false, faulty: false };
    this.#found.push({ kind, from, to, text: this.#text.slice(from, to), ...plain, ...more });
  }

  /** Where it ends when it begins at `at`. */
  #match(pattern: RegExp, at = this.#at): number | undefined {
    pattern.lastIndex = at;
    return pattern.test(this.#text) ? pattern.lastIndex : undefined;
  }
}

/** Whether an operator with this value behind it is none. */
function isText(operator: string, value: Value, hasStar: boolean): boolean {
  if (operator === "=") return hasStar;
  if (value.quoted) return false;
  if (operator === ":") return /^(?:[:\\=<>]|\/\/)/.test(value.text);
  return value.prefix || !NUMBER.test(value.text);
}

/** Whether `name:value` is as likely a piece of text as a field's value, and looked for as both. */
function looksLikeText(name: string, value: string): boolean {
  if (OWN.has(name) || name.startsWith("fields.")) return false;
  return value.includes(":") || name.indexOf("@", 1) > 0 || (name.includes(".") && /^\d/.test(value));
}

function partners(text: string): ReadonlyMap<number, number> {
  const open: number[] = [];
  const found = new Map<number, number>();
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "(") open.push(at);
    const opened = text[at] === ")" ? open.pop() : undefined;
    if (opened !== undefined) found.set(opened, at);
  }
  return found;
}

interface Unquoted {
  readonly text: string;
  /** Where it ends, its quote included. */
  readonly end: number;
  readonly closed: boolean;
}

const ESCAPES: Record<string, string> = { '"': '"', "\\": "\\", "/": "/", n: "\n", r: "\r", t: "\t" };

/** A backslash before anything that is no escape is a backslash. */
function unquoted(source: string, from: number): Unquoted {
  let text = "";
  for (let at = from + 1; at < source.length; at += 1) {
    const here = source[at] ?? "";
    if (here === '"') return { text, end: at + 1, closed: true };
    if (here !== "\\") {
      text += here;
      continue;
    }
    at += 1;
    const letter = source[at] ?? "";
    const code = letter === "u" ? /^[0-9a-f]{4}/i.exec(source.slice(at + 1, at + 5))?.[0] : undefined;
    const named = code === undefined ? undefined : String.fromCharCode(Number.parseInt(code, 16));
    const said = named !== undefined && !LONE_SURROGATE.test(named) ? named : ESCAPES[letter];
    text += said ?? `\\${letter}`;
    if (said !== undefined && said === named) at += 4;
  }
  return { text, end: source.length, closed: false };
}

/** Half of a character: no filter can say it. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Control, format and white-space characters: written as escapes, so that they are seen, and kept by an input. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{White_Space}/gu;
/** What an unquoted value cannot have, or had better not. `url://x` would be text. */
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

/** The text as a value of that name after `:`, in quotes where it needs them: also where the two might be a piece of text. */
export function asValue(text: string, name = ""): string | undefined {
  return WANTS_QUOTES.test(text) || looksLikeText(name, text) ? quoted(text) : text;
}

/** A name as it stands before an operator. */
export function asName(name: string): string | undefined {
  if (name === "") return undefined;
  return WHOLE_NAME.test(name) ? name : quoted(name);
}

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
