// What was seen in lines, for completion: levels, the names of fields, their values. Bounded, and cheap however fast lines come.

import { Numeral, WholeNumber, type JsonValue, type Level, type Line } from "tailcast-client";
import { pathOf } from "./syntax.ts";

const MOST = {
  paths: 500,
  values: 50,
  /** Characters of a value; longer ones are nothing to pick from a list. */
  value: 60,
  path: 100,
  /** Values looked at in one line. */
  visits: 200,
  /** Levels of nesting. */
  depth: 8,
};

/** So many lines are all looked at; of those after them, one in `STRIDE`. Levels are always counted. */
const ALL_OF = 2_000;
const STRIDE = 16;

export type SeenValue = string | number | boolean | null | Numeral;

export interface Counted<T> {
  readonly value: T;
  /** About how often. */
  readonly count: number;
}

interface Field {
  count: number;
  numbers: boolean;
  decimals: boolean;
  /** By the value's text: a text and a number that looks the same are the same to a filter. */
  readonly values: Map<string, { value: SeenValue; count: number }>;
}

export class Seen {
  readonly #levels = new Map<Level, number>();
  readonly #fields = new Map<string, Field>();
  #lines = 0;
  #visits = 0;

  note(line: Line): void {
    if (line.level !== undefined) this.#levels.set(line.level, (this.#levels.get(line.level) ?? 0) + 1);
    this.#lines += 1;
    const all = this.#lines <= ALL_OF;
    if (!line.fields || !(all || this.#lines % STRIDE === 0)) return;
    this.#visits = 0;
    this.#members(line.fields, undefined, all ? 1 : STRIDE, 0);
  }

  /** The most frequent first, like all of these. */
  levels(): readonly Counted<Level>[] {
    return sorted([...this.#levels].map(([value, count]) => ({ value, count })));
  }

  /** Names as a filter says them. */
  paths(): readonly Counted<string>[] {
    return sorted([...this.#fields].map(([value, { count }]) => ({ value, count })));
  }

  values(path: string): readonly Counted<SeenValue>[] {
    return sorted([...(this.#fields.get(path)?.values.values() ?? [])]);
  }

  /** Whether numbers were seen there. */
  hasNumbers(path: string): boolean {
    return this.#fields.get(path)?.numbers ?? false;
  }

  /** Whether one of the numbers that were seen there is not whole. */
  hasDecimals(path: string): boolean {
    return this.#fields.get(path)?.decimals ?? false;
  }

  #members(object: { readonly [name: string]: JsonValue }, prefix: string | undefined, weight: number, depth: number): void {
    // No list of all names is made: a hostile line has very many.
    for (const name in object) {
      if (this.#visits >= MOST.visits) return;
      const path = name === "" ? undefined : prefix === undefined ? pathOf([name]) : `${prefix}.${name}`;
      const value = object[name];
      if (path !== undefined && path.length <= MOST.path && value !== undefined) this.#value(path, value, weight, depth);
    }
  }

  #value(path: string, value: JsonValue, weight: number, depth: number): void {
    this.#visits += 1;
    if (this.#visits > MOST.visits || depth > MOST.depth) return;
    if (value === null || typeof value !== "object" || value instanceof Numeral) this.#count(path, value, weight);
    else if (isList(value)) {
      for (const element of value) {
        if (this.#visits >= MOST.visits) return;
        this.#value(path, element, weight, depth + 1);
      }
    } else this.#members(value, path, weight, depth + 1);
  }

  #count(path: string, value: SeenValue, weight: number): void {
    let field = this.#fields.get(path);
    if (!field) {
      if (this.#fields.size >= MOST.paths) return;
      this.#fields.set(path, (field = { count: 0, numbers: false, decimals: false, values: new Map() }));
    }
    field.count += weight;
    if (typeof value === "number" || value instanceof Numeral) field.numbers = true;
    if (isDecimal(value)) field.decimals = true;
    const text = String(value);
    if (text.length > MOST.value) return;
    const known = field.values.get(text);
    if (known) {
      known.count += weight;
      return;
    }
    if (field.values.size >= MOST.values) field.values.delete(rarest(field.values));
    field.values.set(text, { value, count: weight });
  }
}

/** The oldest of those that were seen least: of identifiers the latest are kept, of anything else the usual ones. */
function rarest(values: ReadonlyMap<string, { count: number }>): string {
  let least = Number.POSITIVE_INFINITY;
  let found = "";
  for (const [text, { count }] of values) {
    if (count < least) [least, found] = [count, text];
  }
  return found;
}

/** As it was written: `402.0` is a decimal. */
function isDecimal(value: SeenValue): boolean {
  if (value instanceof Numeral) return !(value instanceof WholeNumber);
  return typeof value === "number" && !Number.isInteger(value);
}

function sorted<T>(counted: readonly Counted<T>[]): readonly Counted<T>[] {
  return counted.toSorted((a, b) => b.count - a.count);
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
