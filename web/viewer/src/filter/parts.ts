// What a filter consists of at its top, and how large it is. Reads only what the grammar allows.

import { tokens, type Token } from "./syntax.ts";

/** `name`, operator, value. */
export interface Comparison {
  readonly name: string;
  readonly operator: string;
  readonly value: string;
  readonly prefix: boolean;
  /** Lines with this text are meant, too. */
  readonly orText: boolean;
}

/** One of the terms that stand side by side at the top, with the minus signs before it. */
export interface Part {
  readonly from: number;
  readonly to: number;
  readonly negated: boolean;
  /** What it compares; words, phrases, expressions and groups have none. */
  readonly comparison?: Comparison;
  readonly group: boolean;
}

export interface Parts {
  /** All have to match, unless there is an `OR` among them. */
  readonly parts: readonly Part[];
  readonly hasOr: boolean;
  readonly size: Size;
}

export interface Size {
  readonly terms: number;
  readonly regexes: number;
  readonly depth: number;
}

/** The protocol's. */
const MOST = { bytes: 4096, terms: 64, regexes: 8, depth: 16 };

/** The filter's parts, or nothing when it is not finished or no filter. */
export function partsOf(text: string): Parts | undefined {
  const all = tokens(text);
  return all.some(({ faulty }) => faulty) ? undefined : new Reader(all.filter(({ kind }) => kind !== "space")).read();
}

/** Whether the server takes a filter of this size. */
export function fits(text: string): boolean {
  const size = partsOf(text)?.size;
  return (
    size !== undefined &&
    new TextEncoder().encode(text).length <= MOST.bytes &&
    size.terms <= MOST.terms &&
    size.regexes <= MOST.regexes &&
    size.depth <= MOST.depth
  );
}

class Reader {
  readonly #tokens: readonly Token[];
  readonly #parts: Part[] = [];
  /** How deep each open group is, counted with the minus signs before it; and where it begins. */
  readonly #open: { readonly depth: number; readonly from: number; readonly negated: boolean }[] = [];
  /** Minus signs before the next term: how many, and where the first is. */
  #minus = 0;
  #from: number | undefined;
  /** A term has to come: at the start, after `(` and after `OR`. */
  #wanting = true;
  #hasOr = false;
  #terms = 0;
  #regexes = 0;
  #depth = 0;

  constructor(all: readonly Token[]) {
    this.#tokens = all;
  }

  read(): Parts | undefined {
    for (let i = 0; i < this.#tokens.length; i += 1) {
      const token = this.#tokens[i];
      if (!token || !this.#take(token, this.#tokens[i + 1], this.#tokens[i + 2])) return undefined;
    }
    if (this.#open.length > 0 || this.#minus > 0 || (this.#wanting && this.#tokens.length > 0)) return undefined;
    const size = { terms: this.#terms, regexes: this.#regexes, depth: this.#depth };
    return { parts: this.#parts, hasOr: this.#hasOr, size };
  }

  /** Whether the token may be here. */
  #take(token: Token, second: Token | undefined, third: Token | undefined): boolean {
    switch (token.kind) {
      case "minus":
        this.#from ??= token.from;
        this.#minus += 1;
        return true;
      case "open":
        this.#open.push({ depth: this.#deeper(1), from: this.#from ?? token.from, negated: this.#minus % 2 === 1 });
        this.#wanting = true;
        this.#forgetMinus();
        return true;
      case "close": {
        const group = this.#open.pop();
        if (!group || this.#wanting || this.#minus > 0) return false;
        this.#add({ from: group.from, to: token.to, negated: group.negated, group: true });
        return true;
      }
      case "or":
        if (this.#wanting || this.#minus > 0) return false;
        this.#wanting = true;
        if (this.#open.length === 0) this.#hasOr = true;
        return true;
      case "and":
        if (this.#wanting || this.#minus > 0) return false;
        this.#wanting = true;
        return true;
      // Come with their name.
      case "operator":
      case "value":
        return true;
      default:
        this.#term(token, second, third);
        return true;
    }
  }

  #term(token: Token, second: Token | undefined, third: Token | undefined): void {
    this.#deeper(0);
    this.#terms += 1;
    if (token.kind === "regex") this.#regexes += 1;
    const at = { from: this.#from ?? token.from, to: token.to, negated: this.#minus % 2 === 1, group: false };
    const compares = token.kind === "name" && second && third;
    if (!compares) return this.#add(at);
    const comparison = { name: token.text, operator: second.text, value: third.text, prefix: third.prefix, orText: third.orText };
    this.#add({ ...at, to: third.to, comparison });
  }

  #add(part: Part): void {
    if (this.#open.length === 0) this.#parts.push(part);
    this.#wanting = false;
    this.#forgetMinus();
  }

  #deeper(by: number): number {
    const depth = (this.#open.at(-1)?.depth ?? 0) + this.#minus + by;
    this.#depth = Math.max(this.#depth, depth);
    return depth;
  }

  #forgetMinus(): void {
    this.#minus = 0;
    this.#from = undefined;
  }
}
