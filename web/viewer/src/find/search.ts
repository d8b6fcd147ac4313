// Finds a pattern in texts. Pure: it runs in the worker, and on the page for patterns that cannot take long.

import { Numeral, type JsonValue, type Line } from "tailcast-client";
import type { Pattern } from "./query.ts";

/** A place in a text, in UTF-16 units, `to` exclusive. */
export type Range = readonly [from: number, to: number];

/** Of one text. */
export const MOST_RANGES = 1_000;

/** Characters in one job, about: that it takes too long shall mean that the expression is slow. */
export const MOST_TEXT = 2_000_000;

/** What the worker is asked. */
export type Job =
  /** Which of the lines have it, in one of their texts? */
  | { readonly kind: "which"; readonly pattern: Pattern; readonly lines: readonly (readonly string[])[] }
  /** Where do the texts have it? */
  | { readonly kind: "where"; readonly pattern: Pattern; readonly texts: readonly string[] };

/** The places of lines in the job, or the ranges of each text. */
export type Answer<J extends Job = Job> = J["kind"] extends "which" ? readonly number[] : readonly (readonly Range[])[];

export function work(job: Job): readonly number[] | readonly (readonly Range[])[] {
  const compiled = compile(job.pattern);
  if (job.kind === "where") return job.texts.map((text) => rangesIn(text, compiled));
  return job.lines.flatMap((texts, i) => (texts.some((text) => isIn(text, compiled)) ? [i] : []));
}

export function compile({ source, flags }: Pattern): RegExp {
  return new RegExp(source, `${flags}g`);
}

/** Matches of nothing are no ranges: there is nothing to paint. */
export function rangesIn(text: string, compiled: RegExp, most = MOST_RANGES): readonly Range[] {
  const ranges: Range[] = [];
  compiled.lastIndex = 0;
  for (let found = compiled.exec(text); found && ranges.length < most; found = compiled.exec(text)) {
    const end = found.index + found[0].length;
    if (end > found.index) ranges.push([found.index, end]);
    // Where nothing was found that is found again.
    else compiled.lastIndex = end + (compiled.unicode && (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
  }
  return ranges;
}

export function isIn(text: string, compiled: RegExp): boolean {
  compiled.lastIndex = 0;
  return compiled.test(text);
}

/**
 * The texts of a line that a pattern is looked for in, as in the protocol's filters: plain text in the message and in every
 * value within `fields`, an expression in the message alone.
 */
export function textsOf(line: Line, { kind }: Pattern): readonly string[] {
  const texts = [line.message];
  if (kind === "plain" && line.fields) gather(line.fields, texts);
  return texts;
}

function gather(value: JsonValue, texts: string[]): void {
  if (typeof value === "string") texts.push(value);
  else if (value === null || typeof value !== "object" || value instanceof Numeral) texts.push(String(value));
  else for (const inner of Object.values(value) as JsonValue[]) gather(inner, texts);
}
