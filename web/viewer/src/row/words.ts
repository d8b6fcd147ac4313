// What the rows say that are no lines. Pure.

import { count, figure } from "../count.ts";
import type { GapEntry, HoleEntry, Run } from "../buffer/entry.ts";

/** So many streams of a hole are named. */
const NAMED = 3;

/** Of a line that a regular expression of the filter gave up on. */
export const UNDECIDED = {
  short: "undecided",
  long: "The filter gave up on this line: perhaps it is not what was asked for.",
} as const;

const sizeOf = ({ from, to }: Run): number => to - from;

/** `Gap: 1,203 lines of payments/api are gone: not kept any more (17 to 1,219)`. */
export function gapWords({ run, reason }: GapEntry): string {
  const size = sizeOf(run);
  const what = `Gap: ${count(size, "line")} of ${run.stream.name} ${size === 1 ? "is" : "are"}`;
  const range = size === 1 ? figure(run.from) : `${figure(run.from)} to ${figure(run.to - 1)}`;
  if (reason === "retention") return `${what} gone: not kept any more (${range})`;
  if (reason === "skipped") return `${what} not here: skipped to keep up (${range})`;
  if (reason === "damaged") return `${what} lost: damaged in the store (${range})`;
  return `${what} missing: ${reason} (${range})`;
}

/** How many lines a hole has, why, and of which streams. */
export function holeWords({ runs, reason }: HoleEntry, { showStream }: { readonly showStream: boolean }): string {
  const size = runs.reduce((sum, run) => sum + sizeOf(run), 0);
  const are = size === 1 ? "is" : "are";
  const words = {
    earlier: `${count(size, "earlier line")} in the store`,
    trimmed: `${count(size, "line")} ${are} not kept in this tab`,
    between: `${count(size, "line")} between here and there ${are} not loaded`,
  }[reason];
  return runs.length > 1 || showStream ? `${words}: ${byStream(runs)}` : words;
}

function byStream(runs: readonly Run[]): string {
  const [only] = runs;
  if (runs.length === 1 && only) return only.stream.name;
  const largest = [...runs].sort((a, b) => sizeOf(b) - sizeOf(a)).slice(0, NAMED);
  const named = largest.map((run) => `${figure(sizeOf(run))} of ${run.stream.name}`);
  const rest = runs.length - largest.length;
  if (rest === 0) return `${named.slice(0, -1).join(", ")} and ${named.at(-1)}`;
  return `${named.join(", ")} and ${count(rest, "more stream")}`;
}
