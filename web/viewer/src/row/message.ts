// A message's pieces as nodes. A plain message is one text node that is written anew; everything else is made afresh.

import type { Colour, Style } from "./ansi.ts";
import { ASKED, type Highlight, type Segment, overlay, segments } from "./segments.ts";
import { onTerminal } from "./terminal.ts";

/**
 * A longer message is made of parts that the browser lays out one by one, as they come into view: 200 kB of mixed
 * scripts at once held a page up for three seconds. Each part begins on a line of its own.
 */
const PART_MOST = 20_000;
/** Of pieces, too: coloured ones are elements. */
const PART_PIECES_MOST = 1_000;
/** Kept highlights have so many colours. */
const KEPT_COLOURS = 6;

const NONE: readonly Highlight[] = [];

/** An element that shows a text with its colours, signs and highlights. */
export class MessageView {
  readonly element: HTMLElement;
  #plain: Text | undefined;
  #text: string | undefined;
  #ansi = true;
  #terminal = false;
  #highlights: readonly Highlight[] = NONE;

  constructor(element: HTMLElement) {
    this.element = element;
  }

  /** @param terminal whether it is shown as a terminal would, when it writes over itself. */
  show(text: string, ansi: boolean, highlights: readonly Highlight[] = NONE, terminal = false): void {
    const same = text === this.#text && ansi === this.#ansi && terminal === this.#terminal;
    if (same && alike(highlights, this.#highlights)) return;
    this.#terminal = terminal;
    this.#text = text;
    this.#ansi = ansi;
    this.#highlights = highlights;
    const written = segments(text, { ansi });
    const pieces = overlay(terminal ? onTerminal(text, written) : written, highlights);
    const [only] = pieces;
    if (pieces.length === 0) this.#showPlain("");
    else if (pieces.length === 1 && only && isPlain(only)) this.#showPlain(only.text);
    else this.#showPieces(pieces);
  }

  #showPlain(text: string): void {
    if (this.#plain) {
      this.#plain.nodeValue = text;
      return;
    }
    this.#plain = document.createTextNode(text);
    this.element.replaceChildren(this.#plain);
  }

  #showPieces(pieces: readonly Segment[]): void {
    this.#plain = undefined;
    const parts = partsOf(pieces);
    if (parts.length === 1) this.element.replaceChildren(...pieces.map(nodeOf));
    else this.element.replaceChildren(...parts.map(partNode));
  }
}

function partsOf(pieces: readonly Segment[]): readonly (readonly Segment[])[] {
  const parts: Segment[][] = [];
  let characters = 0;
  for (const piece of pieces) {
    const last = parts.at(-1);
    const fits = last && last.length < PART_PIECES_MOST && characters + piece.text.length <= PART_MOST;
    characters = fits ? characters + piece.text.length : piece.text.length;
    if (fits) last.push(piece);
    else parts.push([piece]);
  }
  return parts;
}

function partNode(pieces: readonly Segment[]): Node {
  const part = document.createElement("span");
  part.className = "part";
  part.append(...pieces.map(nodeOf));
  return part;
}

function alike(some: readonly Highlight[], others: readonly Highlight[]): boolean {
  if (some === others) return true;
  return some.length === others.length && some.every((one, i) => one.every((value, j) => value === others[i]?.[j]));
}

function isPlain({ sign, style, highlight }: Segment): boolean {
  return !sign && !style && highlight === undefined;
}

function nodeOf(piece: Segment): Node {
  if (isPlain(piece)) return document.createTextNode(piece.text);
  const { text, sign, style, highlight } = piece;
  const node = document.createElement(highlight === undefined ? "span" : "mark");
  node.textContent = text;
  if (sign) node.classList.add("control");
  if (highlight !== undefined) node.classList.add(highlightClass(highlight));
  if (style) dress(node, style);
  return node;
}

function highlightClass(kind: number): string {
  if (kind === ASKED) return "asked";
  if (kind === 0) return "found";
  return kind === 1 ? "now" : `kept-${(kind - 2) % KEPT_COLOURS}`;
}

/**
 * The sixteen are the theme's, made to be read on its ground. Others are moved by the style sheet to a lightness that
 * can be read; on a ground of its own, text is black or white. So no colours that a line asks for can hide its text.
 */
function dress(node: HTMLElement, style: Style): void {
  for (const flag of ["bold", "dim", "italic", "underline", "strike"] as const) if (style[flag]) node.classList.add(flag);
  // Inverted, the text's colour is the ground's, and the ground's is one of those that are readable on the other.
  const ground = style.inverse ? style.fg : style.bg;
  const ink = style.inverse ? style.bg : style.fg;
  if (ground !== undefined) {
    node.classList.add("on");
    node.style.setProperty("--on", cssOf(ground));
  } else if (style.inverse) {
    node.classList.add("inverse");
  } else if (ink !== undefined) {
    node.classList.add(typeof ink === "number" ? "ink" : "free-ink");
    node.style.setProperty("--ink", cssOf(ink));
  }
}

function cssOf(colour: Colour): string {
  return typeof colour === "number" ? `var(--ansi-${colour})` : `rgb(${colour[0]} ${colour[1]} ${colour[2]})`;
}
