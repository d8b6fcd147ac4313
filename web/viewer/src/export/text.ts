// A line as text for people and grep: `2026-11-21T10:00:00Z error payments/api refused order=17`. Pure.
//
// Text is pasted into terminals: what would move the cursor or hide is escaped there too. Who wants each byte takes NDJSON.

import { type Fields, hasFields, summary } from "../row/fields.ts";
import { INVISIBLE } from "../row/signs.ts";
import type { StreamLine } from "./line.ts";

const COLOURS = /\x1b\[[\d;:]*m/g;
/** Not the line feed: it stays one. */
const UNSEEN = new RegExp(`(?!\\n)${INVISIBLE}`, "gu");

/** With its line feed at the end. */
export function textLine({ stream, line }: StreamLine): string {
  const { ts, level, message, fields } = line;
  const told = hasFields(fields) ? ` ${summary(fields as Fields, Infinity)}` : "";
  return `${seen(ts)} ${level ?? "-"} ${stream} ${seen(message)}${seen(told)}\n`;
}

/** Further lines of a message are indented, so that none can pass for a log line of its own. */
function seen(text: string): string {
  return text
    .replace(COLOURS, "")
    .replace(/\r\n/g, "\n")
    .replace(UNSEEN, (character) => escaped(character.codePointAt(0) as number))
    .replace(/\n/g, "\n    ");
}

function escaped(code: number): string {
  const digits = code.toString(16);
  return code > 0xffff ? `\\u{${digits}}` : `\\u${digits.padStart(4, "0")}`;
}
