// Times as a clock on a wall in some zone shows them, for `datetime-local` fields. Pure.

import { type Zone, offsetAt } from "./clock.ts";

/** `2026-11-21T14:03:07`. @param time ms since 1970. */
export function toWall(time: number, zone: Zone): string {
  return new Date(time + offsetAt(time, zone)).toISOString().slice(0, 19);
}

/** ms since 1970; `undefined` for what is no time. Of an hour that a zone has twice, the first one. */
export function fromWall(wall: string, zone: Zone): number | undefined {
  const shown = Date.parse(`${wall}Z`);
  if (Number.isNaN(shown)) return undefined;
  const candidates = [shown - offsetAt(shown - 86_400_000, zone), shown - offsetAt(shown + 86_400_000, zone)];
  const exact = candidates.filter((time) => time + offsetAt(time, zone) === shown);
  return exact.length > 0 ? Math.min(...exact) : candidates[0];
}
