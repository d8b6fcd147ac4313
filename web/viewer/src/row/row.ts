// A row of the list, which shows one entry after another. The same few nodes serve thousands of lines: the list keeps as
// many rows as there is room for, and fills them anew while the reader scrolls.

import "./row.css";
import type { Entry, GapEntry, HoleEntry, NoteEntry } from "../buffer/entry.ts";
import { buttonFor } from "./acts.ts";
import { LineView } from "./line.ts";
import type { Look, RowState } from "./look.ts";
import { MessageView } from "./message.ts";
import { gapWords, holeWords } from "./words.ts";

export class Row {
  readonly element = document.createElement("div");
  #kind: Entry["kind"] | undefined;
  #line: LineView | undefined;
  #notice: NoticeView | undefined;
  #classes = "";
  #isCurrent = false;
  #last: readonly [Entry, Look, RowState] | undefined;

  /** Shows an entry. `state` is of that entry, and a new object when anything in it changes. */
  show(entry: Entry, look: Look, state: RowState): void {
    const last = this.#last;
    if (last && last[0] === entry && last[1] === look && last[2] === state) return;
    this.#last = [entry, look, state];
    const classes = entry.kind === "line" ? this.#showLine(entry, look, state) : this.#showNotice(entry, look, state);
    this.#kind = entry.kind;
    if (classes !== this.#classes) this.element.className = this.#classes = classes;
    if (state.current !== this.#isCurrent) this.#setCurrent(state.current);
  }

  #showLine(entry: Entry & { kind: "line" }, look: Look, state: RowState): string {
    this.#line ??= new LineView();
    if (this.#kind !== "line") this.element.replaceChildren(...this.#line.nodes);
    return this.#line.show(entry, look, state, this.element);
  }

  #showNotice(entry: GapEntry | HoleEntry | NoteEntry, look: Look, state: RowState): string {
    this.#notice ??= new NoticeView();
    if (this.#kind === "line") this.#line?.leave(this.element);
    if (this.#kind === undefined || this.#kind === "line") this.element.replaceChildren(...this.#notice.nodes);
    return this.#notice.show(entry, look, state);
  }

  #setCurrent(current: boolean): void {
    this.#isCurrent = current;
    if (current) this.element.setAttribute("aria-current", "true");
    else this.element.removeAttribute("aria-current");
  }
}

/** A row that is no line: a gap, a hole, or what the page has to say. */
class NoticeView {
  readonly nodes: readonly Node[];
  readonly #words = new MessageView(document.createElement("span"));
  readonly #load = buttonFor("load", "Load");

  constructor() {
    this.#words.element.className = "words";
    this.nodes = [this.#words.element, this.#load];
  }

  /** Answers the row's classes. */
  show(entry: GapEntry | HoleEntry | NoteEntry, look: Look, state: RowState): string {
    const isLoading = state.loading === true;
    this.#load.hidden = entry.kind !== "hole";
    this.#load.disabled = isLoading;
    this.#load.textContent = isLoading ? "Loading…" : "Load";
    this.#words.show(wordsOf(entry, look), false);
    const tone = entry.kind === "note" ? ` ${entry.tone}` : "";
    const marks = `${state.selected ? " selected" : ""}${state.current ? " current" : ""}`;
    return `row ${entry.kind}${tone}${look.wrap ? " tall" : ""}${marks}`;
  }
}

function wordsOf(entry: GapEntry | HoleEntry | NoteEntry, look: Look): string {
  switch (entry.kind) {
    case "gap":
      return gapWords(entry);
    case "hole":
      return holeWords(entry, look);
    case "note":
      return entry.text;
  }
}
