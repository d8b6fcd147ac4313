// What a filter may go on with, at a place in its text, from what was seen in lines.

import { count as inWords } from "../count.ts";
import { Numeral } from "tailcast-client";
import type { Seen, SeenValue } from "./seen.ts";
import { asName, asValue, plainName, tokens, type Token } from "./syntax.ts";

export interface Completions {
  /** What an item takes the place of; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  readonly items: readonly Completion[];
}

export interface Completion {
  readonly insert: string;
  readonly label: string;
  readonly detail: string;
}

const MOST_ITEMS = 12;
const NOTHING: Completions = { from: 0, to: 0, items: [] };

const LEVEL_OPERATORS = [
  [">=", "this level and graver"],
  [":", "this level"],
  ["<=", "this level and milder"],
  [":*", "any level"],
] as const;

const NUMBER_OPERATORS = [">=", "<="] as const;

export function completions(text: string, caret: number, seen: Seen): Completions {
  const all = tokens(text);
  const index = all.findIndex(({ from, to }) => from < caret && caret <= to);
  const token = all[index];
  // At the very end of something closed nothing is typed, and at the start of a term everything is open.
  if (!token || ["space", "minus", "open"].includes(token.kind)) return fresh(all, caret, seen);
  const typed = { from: token.from, to: token.to };
  const begun = text.slice(token.from, caret);
  if (token.kind === "word" && begun === "-") return { from: caret, to: caret, items: names("", seen) };
  if (token.kind === "word" && caret === token.to) {
    // Text as it stands, and the beginning of a comparison: told by what a value would make of it.
    const [name, operator, value] = tokens(`${begun}0`);
    if (value?.kind === "value" && value.from === begun.length) return { from: caret, to: caret, items: values(name, operator, "", seen) };
  }
  switch (token.kind) {
    case "word":
    case "or":
    case "and":
      return { ...typed, items: names(text.slice(token.from, caret), seen) };
    case "phrase":
      return token.faulty ? { ...typed, items: names(tokens(text.slice(token.from, caret))[0]?.text ?? "", seen, '"') } : NOTHING;
    case "name": {
      const operator = all[index + 1];
      const begun = token.quoted ? token.text : text.slice(token.from, caret);
      return { from: token.from, to: operator?.to ?? token.to, items: names(begun, seen) };
    }
    case "operator": {
      const value = all[index + 1];
      if (caret < token.to) return NOTHING;
      return { from: caret, to: value?.kind === "value" ? value.to : caret, items: values(all[index - 1], token, "", seen) };
    }
    case "value": {
      const before = tokens(`x:${text.slice(token.from, caret)}`).at(-1);
      return { ...typed, items: values(all[index - 2], all[index - 1], before?.text ?? "", seen) };
    }
    default:
      return NOTHING;
  }
}

/** A term begins at the caret; what stands right behind it is not for us, except a name that is there to be changed. */
function fresh(all: readonly Token[], caret: number, seen: Seen): Completions {
  const next = all.find(({ from }) => from === caret);
  return next && next.kind !== "space" && next.kind !== "close" ? NOTHING : { from: caret, to: caret, items: names("", seen) };
}

function names(typed: string, seen: Seen, opening = ""): Completion[] {
  const known = [
    // The line's own first: they are in every line.
    { name: "level", insert: "level", detail: "how grave a line is" },
    { name: "ts", insert: "ts>=", detail: "when it was logged" },
    ...seen.paths().flatMap(({ value, count }) => {
      const insert = asName(value);
      return insert === undefined ? [] : [{ name: value, insert: `${insert}:`, detail: inWords(count, "line") }];
    }),
  ];
  const exact = operators(typed, seen);
  const others = ranked(known, typed, ({ name }) => name).filter(({ name, insert }) => name !== typed && insert.startsWith(opening));
  return [...exact, ...others.map(({ insert, detail }) => ({ insert, label: insert, detail }))].slice(0, MOST_ITEMS);
}

/** What follows a name that is complete. */
function operators(name: string, seen: Seen): Completion[] {
  if (name === "level") return LEVEL_OPERATORS.map(([operator, detail]) => item(`level${operator}`, detail));
  if (name === "ts") return [item("ts>=", "from a time on"), item("ts<", "before a time")];
  const said = asName(name);
  if (said === undefined || !seen.paths().some(({ value }) => value === name)) return [];
  const compared = seen.hasNumbers(name) ? NUMBER_OPERATORS : [];
  const asNumbers = compared.map((operator) => item(said + operator, "as a number"));
  return [item(`${said}:`, "is exactly"), ...asNumbers, item(`${said}:*`, "is there")];
}

function values(name: Token | undefined, operator: Token | undefined, typed: string, seen: Seen): Completion[] {
  if (!name || !operator) return [];
  if (name.text === "level") return levels(typed, seen);
  const exact = operator.text === ":" || operator.text === "=";
  const path = plainName(name.text);
  const known = seen.values(path).filter(({ value }) => exact || isNumber(value));
  const found = ranked(known, typed, ({ value }) => String(value)).flatMap(({ value, count }) => {
    const insert = asValue(String(value), exact ? path : "");
    return insert === undefined ? [] : [item(insert, inWords(count, "line"))];
  });
  return found.slice(0, MOST_ITEMS);
}

function levels(typed: string, seen: Seen): Completion[] {
  const known = seen.levels();
  return ranked(known, typed, ({ value }) => value).map(({ value, count }) => item(value, inWords(count, "line")));
}

/** Those that have the text: those that begin with it first, otherwise in the order they came. */
function ranked<T>(known: readonly T[], typed: string, nameOf: (one: T) => string): T[] {
  const wanted = typed.toLowerCase();
  const place = (one: T): number => nameOf(one).toLowerCase().indexOf(wanted);
  const having = known.filter((one) => place(one) >= 0);
  return having.toSorted((a, b) => Math.min(place(a), 1) - Math.min(place(b), 1));
}

function isNumber(value: SeenValue): boolean {
  return typeof value === "number" || value instanceof Numeral;
}

function item(insert: string, detail: string): Completion {
  return { insert, label: insert, detail };
}
