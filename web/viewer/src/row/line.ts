// A line's row. It is refilled for every frame of scrolling: what did not change is not written.

import { count, figure } from "../count.ts";
import type { JsonValue } from "tailcast-client";
import type { LineEntry } from "../buffer/entry.ts";
import { buttonFor } from "./acts.ts";
import { exact, written } from "./clock.ts";
import { Details } from "./details.ts";
import { SUMMARY_MOST_WRAPPED, asText, hasFields, isNumber, summary, valueAt } from "./fields.ts";
import { type Look, type RowState, isTall, shownOf } from "./look.ts";
import { MessageView } from "./message.ts";
import { cut } from "./segments.ts";
import { UNDECIDED } from "./words.ts";

/** A column's value is cut: the whole one is among the details. */
const CELL_SHOWN = 200;

/** Without a text a label is not there; others keep their width. */
const HIDES = "hides";

const LEVELS: ReadonlySet<string> = new Set(["trace", "debug", "info", "warn", "error", "fatal"]);

export class LineView {
  readonly nodes: readonly Node[];
  readonly #bar = made("span", "mark-bar");
  readonly #toggle = buttonFor("toggle", "");
  readonly #when = new Label("span", "when");
  readonly #late = new Label("span", "late", HIDES);
  readonly #level = new Label("span", "level");
  readonly #stream = new Label("span", "stream", HIDES);
  readonly #cells: Cell[] = [];
  readonly #cellBox = made("span", "cells");
  readonly #text = made("div", "text");
  readonly #doubt = new Label("span", "doubt", HIDES);
  readonly #message = new MessageView(made("span", "message"));
  readonly #fields = new MessageView(made("span", "fields"));
  readonly #more = new Label(buttonFor("more", ""), "more", HIDES);
  readonly #fold = new Label(buttonFor("fold", ""), "fold", HIDES);
  readonly #buttons = [this.#toggle, this.#more.element, this.#fold.element];
  #details: Details | undefined;
  #entry: LineEntry | undefined;
  #look: Look | undefined;
  #isOpen = false;

  constructor() {
    for (const button of this.#buttons) button.tabIndex = -1;
    this.#toggle.setAttribute("aria-label", "All of this line");
    this.#toggle.setAttribute("aria-expanded", "false");
    this.#fields.element.dataset["act"] = "toggle";
    // What stands there is seldom looked at: it is put together when somebody points at it.
    this.#when.element.addEventListener("pointerenter", () => this.#tellExactTime());
    this.#doubt.element.title = UNDECIDED.long;
    this.#text.append(this.#doubt.element, this.#message.element, this.#fields.element, this.#more.element, this.#fold.element);
    const { element: when } = this.#when;
    const head = made("div", "head");
    head.append(this.#bar, this.#toggle, when, this.#late.element, this.#level.element, this.#stream.element, this.#cellBox, this.#text);
    this.nodes = [head];
  }

  /** Answers the row's classes. */
  show(entry: LineEntry, look: Look, state: RowState, row: HTMLElement): string {
    const { line, stream } = entry;
    const level = line.level !== undefined && LEVELS.has(line.level) ? line.level : "";
    if (this.#entry !== entry) this.#when.element.removeAttribute("title");
    this.#when.set(written(line.ts, look));
    this.#late.set(entry.late === undefined ? "" : "↰");
    if (entry.late !== undefined) this.#late.element.title = `It came after a line that is ${duration(entry.late)} younger.`;
    this.#level.set(level);
    this.#stream.set(look.showStream ? stream.name : "");
    this.#showCells(entry, look);
    this.#showText(entry, look, state);
    this.#entry = entry;
    this.#look = look;
    this.#setOpen(state.open, row);
    if (state.open) this.#details?.show(entry, look.zone);
    return classesOf(entry, level, look, state);
  }

  #showText({ line }: LineEntry, look: Look, state: RowState): void {
    const { text, more, cutFrom, terminal } = shownOf(line.message, look, state);
    const most = look.wrap ? SUMMARY_MOST_WRAPPED : undefined;
    this.#doubt.set(line.undecided ? UNDECIDED.short : "");
    this.#message.show(text, look.ansi, state.highlights, terminal);
    this.#fields.show(look.fieldsSummary && !state.open && hasFields(line.fields) ? summary(line.fields, most, look.columns) : "", false);
    this.#more.set(cutFrom > 0 ? `… show all ${figure(cutFrom)} characters` : "");
    this.#fold.set(more > 0 ? `+ ${count(more, "line")}` : state.unfolded ? "fold" : "");
  }

  #showCells({ line }: LineEntry, { columns }: Look): void {
    if (this.#cells.length !== columns.length) this.#setColumns(columns.length);
    columns.forEach(({ path }, i) => this.#cells[i]?.show(path, valueAt(line.fields, path)));
  }

  #setColumns(count: number): void {
    while (this.#cells.length < count) this.#cells.push(new Cell(this.#cells.length));
    this.#cells.length = count;
    this.#cellBox.replaceChildren(...this.#cells.map(({ element }) => element));
  }

  #setOpen(open: boolean, row: HTMLElement): void {
    if (open === this.#isOpen) return;
    this.#isOpen = open;
    this.#toggle.setAttribute("aria-expanded", String(open));
    for (const button of this.#buttons) button.tabIndex = open ? 0 : -1;
    if (open) {
      this.#details ??= new Details();
      row.append(this.#details.element);
    } else {
      this.#details?.element.remove();
    }
  }

  /** The row shows something else: an open row's details are not of that. */
  leave(row: HTMLElement): void {
    this.#setOpen(false, row);
  }

  #tellExactTime(): void {
    if (!this.#entry || !this.#look) return;
    const { line, stream } = this.#entry;
    this.#when.element.title = `${exact(line.ts, this.#look.zone)}\n${stream.name} #${line.offset}`;
  }
}

function classesOf(entry: LineEntry, level: string, look: Look, state: RowState): string {
  let classes = `row line stream-${entry.stream.colour}`;
  if (level !== "") classes += ` ${level}`;
  if (isTall(entry, look, state)) classes += " tall";
  if (entry.trace && entry.trace.head !== entry) classes += " continues";
  if (state.open) classes += " open";
  if (state.selected) classes += " selected";
  if (state.current) classes += " current";
  if (state.matches) classes += " matches";
  return classes;
}

/** A column's value. It says its column's name, too: where the heads do not stand over the cells, that is shown. */
class Cell {
  readonly element = made("span", "cell");
  readonly #name = new MessageView(made("span", "cell-name"));
  readonly #text = new MessageView(made("span", "cell-text"));

  constructor(column: number) {
    this.element.style.setProperty("--column", `var(--column-${column})`);
    this.element.append(this.#name.element, this.#text.element);
  }

  show(name: string, value: JsonValue | undefined): void {
    const text = asText(value);
    this.element.classList.toggle("none", text === "");
    this.element.classList.toggle("number", isNumber(value));
    this.#name.show(`${name} `, false);
    this.#text.show(text.length > CELL_SHOWN ? `${cut(text, CELL_SHOWN)}…` : text, false);
  }
}

/** `120 ms`, `3.4 s`. */
function duration(ms: number): string {
  return ms < 1_000 ? `${figure(ms)} ms` : `${figure(Math.round(ms / 100) / 10)} s`;
}

/** An element with a text that is written only when it is another one. */
class Label {
  readonly element: HTMLElement;
  readonly #node = document.createTextNode("");
  readonly #hides: boolean;
  #text = "";

  constructor(element: HTMLElement | string, className: string, hides?: typeof HIDES) {
    this.element = typeof element === "string" ? made(element, className) : element;
    this.element.replaceChildren(this.#node);
    this.#hides = hides === HIDES;
    this.element.hidden = this.#hides;
  }

  set(text: string): void {
    if (text === this.#text) return;
    if (this.#hides && (text === "" || this.#text === "")) this.element.hidden = text === "";
    this.#text = text;
    this.#node.nodeValue = text;
  }
}

function made(name: string, className: string): HTMLElement {
  const element = document.createElement(name);
  element.className = className;
  return element;
}
