// Lines for spreadsheet programs, after RFC 4180. Pure.
//
// Such a program runs what begins with `=`, and a line can say what it likes: cells that it could take for a formula begin
// with `'`. A cell that is a plain number as JSON writes it (`-12.5`) is none and stays one. Some programs split cells at
// other separators than commas, whatever the quotes say: what follows one within a cell is treated like a beginning.

import { asText, json, valueAt } from "../row/fields.ts";
import type { StreamLine } from "./line.ts";

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** At the beginning, also behind what a program passes over; the signs of the full width are as good to some. */
const FORMULA = /^(?=[\s\p{Cf}\p{Cc}]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])/u;
const FORMULA_WITHIN = /(?<=[;\t\n\r|])(?=[ \u00a0"']*[=+\-@\uff1d\uff0b\uff0d\uff20])/gu;

/** With the mark by which spreadsheet programs know UTF-8. `columns` are paths; without any all fields are in one. */
export function csvHead(columns: readonly string[]): string {
  return `\ufeff${row(["time", "stream", "offset", "level", "message", ...(columns.length > 0 ? columns : ["fields"])])}`;
}

export function csvLine({ stream, line }: StreamLine, columns: readonly string[]): string {
  const { ts, offset, level, message, fields } = line;
  const cells = columns.length > 0 ? columns.map((path) => asText(valueAt(fields, path))) : [fields ? json(fields) : ""];
  return row([ts, stream, String(offset), level ?? "", message, ...cells]);
}

function row(cells: readonly string[]): string {
  return `${cells.map(cell).join(",")}\r\n`;
}

function cell(text: string): string {
  const harmless = NUMBER.test(text) ? text : text.replace(FORMULA, "'").replace(FORMULA_WITHIN, "'");
  const plain = harmless === text && !/[",;|\t\r\n]|^\s|\s$/.test(text);
  return plain ? text : `"${harmless.replaceAll('"', '""')}"`;
}
