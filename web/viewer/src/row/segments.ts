// A message as pieces that each look alike. Pure: what is a sign, what is a colour, what is found; not how it is drawn.

import { figure } from "../count.ts";
import { type Style, styled } from "./ansi.ts";
import { INVISIBLE, plainly, signOf } from "./signs.ts";

/** A piece of a message. Text is as long as its place in the message; a sign, and the break after `LF`, need not be. */
export interface Segment {
  readonly text: string;
  /** Where it stands in the message, in UTF-16 units, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  readonly style?: Style;
  /** It stands for characters that would not be seen. */
  readonly sign?: true;
  /** The highlight that it is in. */
  readonly highlight?: number;
}

/**
 * Found in a message, in UTF-16 units, `end` exclusive. 0 is a match, 1 the current one, 2 and more are kept highlights, and
 * {@link ASKED} is what the filter looks for.
 */
export type Highlight = readonly [start: number, end: number, kind: number];
/** Everything else covers it. */
export const ASKED = 100;

/** Whether `ESC [ … m` colours the text, or is shown like any other control character. */
export interface Colouring {
  readonly ansi: boolean;
}

/** A longer message is cut until the reader asks for all of it. */
export const MESSAGE_SHOWN = 1_000;
/** No piece is longer: the browser lays out one text node at a time. */
export const PIECE_MOST = 20_000;
/** A message of more pieces than this goes on without colours, with a `¤` for each invisible character. */
export const SEGMENTS_MOST = 5_000;
/** More combining marks than this on one character are counted, not drawn: they would cover the lines around. */
const MARKS_SHOWN = 8;
/** More of the same sign than this in a row are counted. */
const SIGNS_SHOWN = 8;

/** Almost every message is of these characters alone. */
const NOT_PLAIN = /[^\t\x20-\x7e]/;
const SGR = "\\x1b\\[([\\d:;]{0,96})m";
const NO_SGR = "(?!\\x1b\\[[\\d:;]{0,96}m)";
const MARKS = `(?<=\\p{M}{${MARKS_SHOWN}})\\p{M}+`;
const SPECIAL = new RegExp(`(${INVISIBLE})\\1*|(${MARKS})`, "gu");
const SPECIAL_OR_SGR = new RegExp(`${SGR}|(${INVISIBLE})(?:${NO_SGR}\\2)*|(${MARKS})`, "gu");
const SGR_BEGUN = /\x1b(?:\[[\d:;]{0,96})?$/;

export function segments(message: string, { ansi }: Colouring): Segment[] {
  if (message.length <= PIECE_MOST && !NOT_PLAIN.test(message)) {
    return message === "" ? [] : [{ text: message, from: 0, to: message.length }];
  }
  const made: Segment[] = [];
  const special = ansi ? SPECIAL_OR_SGR : SPECIAL;
  let style: Style | undefined;
  let end = 0;
  special.lastIndex = 0;
  for (let found = special.exec(message); found; found = special.exec(message)) {
    if (made.length > SEGMENTS_MOST) {
      putText(made, plainly(message.slice(end)), end, undefined);
      return made;
    }
    const at = found.index;
    putText(made, message.slice(end, at), end, style);
    end = at + found[0].length;
    const [, parameters, character, marks] = ansi ? found : [, undefined, found[1], found[2]];
    if (parameters !== undefined) style = styled(style, parameters);
    else if (marks !== undefined) made.push({ text: `+${counted(marks)} marks`, from: at, to: end, sign: true });
    else if (character !== undefined) putSigns(made, character, at, end);
  }
  putText(made, message.slice(end), end, style);
  return made;
}

const counted = (marks: string): string => figure([...marks].length);

/** Text in pieces that no browser stumbles over. */
function putText(made: Segment[], text: string, from: number, style: Style | undefined): void {
  for (let at = 0; at < text.length; ) {
    const piece = cut(text.slice(at, at + PIECE_MOST + 1), PIECE_MOST);
    const place = { text: piece, from: from + at, to: from + at + piece.length };
    made.push(style ? { ...place, style } : place);
    at += piece.length;
  }
}

/** The same invisible character once or more often. */
function putSigns(made: Segment[], character: string, from: number, to: number): void {
  const times = (to - from) / character.length;
  const text = signOf(character);
  const step = times > SIGNS_SHOWN ? to - from : character.length;
  for (let at = from; at < to; at += step) {
    const all = step === character.length ? text : `${text} ×${figure(times)}`;
    made.push({ text: all, from: at, to: at + step, sign: true });
    // A line feed breaks the line as well, so that a stack trace can be read.
    if (character === "\n") made.push({ text: "\n", from: at + step, to: at + step });
  }
}

/** The first `length` UTF-16 units, and no half character at the cut. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return text.slice(0, isHighHalf(text, length - 1) ? length - 1 : length);
}

/** A message as far as it is shown before anybody asks for all of it: no half character, no half colour at the cut. */
export function cutMessage(message: string, { ansi }: Colouring): string {
  if (message.length <= MESSAGE_SHOWN) return message;
  const shown = cut(message, MESSAGE_SHOWN);
  return ansi ? shown.replace(SGR_BEGUN, "") : shown;
}

function isHighHalf(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** The same pieces, split where a highlight begins or ends. A sign is in a highlight when any of it is. */
export function overlay(pieces: readonly Segment[], highlights: readonly Highlight[]): readonly Segment[] {
  if (highlights.length === 0) return pieces;
  const ranges = apart(highlights);
  const made: Segment[] = [];
  let first = 0;
  let end = 0;
  for (const piece of pieces) {
    // On a terminal's line, what was written first may stand last.
    if (piece.from < end) first = 0;
    end = piece.to;
    while (first < ranges.length && (ranges[first] as Highlight)[1] <= piece.from) first += 1;
    if (piece.sign) {
      const range = ranges[first];
      made.push(range && range[0] < piece.to ? { ...piece, highlight: range[2] } : piece);
    } else {
      split(made, piece, ranges, first);
    }
  }
  return made;
}

function split(made: Segment[], piece: Segment, ranges: readonly Highlight[], first: number): void {
  const part = (from: number, to: number): Segment => ({
    ...piece,
    text: piece.text.slice(from - piece.from, to - piece.from),
    from,
    to,
  });
  let at = piece.from;
  for (let next = first; next < ranges.length; next++) {
    const [start, end, kind] = ranges[next] as Highlight;
    if (start >= piece.to) break;
    const from = Math.max(at, whole(piece, Math.max(start, at), -1));
    const to = whole(piece, Math.min(end, piece.to), 1);
    if (from >= to) continue;
    if (from > at) made.push(part(at, from));
    made.push({ ...part(from, to), highlight: kind });
    at = to;
  }
  if (at === piece.from) made.push(piece);
  else if (at < piece.to) made.push(part(at, piece.to));
}

/** The place itself, or the one beside it when it is within a pair. */
function whole(piece: Segment, at: number, step: -1 | 1): number {
  const within = at > piece.from && at < piece.to && isHighHalf(piece.text, at - piece.from - 1);
  return within ? at + step : at;
}

/** Highlights in order, none over another: the current match covers the matches, and those cover what was kept. */
function apart(highlights: readonly Highlight[]): readonly Highlight[] {
  const ranges = highlights.filter(([start, end]) => start < end).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (ranges.every(([start], i) => i === 0 || (ranges[i - 1] as Highlight)[1] <= start)) return ranges;
  const edges = [...new Set(ranges.flatMap(([start, end]) => [start, end]))].sort((a, b) => a - b);
  const made: [number, number, number][] = [];
  let open: Highlight[] = [];
  let next = 0;
  edges.forEach((edge, i) => {
    while (next < ranges.length && (ranges[next] as Highlight)[0] <= edge) open.push(ranges[next++] as Highlight);
    open = open.filter(([, end]) => end > edge);
    const last = made.at(-1);
    if (open.length === 0) return;
    const kind = open.map((range) => range[2]).reduce((a, b) => (rank(a) <= rank(b) ? a : b));
    const end = edges[i + 1] as number;
    if (last && last[1] === edge && last[2] === kind) last[1] = end;
    else made.push([edge, end, kind]);
  });
  return made;
}

/** The current match first, then the matches, then what was kept, in its order. */
const rank = (kind: number): number => (kind === 1 ? -1 : kind);
