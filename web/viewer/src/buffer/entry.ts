// What stands in a log, from top to bottom.

import type { Line } from "tailcast-client";

/** A stream that is followed, as the page knows it. One object for each, compared by identity. */
export interface Stream {
  readonly name: string;
  /** Which of the theme's stream colours it has: 0 to `STREAM_COLOURS` (exclusive), in the order of appearance. */
  readonly colour: number;
}

/** How many colours the theme has for streams. */
export const STREAM_COLOURS = 10;

/** Kept lines of one stream that are not in the tab: offsets, `to` exclusive. */
export interface Run {
  readonly stream: Stream;
  readonly from: number;
  readonly to: number;
}

/** A stack trace that came line by line: the lines after the first one can be folded away. */
export interface Trace {
  readonly head: LineEntry;
  /** How many lines go on with `head`: those that the tab let go of, too. */
  lines: number;
  /** The last offset of them. What comes up to it is counted. */
  last: number;
  unfolded: boolean;
}

export interface LineEntry {
  readonly kind: "line";
  readonly stream: Stream;
  readonly line: Line;
  /** `line.ts` as ms since 1970, or that of the line before where it is no time. */
  readonly at: number;
  /** Of streams that are followed together: by how many ms a line that came before is younger. */
  late?: number;
  /** The trace that this line is part of, its head too. Told once its second line has come. */
  trace?: Trace;
}

/** Lines that nobody can get: the server named them. */
export interface GapEntry {
  readonly kind: "gap";
  readonly run: Run;
  readonly reason: string;
}

/** Lines that the store has and the tab has not. They can be loaded. */
export interface HoleEntry {
  readonly kind: "hole";
  /** At most one for each stream, none empty. */
  readonly runs: readonly Run[];
  /** `earlier`: what was there before the page was opened. `trimmed`: the tab had them and let go. `between`: neither. */
  readonly reason: "earlier" | "trimmed" | "between";
}

/** What the page has to say, at this place in the log. */
export interface NoteEntry {
  readonly kind: "note";
  readonly tone: "info" | "warning" | "error";
  readonly text: string;
}

export type Entry = LineEntry | GapEntry | HoleEntry | NoteEntry;

/** A line's name in the tab: no stream's name has a `#`. */
export function keyOf({ stream, line }: LineEntry): string {
  return `${stream.name}#${line.offset}`;
}
