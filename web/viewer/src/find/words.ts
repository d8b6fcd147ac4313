// What the find bar says. Pure.

import { count as inWords, figure } from "../count.ts";
import type { Direction, Reached } from "./beyond.ts";
import type { Stopped } from "./highlights.ts";

export interface Matches {
  /** Lines that match, as far as it is known. */
  readonly count: number;
  /** Which of them is the current one, from 1. */
  readonly position: number | undefined;
  readonly finished: boolean;
}

/** How the search in the store stands. */
export interface BeyondStanding {
  /** `none`: all was looked through, and nothing found. */
  readonly state: "idle" | "searching" | "none" | "failed";
  readonly direction?: Direction;
  readonly reached?: Reached;
  /** A sentence, of `failed`. */
  readonly error?: string;
}

export function standing({ count, position, finished }: Matches): string {
  const more = finished ? "" : " so far";
  if (position !== undefined) return `${figure(position)} of ${figure(count)}${more}`;
  if (count === 0) return finished ? "Not in the loaded lines" : "Looking…";
  return `${inWords(count, "line")}${more}`;
}

/** Of a kept highlight that marks nothing more: at its name, and in a sentence. */
export const STOPPED: Readonly<Record<Stopped, { readonly short: string; readonly why: string }>> = {
  slow: { short: "too slow, stopped", why: "This expression takes too long: lines are not marked any more." },
  broken: { short: "stopped", why: "Finding does not work in this tab any more. Reload the page." },
};

export function beyondStanding({ state, direction, reached, error }: BeyondStanding): string {
  const where = direction === "later" ? "later" : "earlier";
  if (state === "failed") return error ?? "The search failed. Try it again.";
  if (state === "none") return `Not in ${where} lines either.`;
  if (state === "idle") return "";
  if (!reached) return `Searching ${where} lines…`;
  const left = reached.left === undefined ? "" : `, ${figure(reached.left)} to go`;
  return `Searched ${figure(reached.looked)} ${where} lines${left}`;
}
