// Why there is nothing to read in a view: it is on its way, there is nothing, or nothing of it is asked for. Pure.

import type { SubscriptionState } from "tailcast-client";

/** What is known of a view that has no row to show. */
export interface Bare {
  readonly state: SubscriptionState;
  readonly filter: string;
  /** Lines that the tab has, shown or not. */
  readonly lines: number;
  /** Whether the first page of the past is there, or it is known that there is none. */
  readonly opened: boolean;
  /** Whether lines are being loaded now. */
  readonly loading: boolean;
  /** Lines that are kept of the streams, and how many of them were not looked through yet. */
  readonly kept: number;
  readonly unlooked: number;
  /** Whether any of the streams has ever had a line. */
  readonly hadLines: boolean;
}

export type Nothing =
  /** Lines are on their way, or are looked for; so many were looked through so far. */
  | { readonly kind: "loading"; readonly looked: number }
  /** There is no line; there never was one, or all of them are `gone`. */
  | { readonly kind: "empty"; readonly gone: boolean }
  /** No line of those that were looked through matches; so many are `left`. */
  | { readonly kind: "unmatched"; readonly looked: number; readonly left: number }
  /** All lines are of streams that are not shown. */
  | { readonly kind: "hidden"; readonly lines: number }
  /** There is no such stream, for this reader. */
  | { readonly kind: "unknown" };

/** Nothing is known while the view is not connected: its state says that. */
export function nothingOf(bare: Bare): Nothing | undefined {
  const { state, filter, lines, opened, loading, kept, unlooked, hadLines } = bare;
  if (state.name === "ended") return state.error?.code === "stream_not_found" ? { kind: "unknown" } : undefined;
  if (lines > 0) return { kind: "hidden", lines };
  const looked = kept - unlooked;
  if (state.name === "connecting" || state.name === "replaying" || !opened || loading) return { kind: "loading", looked };
  if (state.name === "offline" || state.name === "silent") return undefined;
  if (kept === 0) return { kind: "empty", gone: hadLines };
  if (filter === "") return unlooked > 0 ? undefined : { kind: "empty", gone: hadLines };
  return { kind: "unmatched", looked, left: unlooked };
}
