// What a terminal would show of a message that goes back to the line's beginning and writes over it: progress. Pure.

import type { Segment } from "./segments.ts";

/** A carriage return with something to write behind it. */
const OVERWRITES = /\r(?![\r\n]*$)(?!\n)/;
/** `ESC [ K` and its kin: erase to the end of the line, or all of it. */
const ERASE = /^\x1b\[([02]?)K/;
/** Longer messages are shown as they were written. */
const LONGEST = 64 * 1024;

export function overwrites(message: string): boolean {
  return message.length <= LONGEST && OVERWRITES.test(message);
}

/** One character where it stands on the screen. */
interface Cell {
  text: string;
  readonly from: number;
  to: number;
  readonly like: Segment;
}

/** The pieces of a message as they would be on the screen: what was written over is not among them. */
export function onTerminal(message: string, pieces: readonly Segment[]): Segment[] {
  const shown: Segment[] = [];
  let cells: (Cell | undefined)[] = [];
  let column = 0;
  let erased = 0;
  for (const piece of pieces) {
    const first = message[piece.from];
    if (piece.text === "\n" && !piece.sign) {
      shown.push(...joined(cells), piece);
      [cells, column] = [[], 0];
    } else if (piece.sign && first === "\r") {
      column = 0;
    } else if (piece.sign && first === "\n") {
      // The line feed itself follows.
    } else if (piece.sign && first === "\x1b" && ERASE.test(message.slice(piece.from, piece.from + 8))) {
      const [sequence = "", what] = ERASE.exec(message.slice(piece.from, piece.from + 8)) ?? [];
      erased = piece.from + sequence.length;
      if (what === "2") cells = cells.map(() => undefined);
      else cells.length = Math.min(cells.length, column);
    } else if (piece.sign) {
      cells[column++] = { ...piece, like: piece };
    } else {
      column = write(cells, column, piece, erased);
    }
  }
  return [...shown, ...joined(cells)];
}

/** @param after what stands before this place in the message is no text. */
function write(cells: (Cell | undefined)[], column: number, piece: Segment, after: number): number {
  let at = piece.from;
  for (const character of piece.text) {
    const from = at;
    at += character.length;
    if (from < after) continue;
    const before = cells[column - 1];
    if (before && /^\p{M}$/u.test(character)) {
      before.text += character;
      before.to = at;
    } else cells[column++] = { text: character, from, to: at, like: piece };
  }
  return column;
}

/** Characters that follow each other in the message and look alike are one piece. */
function joined(cells: readonly (Cell | undefined)[]): Segment[] {
  const made: { text: string; from: number; to: number; like: Segment }[] = [];
  for (const cell of Array.from(cells)) {
    const last = made.at(-1);
    if (!cell) made.push({ text: " ", from: last?.to ?? 0, to: last?.to ?? 0, like: { text: " ", from: 0, to: 0 } });
    else if (last && last.like === cell.like && last.to === cell.from && !cell.like.sign) {
      last.text += cell.text;
      last.to = cell.to;
    } else made.push({ ...cell });
  }
  return made.map(({ text, from, to, like }) => ({ ...like, text, from, to }));
}
