// What of a row is read out to who hears the page. Pure.

import type { Entry } from "../buffer/entry.ts";
import { cut } from "./segments.ts";
import { UNDECIDED } from "./words.ts";

/** Characters of a message. */
const HEARD = 300;

/** Nothing of a row that is no line: the screen reader finds its words by itself. */
export function heard(entry: Entry | undefined): string {
  if (entry?.kind !== "line") return "";
  const { level = "", message, undecided } = entry.line;
  return `${level} ${cut(message, HEARD)}${undecided ? `. ${UNDECIDED.long}` : ""}`;
}
