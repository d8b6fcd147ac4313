// What stands over the page: one sheet at a time. Those beside a button (popovers) close when the reader goes on elsewhere,
// and give the focus back.

import { tick } from "svelte";

export type Popover = "settings" | "views";
export type Sheet = Popover | "help" | "jump" | "export";

/** What it needs of the document. */
type Focused = Pick<Document, "activeElement" | "body">;

export class Sheets {
  readonly #document: Focused;
  open = $state<Sheet | undefined>();
  /** What had the focus before a popover was opened. */
  #opener: Element | null = null;

  constructor(page: Focused = document) {
    this.#document = page;
  }

  show(sheet: Exclude<Sheet, Popover>): void {
    this.open = sheet;
  }

  /** A dialog was closed: the browser gives the focus back by itself. */
  shut(): void {
    this.open = undefined;
  }

  /** Opens a popover, or closes it. */
  toggle(popover: Popover): void {
    if (this.open === popover) {
      void this.close();
      return;
    }
    if (!this.open) this.#opener = this.#document.activeElement;
    this.open = popover;
  }

  /** Closes whatever is open. The focus goes back to where it was, unless it is somewhere else by now. */
  async close(): Promise<void> {
    this.open = undefined;
    await tick();
    const { activeElement, body } = this.#document;
    if (activeElement === body) (this.#opener as Partial<HTMLElement> | null)?.focus?.({ preventScroll: true });
  }

  /** The reader pressed somewhere. @param beside it is a popover, or what opens one. */
  pressed(beside: boolean): void {
    if ((this.open === "settings" || this.open === "views") && !beside) void this.close();
  }
}
