// Adds terms to a filter and takes them out again, in its text: what the reader wrote stays as it was written.
//
// `path` is a name as a filter says it: `level`, `message`, `ts`, or what `pathOf` gives for a value within `fields`.
// What the grammar has no words for is `undefined`, and so is what would not fit into a filter.

import { Numeral, type JsonValue, type Level } from "tailcast-client";
import { fits, partsOf, type Comparison, type Part } from "./parts.ts";
import { asName, asValue, plainName, tokens } from "./syntax.ts";

export type LevelOperator = ":" | "=" | ">=" | ">" | "<=" | "<";

const LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal"] satisfies Level[];

/**
 * What numbers there are at a path. `field:402` compares how they are written, and among decimals the page cannot tell 402 from
 * 402.0: there, 402 is asked for by what it is worth.
 */
export type Numbers = "whole" | "decimal";

/** The filter, for lines only where `path` is `value`. */
export function only(filter: string, path: string, value: JsonValue, numbers: Numbers = "whole"): string | undefined {
  return put(filter, path, value, { how: "only", numbers });
}

/** The filter, for lines only where `path` is not `value`. */
export function without(filter: string, path: string, value: JsonValue, numbers: Numbers = "whole"): string | undefined {
  return put(filter, path, value, { how: "without", numbers });
}

/** Whether the filter says at its top that `path` is `value`, or that it is not. */
export function isIn(filter: string, path: string, value: JsonValue, numbers: Numbers = "whole"): "only" | "without" | undefined {
  const terms = termsFor(path, value, numbers);
  if (!terms) return undefined;
  const found = (how: How): boolean => find(filter, terms, how).every((part) => part !== undefined);
  return found("only") ? "only" : found("without") ? "without" : undefined;
}

/** The filter without what `only` or `without` made of these. */
export function forget(filter: string, path: string, value: JsonValue, numbers: Numbers = "whole"): string | undefined {
  const terms = termsFor(path, value, numbers);
  return terms && partsOf(filter) ? taken(taken(filter, terms, "only"), terms, "without") : undefined;
}

/** The filter for lines of this level alone. Every other comparison of levels at its top goes. */
export function withLevel(filter: string, operator: LevelOperator, level: Level | undefined): string | undefined {
  const read = partsOf(filter);
  if (!read) return undefined;
  const old = read.hasOr ? [] : read.parts.filter(isLevel);
  if (level === undefined) return cut(filter, old);
  const [first, ...rest] = old;
  const term = `level${operator}${level}`;
  if (!first) return also(filter, term);
  // From behind, so that the places before stay.
  const shorter = cut(filter, rest);
  const whole = shorter.slice(0, first.from) + term + shorter.slice(first.to);
  return fits(whole) ? whole : undefined;
}

/** Which levels the filter asks for, when one term at its top says so. */
export function levelOf(filter: string): { operator: LevelOperator; level: Level } | undefined {
  const read = partsOf(filter);
  const asked = read && !read.hasOr ? read.parts.filter(isLevel) : [];
  const { operator, value, prefix } = asked[0]?.comparison ?? {};
  const level = value?.toLowerCase();
  if (asked.length !== 1 || prefix || level === undefined || !LEVELS.includes(level)) return undefined;
  return { operator: operator as LevelOperator, level: level as Level };
}

/** The filter, for lines only that match this term, too. */
export function also(filter: string, term: string): string | undefined {
  const read = partsOf(filter);
  if (!read) return undefined;
  const before = filter.trim();
  const whole = before === "" ? term : `${read.hasOr ? `(${before})` : before} ${term}`;
  return fits(whole) ? whole : undefined;
}

type How = "only" | "without";

function put(filter: string, path: string, value: JsonValue, { how, numbers }: { how: How; numbers: Numbers }): string | undefined {
  const terms = termsFor(path, value, numbers);
  if (!terms || !partsOf(filter)) return undefined;
  const opposite = how === "only" ? "without" : "only";
  let whole: string | undefined = isIn(filter, path, value, numbers) === opposite ? taken(filter, terms, opposite) : filter;
  const there = find(whole, terms, how);
  for (const [i, text] of written(terms, how).entries()) {
    if (whole !== undefined && there[i] === undefined) whole = also(whole, text);
  }
  return whole;
}

/** The terms that say together that `path` is `value`. */
function termsFor(path: string, value: JsonValue, numbers: Numbers): readonly Comparison[] | undefined {
  if (path === "level") {
    const level = typeof value === "string" ? value.toLowerCase() : "";
    return LEVELS.includes(level) ? [comparison(path, ":", level)] : undefined;
  }
  const terms = valueTerms(path, value, numbers);
  return terms?.every((term) => text(term) !== undefined) ? terms : undefined;
}

function valueTerms(path: string, value: JsonValue, numbers: Numbers): readonly Comparison[] | undefined {
  if (typeof value === "string") return [comparison(path, ":", value)];
  if (value === null || typeof value === "boolean") return [comparison(path, ":", String(value))];
  if (typeof value !== "number" && !(value instanceof Numeral)) return undefined;
  if (typeof value === "number" && !Number.isFinite(value)) return undefined;
  const number = String(value);
  const isWhole = numbers === "whole" && Number.isSafeInteger(value) && !Object.is(value, -0);
  if (isWhole || !isComparable(number)) return [comparison(path, ":", number)];
  // 1.50 is not written like 1.5.
  return [comparison(path, ">=", number), comparison(path, "<=", number)];
}

/** Whether a comparison tells a number from those beside it: the server's have so many digits as well. */
function isComparable(number: string): boolean {
  const [digits = ""] = number.replace(/^-?0*\.?0*/, "").split(/[eE]/);
  return Number.isFinite(Number(number)) && digits.replace(".", "").length <= 15;
}

function comparison(name: string, operator: string, value: string): Comparison {
  return { name, operator, value, prefix: false, orText: false };
}

function text({ name, operator, value }: Comparison): string | undefined {
  const [said, meant] = [asName(name), asValue(value, operator === ":" ? name : "")];
  return said === undefined || meant === undefined ? undefined : said + operator + meant;
}

/** What is written for them. */
function written(terms: readonly Comparison[], how: How): readonly string[] {
  const texts = terms.map((term) => text(term) ?? "");
  if (how === "only") return texts;
  return [texts.length === 1 ? `-${texts[0]}` : `-(${texts.join(" ")})`];
}

/** Where the filter's top says it, for each thing `written`. */
function find(filter: string, terms: readonly Comparison[], how: How): readonly (Part | undefined)[] {
  const read = partsOf(filter);
  const parts = read && !read.hasOr ? read.parts : [];
  if (how === "without" && terms.length > 1) {
    const [whole] = written(terms, how);
    return [parts.find(({ from, to }) => filter.slice(from, to) === whole)];
  }
  const negated = how === "without";
  return terms.map((term) => parts.find((part) => part.negated === negated && part.comparison && same(part.comparison, term)));
}

function same(a: Comparison, b: Comparison): boolean {
  return key(a) === key(b);
}

/** Of one sense, one text: `status:"402"` is `fields.status:402`, and `status=402` is more than that. */
function key({ name, operator, value, prefix, orText }: Comparison): string {
  const meant = name === "level" ? value.toLowerCase() : value;
  return JSON.stringify([plainName(name), operator === "=" ? ":" : operator, meant, prefix, orText]);
}

function taken(filter: string, terms: readonly Comparison[], how: How): string {
  const found = find(filter, terms, how);
  return found.every((part) => part !== undefined) ? cut(filter, found) : filter;
}

function isLevel({ comparison: compares, negated }: Part): boolean {
  return compares?.name === "level" && !negated;
}

/** The part, with the `AND` that joins it to what stands before or behind it. */
function withItsAnd(filter: string, { from, to }: Part): { from: number; to: number } {
  const all = tokens(filter).filter(({ kind }) => kind !== "space");
  const before = all.findLast((token) => token.to <= from);
  const after = all.find((token) => token.from >= to);
  if (before?.kind === "and") return { from: before.from, to };
  return { from, to: after?.kind === "and" ? after.to : to };
}

/** The text without these parts. Of one group that is left, the parentheses go. */
function cut(filter: string, parts: readonly Part[]): string {
  let rest = filter;
  for (const part of parts.toSorted((a, b) => b.from - a.from)) {
    const { from, to } = withItsAnd(rest, part);
    const [before, after] = [rest.slice(0, from).trimEnd(), rest.slice(to).trimStart()];
    rest = before === "" || after === "" ? before + after : `${before} ${after}`;
  }
  if (parts.length === 0) return rest;
  const left = partsOf(rest)?.parts ?? [];
  const [group] = left;
  return left.length === 1 && group?.group && rest[group.from] === "(" ? rest.slice(group.from + 1, group.to - 1).trim() : rest;
}
