// The formats that lines can be copied and downloaded in. Pure.

import { csvHead, csvLine } from "./csv.ts";
import type { StreamLine } from "./line.ts";
import { ndjsonLine } from "./ndjson.ts";
import { textLine } from "./text.ts";

export type FormatName = "text" | "ndjson" | "csv";

export interface Format {
  readonly name: FormatName;
  /** For the choice. */
  readonly words: string;
  readonly extension: string;
  readonly type: string;
  /** What stands before the first line. `columns`: the paths of the view's columns. */
  readonly head: (columns: readonly string[]) => string;
  readonly line: (line: StreamLine, columns: readonly string[]) => string;
}

export const FORMATS: { readonly [Name in FormatName]: Format } = {
  text: { name: "text", words: "Text", extension: "log", type: "text/plain", head: () => "", line: textLine },
  ndjson: { name: "ndjson", words: "NDJSON", extension: "ndjson", type: "application/x-ndjson", head: () => "", line: ndjsonLine },
  csv: { name: "csv", words: "CSV, for spreadsheets", extension: "csv", type: "text/csv", head: csvHead, line: csvLine },
};

/** Lines as one text. */
export function formatted(lines: readonly StreamLine[], name: FormatName, columns: readonly string[] = []): string {
  const format = FORMATS[name];
  return format.head(columns) + lines.map((line) => format.line(line, columns)).join("");
}

/** `payments-api_2026-11-21T10-12-03.ndjson`, in UTC. */
export function fileName(streams: readonly string[], name: FormatName, now: Date): string {
  const [first = "lines", ...more] = streams;
  const tidy = first.replaceAll("**", "all").replaceAll("*", "any").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+|[.-]+$/g, "");
  const stream = `${tidy.slice(0, 80) || "lines"}${more.length > 0 ? `-and-${more.length}-more` : ""}`;
  return `${stream}_${now.toISOString().slice(0, 19).replaceAll(":", "-")}.${FORMATS[name].extension}`;
}
