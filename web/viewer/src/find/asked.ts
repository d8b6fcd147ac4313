// What a filter looks for in messages: its words, phrases and expressions, as far as they are asked for and not left out. Pure.

import { tokens } from "../filter/syntax.ts";
import { NO_QUERY, type Query } from "./query.ts";

/** More words than these are not told apart by colours anyway. */
const MOST = 16;

export function askedBy(filter: string): Query[] {
  const asked: Query[] = [];
  /** Whether what stands in each open group is left out. */
  const groups = [false];
  let minus = false;
  for (const { kind, text, faulty } of tokens(filter)) {
    const out = groups.at(-1) !== minus;
    if (kind === "minus") minus = !minus;
    else if (kind === "open") groups.push(out);
    else if (kind === "close" && groups.length > 1) groups.pop();
    else if (!out && !faulty && (kind === "word" || kind === "phrase" || kind === "regex")) {
      const regex = kind === "regex";
      const plain = kind === "word" ? text.replace(/^\*+|\*+$/g, "") : text;
      if (plain !== "") asked.push({ ...NO_QUERY, text: plain, regex, matchCase: regex });
    }
    if (kind !== "minus") minus = false;
  }
  return asked.slice(0, MOST);
}
