// A line as NDJSON: what is stored, byte for byte, with its offset and stream before it. Pure.

import type { StreamLine } from "./line.ts";
import { stored } from "../row/fields.ts";

/** With its line feed at the end. */
export function ndjsonLine({ stream, line }: StreamLine): string {
  return `{"offset":${line.offset},"stream":${JSON.stringify(stream)},${stored(line).slice(1)}\n`;
}
