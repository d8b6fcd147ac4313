// Which stored lines to have counted next, and what becomes of the answer. Each line counts once, whatever the tab loads
// meanwhile. Knows no connection. Pure.

import type { CountsPage } from "tailcast-client";
import type { Histogram, Uncounted } from "./histogram.ts";

/** A range of a stream, and how finely it is to be counted. */
export interface Question {
  readonly stream: string;
  /** Offsets, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  /** Of a bucket, in seconds. */
  readonly width: number;
}

/** What became of an answer: it counts; some of its lines were counted meanwhile, so that it does not; it says nothing. */
export type Outcome = "counted" | "crossed" | "nothing";

/** How far counting has come. */
export interface CountedShare {
  /** Of what is stored, as far as it can be counted: 1 when all is. */
  readonly share: number;
  /** Since when all is counted, in ms; absent while no time is known. */
  readonly since?: number;
}

/** What a server counts at most. */
const WIDEST_S = 86_400;

/**
 * What to ask: the newest lines that are not counted, of all streams but some, so that the times that are known grow
 * backward. Nothing when all are counted. @param piece at most so many offsets.
 */
export function nextQuestion(histogram: Histogram, without: ReadonlySet<string>, piece: number): Question | undefined {
  const newest = newestOf(histogram, without);
  if (!newest) return undefined;
  const { stream, from, to, before } = newest;
  return { stream, from: Math.max(from, to - piece), to, width: Math.min(WIDEST_S, histogram.widthAt(before) / 1_000) };
}

export function take(histogram: Histogram, { stream, from, to, width }: Question, answer: CountsPage): Outcome {
  histogram.beginsAt(stream, answer.firstAvailable);
  if (answer.firstAvailable >= to) return "counted";
  const { buckets } = answer;
  const counted = { stream, from: Math.max(from, answer.from), to: Math.min(to, answer.next), width: width * 1_000, buckets };
  if (answer.width !== width || answer.next > to || counted.to <= counted.from) return "nothing";
  return histogram.addCounted(counted) ? "counted" : "crossed";
}

export function progress(histogram: Histogram, without: ReadonlySet<string>): CountedShare {
  const { all, uncounted } = histogram.stored(without);
  const share = uncounted === 0 ? 1 : 1 - uncounted / all;
  const since = newestOf(histogram, without)?.before ?? NaN;
  return { share, ...(Number.isNaN(since) ? {} : { since }) };
}

function newestOf(histogram: Histogram, without: ReadonlySet<string>): Uncounted | undefined {
  let newest: Uncounted | undefined;
  // Without a time it may be as new as any.
  const time = ({ before }: Uncounted) => (Number.isNaN(before) ? Infinity : before);
  for (const one of histogram.newestUncounted()) {
    if (!without.has(one.stream) && (!newest || time(one) > time(newest))) newest = one;
  }
  return newest;
}
