// A filter in words: how it is read. Pure. For somebody who asks why a line is not found.

import { partsOf } from "./parts.ts";
import { quoted, tokens, type Token } from "./syntax.ts";

/** How long a filter may be, in UTF-8. */
const FILTER_BYTES = 4096;

const LEVELS: Readonly<Record<string, string>> = {
  ":": "is",
  "=": "is",
  ">=": "is at least",
  ">": "is graver than",
  "<=": "is at most",
  "<": "is less grave than",
};
const COMPARED: Readonly<Record<string, string>> = {
  ":": "is",
  "=": "is",
  ">=": "is at least",
  ">": "is more than",
  "<=": "is at most",
  "<": "is less than",
};
const TIMES: Readonly<Record<string, string>> = { ...COMPARED, ">": "is after", "<": "is before" };

/** `level is at least warn, and “timed out” is in the message or a field`. Nothing when it is no whole filter. */
export function readingOf(filter: string): string | undefined {
  if (!partsOf(filter)) return undefined;
  const words = tokens(filter).filter(({ kind }) => kind !== "space");
  let text = "";
  let joins = false;
  for (let i = 0; i < words.length; i++) {
    const token = words[i] as Token;
    // What stands side by side must match anyway.
    if (token.kind === "and") continue;
    if (token.kind === "close") text += ")";
    else if (token.kind === "or") text += ", or ";
    if (token.kind === "or" || token.kind === "close") {
      joins = token.kind === "close";
      continue;
    }
    if (joins) text += ", and ";
    joins = false;
    if (token.kind === "minus") text += "not: ";
    else if (token.kind === "open") text += "(";
    else {
      const value = words[i + 2] as Token;
      const said = token.kind === "name" ? comparison(token, words[i + 1] as Token, value) : found(token);
      const isAlsoText = token.kind === "name" && value.orText;
      text += isAlsoText ? `(${said} or “${filter.slice(token.from, value.to)}” is in the message or a field)` : said;
      if (token.kind === "name") i += 2;
      joins = true;
    }
  }
  return text;
}

/** Whatever was typed or pasted, looked for as it stands. Nothing for no text, and for one that is longer than a filter may be. */
export function literal(text: string): string | undefined {
  const phrase = text.trim() === "" ? undefined : quoted(text.trim());
  return phrase !== undefined && new TextEncoder().encode(phrase).length <= FILTER_BYTES ? phrase : undefined;
}

/** The same characters, looked for as they stand. Nothing where that would be the same filter. */
export function asPhrase(filter: string): string | undefined {
  const words = tokens(filter).filter(({ kind }) => kind !== "space");
  const [only] = words;
  if (words.length === 0 || (words.length === 1 && (only?.kind === "word" || only?.kind === "phrase"))) return undefined;
  return literal(filter);
}

function found({ kind, text }: Token): string {
  return kind === "regex" ? `the message matches /${text}/` : `“${text}” is in the message or a field`;
}

function comparison({ text: name }: Token, { text: operator }: Token, { text: value, prefix }: Token): string {
  if (name === "level") return `the level ${LEVELS[operator] ?? operator} ${value}`;
  const what = name === "ts" ? "the time" : name === "message" ? "the message" : `the field ${name}`;
  if (prefix) return value === "" ? `${what} is there` : `${what} begins with “${value}”`;
  const words = name === "ts" ? TIMES : COMPARED;
  return `${what} ${words[operator] ?? operator} ${/^-?\d/.test(value) || name === "ts" ? value : `“${value}”`}`;
}
