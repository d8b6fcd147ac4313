// What the reader looks for, as a pattern. Pure.

export interface Query {
  readonly text: string;
  readonly regex: boolean;
  readonly matchCase: boolean;
  /** Whole words only. */
  readonly word: boolean;
}

export const NO_QUERY: Query = { text: "", regex: false, matchCase: false, word: false };

/** What a `RegExp` is made of. Data, so that it can be sent to a worker. */
export interface Pattern {
  /** `plain` takes no longer than a text is long, and looks at fields, too. `regex` is the reader's, and may take for ever. */
  readonly kind: "plain" | "regex";
  readonly source: string;
  readonly flags: string;
}

export type Search = Pattern | { readonly kind: "nothing" } | { readonly kind: "bad"; readonly error: string };

export const MOST_CHARACTERS = 1_000;

const WORD = "[\\p{L}\\p{M}\\p{N}_]";

export function searchFor({ text, regex, matchCase, word }: Query): Search {
  if (text === "") return { kind: "nothing" };
  if (text.length > MOST_CHARACTERS) return { kind: "bad", error: "This is too long to look for. Shorten it to 1,000 characters." };
  const ignore = matchCase ? "" : "i";
  if (!regex) return { kind: "plain", source: bounded(escaped(text), word, "u"), flags: `u${ignore}` };
  const [strict, lenient] = [faultOf(text, "u"), faultOf(text, "")];
  // With `u` a pattern sees whole characters; without it more is forgiven, as `\-`.
  if (strict !== undefined && lenient !== undefined) return { kind: "bad", error: `This is no expression: ${lenient}.` };
  const unicode = strict === undefined ? "u" : "";
  return { kind: "regex", source: bounded(text, word, unicode), flags: unicode + ignore };
}

export function sameQuery(a: Query, b: Query): boolean {
  return a.text === b.text && a.regex === b.regex && a.matchCase === b.matchCase && a.word === b.word;
}

function escaped(text: string): string {
  return text.replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&");
}

function bounded(source: string, word: boolean, unicode: string): string {
  if (!word) return source;
  return unicode ? `(?<!${WORD})(?:${source})(?!${WORD})` : `\\b(?:${source})\\b`;
}

/** Why it is none, in the browser's words. */
function faultOf(source: string, flags: string): string | undefined {
  try {
    new RegExp(source, flags);
    return undefined;
  } catch (error) {
    const said = String(error).split(": ").at(-1) ?? "";
    return said.charAt(0).toLowerCase() + said.slice(1);
  }
}
