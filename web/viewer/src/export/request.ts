// What a reader asks to copy or download, and what is said about it. Pure.

import { count } from "../count.ts";
import type { Zone } from "../row/clock.ts";
import { fromWall } from "../row/wall.ts";
import type { Progress } from "./download.ts";
import type { FormatName } from "./format.ts";

/** `selection` and `loaded` are in the tab; `range` and `stream` come from the store. */
export type What = "selection" | "loaded" | "range" | "stream";

export interface ExportRequest {
  readonly what: What;
  readonly format: FormatName;
  readonly way: "copy" | "download";
  /** Of history only: what the tab has is filtered already. */
  readonly filter?: string;
  /** As the form has them, without a zone: `2026-11-21T10:00`. Empty is open. */
  readonly since?: string;
  readonly until?: string;
  /** Of `since` and `until`. */
  readonly zone: Zone;
}

/** More is too much for a clipboard, and for what it is pasted into. */
export const MOST_TO_COPY = 20_000;

/** Why this cannot be done, as a sentence. */
export function problemOf({ what, since, until, zone }: ExportRequest): string | undefined {
  if (what !== "range") return undefined;
  if (!since && !until) return "Say from when or to when.";
  const [from, to] = [since ? fromWall(since, zone) : -Infinity, until ? fromWall(until, zone) : Infinity];
  if (from === undefined || to === undefined) return "One of these times cannot be read.";
  return from < to ? undefined : "The end has to be later than the beginning.";
}

/** The times as the store takes them. */
export function timesOf({ since, until, zone }: ExportRequest): { readonly since?: string; readonly until?: string } {
  const [from, to] = [since ? fromWall(since, zone) : undefined, until ? fromWall(until, zone) : undefined];
  return {
    ...(from === undefined ? {} : { since: new Date(from).toISOString() }),
    ...(to === undefined ? {} : { until: new Date(to).toISOString() }),
  };
}

/** `12,345 lines, 3.2 MB, 40%`. */
export function shareWords({ lines, bytes, share }: Progress): string {
  return `${count(lines, "line")}, ${size(bytes)}, ${Math.floor(share * 100)}%`;
}

/** What it came to. */
export function progressWords({ lines, bytes, missing, damaged }: Progress, way: ExportRequest["way"]): string {
  const saved = way === "copy" ? `Copied ${count(lines, "line")}.` : `Saved ${count(lines, "line")}, ${size(bytes)}.`;
  const done = lines === 0 ? "There is no such line. The file is empty." : saved;
  const gone = missing > 0 ? ` ${count(missing, "line")} went out of the time they are kept before they could be read.` : "";
  const lost = damaged > 0 ? ` ${count(damaged, "line")} ${damaged === 1 ? "is" : "are"} damaged in the store, and left out.` : "";
  return `${done}${lines === 0 ? "" : gone}${lost}`;
}

export function size(bytes: number): string {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]] as const) {
    if (bytes >= unit) return `${(bytes / unit).toFixed(bytes < 10 * unit ? 1 : 0)} ${name}`;
  }
  return `${bytes} bytes`;
}
