// A browser's regular expression in the words of the server's, so that whatever the one finds, the other finds, too. It may
// find more: what it finds is looked at again on the page. What the server cannot say is `undefined`. Pure.

/** Groups that both know. */
const GROUP = /\((?:\?:|\?<[A-Za-z]\w*>|(?!\?))/y;
const QUANTIFIER = /(?:[*+?]|\{\d+(?:,\d*)?\})\??/y;
const PROPERTY = /\\[pP]\{[\w=]+\}/y;
const CODE = /\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\u\{([0-9a-f]{1,6})\}/iy;
const SURROGATE = /[\ud800-\udfff]/;

/** Signs that mean something to the server. Others stay bare: `\<` would be the beginning of a word. */
const SIGN = /[\\.+*?()|[\]{}^$#&~-]/;

/** The browser's classes are of ASCII, the server's of all scripts. */
const CLASSES: Record<string, string> = {
  d: "[0-9]",
  D: "[^0-9]",
  w: "[0-9A-Za-z_]",
  W: "[^0-9A-Za-z_]",
  s: "[[\\s--\\x{85}]\\x{FEFF}]",
  S: "[^[\\s--\\x{85}]\\x{FEFF}]",
};
const EDGES: Record<string, string> = { b: "(?-u:\\b)", B: "(?-u:\\B)" };

/** @param ignoreCase whether `a` finds `A`. */
export function inServersWords(source: string, ignoreCase: boolean): string | undefined {
  const said = new Translator(source).all();
  return said === undefined ? undefined : `/${ignoreCase ? "(?i)" : ""}${said.replaceAll("/", "\\/")}/`;
}

class Translator {
  readonly #source: string;
  #at = 0;
  #out = "";

  constructor(source: string) {
    this.#source = source;
  }

  all(): string | undefined {
    while (this.#at < this.#source.length) {
      const piece = this.#piece();
      if (piece === undefined) return undefined;
      this.#out += piece;
    }
    return this.#out;
  }

  #piece(): string | undefined {
    const here = this.#source[this.#at] ?? "";
    if (here === "\\") return this.#escape("outside");
    if (here === "[") return this.#class();
    // Look-around and such: the server has none.
    if (here === "(") return this.#match(GROUP)?.[0];
    const quantifier = this.#match(QUANTIFIER);
    if (quantifier) return quantifier[0];
    if (/[)|^$.]/.test(here)) return this.#take(here);
    return this.#literal();
  }

  /** `[…]`, where the server knows sets within sets, and operators on them. */
  #class(): string | undefined {
    let out = this.#match(/\[\^?/y)?.[0] ?? "";
    // `[]` finds nothing and `[^]` everything: only here.
    if (this.#source[this.#at] === "]") return undefined;
    while (this.#source[this.#at] !== "]") {
      const here = this.#source[this.#at];
      if (here === undefined || this.#source.startsWith("--", this.#at)) return undefined;
      const piece = here === "\\" ? this.#escape("class") : here === "-" || here === "^" ? this.#take(here) : this.#literal();
      if (piece === undefined) return undefined;
      out += piece;
    }
    return out + this.#take("]");
  }

  #escape(where: "outside" | "class"): string | undefined {
    const property = this.#match(PROPERTY);
    if (property) return property[0];
    const code = this.#match(CODE);
    if (code) {
      const hex = code[1] ?? code[2] ?? code[3] ?? "";
      const point = Number.parseInt(hex, 16);
      return (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff ? undefined : `\\x{${hex}}`;
    }
    const letter = this.#source[this.#at + 1] ?? "";
    const control = /[nrtfv]/.test(letter) ? `\\${letter}` : undefined;
    const said = CLASSES[letter] ?? control ?? (where === "outside" ? EDGES[letter] : undefined);
    if (said !== undefined) {
      this.#at += 2;
      return said;
    }
    // A letter or digit that is none of these: a back-reference, a control character, a mistake that browsers forgive.
    if (letter === "" || /[0-9A-Za-z]/.test(letter)) return undefined;
    this.#at += 1;
    return this.#literal();
  }

  /** A character that means itself; of signs, with a backslash, since the server has more that mean something. */
  #literal(): string | undefined {
    const one = String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0);
    if (SURROGATE.test(one) && one.length === 1) return undefined;
    return this.#take(one, SIGN.test(one) ? `\\${one}` : one);
  }

  #take(text: string, said = text): string {
    this.#at += text.length;
    return said;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found) this.#at = pattern.lastIndex;
    return found ?? undefined;
  }
}
