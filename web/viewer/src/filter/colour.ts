// A filter's text in pieces, each with what it is: for colouring, and for underlining where the server found fault.

import { placeOf, tokens, type TokenKind } from "./syntax.ts";

export interface ColouredText {
  readonly text: string;
  readonly kind: TokenKind;
  /** The character that cannot be there. */
  readonly fault: boolean;
}

/** @param position the server's: in characters, and the text's length when something is missing at its end. */
export function pieces(text: string, position?: number): readonly ColouredText[] {
  const from = position === undefined ? undefined : placeOf(text, position);
  const all = tokens(text);
  if (from === undefined) return all.map(({ from, to, kind }) => ({ text: text.slice(from, to), kind, fault: false }));
  const to = placeOf(text, (position ?? 0) + 1);
  const split = all.flatMap((token) => {
    const edges = [token.from, ...[from, to].filter((edge) => token.from < edge && edge < token.to), token.to];
    return edges.slice(1).map((end, i) => ({ kind: token.kind, from: edges[i] ?? 0, to: end }));
  });
  const told = split.map((piece) => ({
    text: text.slice(piece.from, piece.to),
    kind: piece.kind,
    fault: piece.from >= from && piece.to <= to && from < to,
  }));
  return from === text.length ? [...told, { text: " ", kind: "space", fault: true }] : told;
}
