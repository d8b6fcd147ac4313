// A line as JSON: the wire's object with its stream, every digit of whole numbers kept. Pure.

import { json } from "../row/fields.ts";
import type { StreamLine } from "./line.ts";

/** With its line feed at the end. */
export function ndjsonLine({ stream, line }: StreamLine): string {
  const { offset, ts, level, message, fields } = line;
  const members = { offset, stream, ts, ...(level ? { level } : {}), message, ...(fields ? { fields } : {}) };
  return `${json(members)}\n`;
}
