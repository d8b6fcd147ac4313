// What a row is told beside its entry, and what of a message it then shows. Pure.

import type { Entry } from "../buffer/entry.ts";
import type { Clock } from "./clock.ts";
import { type Highlight, MESSAGE_SHOWN, type Colouring, cutMessage } from "./segments.ts";
import { overwrites } from "./terminal.ts";
import { foldLines } from "./trace.ts";

/** How all rows look. A new object when anything in it changes, the same one otherwise. */
export interface Look extends Clock, Colouring {
  /** Long messages go on below. The list's root has the class `wrap` then. */
  readonly wrap: boolean;
  /** Of a message of many lines, the first one is shown until somebody unfolds it. */
  readonly fold: boolean;
  readonly showStream: boolean;
  /** Columns' widths are the root's `--column-0`, `--column-1`, … */
  readonly columns: readonly { readonly path: string }[];
  /** Fields stand after the message, in a few words. */
  readonly fieldsSummary: boolean;
}

/** How one row is, which is not of its entry. */
export interface RowState {
  /** Its details are shown. */
  readonly open: boolean;
  /** A message beyond the cut was asked for. */
  readonly whole: boolean;
  readonly selected: boolean;
  /** The keyboard's place. */
  readonly current: boolean;
  /** Its lines are shown, those of the message itself as well as those that go on with it. */
  readonly unfolded: boolean;
  /** How many lines that go on with it are folded under it. */
  readonly folded: number;
  /** Where in the message something was found. */
  readonly highlights: readonly Highlight[];
  /** Something was found in it, be it in a field. */
  readonly matches: boolean;
  /** Of a hole: it is being loaded. */
  readonly loading?: boolean;
}

export const AT_REST: RowState = {
  open: false,
  whole: false,
  selected: false,
  current: false,
  unfolded: false,
  folded: 0,
  highlights: [],
  matches: false,
};

export interface Shown {
  readonly text: string;
  /** How many lines are not shown: of the message, and those folded under it. */
  readonly more: number;
  /** The message's length when it is cut, else 0. */
  readonly cutFrom: number;
  /** It writes over itself, and is shown as a terminal would show it. */
  readonly terminal: boolean;
}

/** What of a message is shown. An open row shows all of the message's lines, and all that was written. */
export function shownOf(message: string, look: Look, state: RowState): Shown {
  const folds = look.fold && !state.unfolded && !state.open;
  const { first, more } = folds ? foldLines(message) : { first: message, more: 0 };
  const folded = state.unfolded ? 0 : state.folded;
  if (!state.open && overwrites(first)) return { text: first, more: more + folded, cutFrom: 0, terminal: true };
  const text = state.whole ? first : cutMessage(first, look);
  const cutFrom = first.length > MESSAGE_SHOWN && !state.whole ? message.length : 0;
  return { text, more: more + folded, cutFrom, terminal: false };
}

/** Whether a row is as tall as what it shows. Every other row is exactly `--row-height` tall and need not be measured. */
export function isTall(entry: Entry, look: Look, state: RowState): boolean {
  if (look.wrap || state.open) return true;
  if (entry.kind !== "line") return false;
  const isOfManyLines = (state.unfolded || !look.fold) && entry.line.message.includes("\n");
  return isOfManyLines || (state.whole && entry.line.message.length > MESSAGE_SHOWN);
}
