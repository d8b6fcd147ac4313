// Which streams somebody may have meant who named one that is not there. Pure.

import { covers } from "tailcast-client";

const MOST = 3;

/** Names and patterns nearest to `target`, the nearest first; none when nothing is near. @param names the streams there are. */
export function near(target: string, names: readonly string[]): string[] {
  const candidates = target.includes("*") ? patternsLike(target, names) : names;
  const measured = candidates.filter((name) => name !== target).map((name) => ({ name, off: distance(target, name) }));
  const found = measured.filter(({ off }) => off <= tolerated(target)).sort((a, b) => a.off - b.off || (a.name < b.name ? -1 : 1));
  return found.slice(0, MOST).map(({ name }) => name);
}

/** The pattern, with its first segments taken from streams that are there. */
function patternsLike(pattern: string, names: readonly string[]): string[] {
  const segments = pattern.split("/");
  const fixed = segments.findIndex((segment) => segment.includes("*"));
  if (fixed <= 0) return [];
  const rest = segments.slice(fixed).join("/");
  const starts = new Set(names.map((name) => name.split("/").slice(0, fixed).join("/")));
  const patterns = [...starts].map((start) => `${start}/${rest}`);
  return patterns.filter((like) => names.some((name) => covers(like, name)));
}

const tolerated = (target: string): number => Math.max(2, Math.floor(target.length / 4));

/** How many characters are to be put in, left out, changed or swapped with the next one; whatever the case. */
function distance(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  let [before, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(change, (last[j] as number) + 1, (row[j - 1] as number) + 1);
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swaps) least = Math.min(least, (before[j - 2] as number) + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last.at(-1) as number;
}
