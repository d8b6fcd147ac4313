// What stands over the page: one sheet at a time. Those beside a button (popovers) close when the reader goes on elsewhere,
// and give the focus back.

import { tick } from "svelte";

export type Popover = "settings" | "views" | "proof";
const POPOVERS: readonly (Sheet | undefined)[] = ["settings", "views", "proof"] satisfies Popover[];
export type Dialog = "help" | "jump" | "export";
export type Sheet = Popover | Dialog;

/**
 * Whether a dialog is closed, as its `close` event says: the browser sends that a task later than it closes, when the dialog
 * may have left the page or be open again.
 */
export function isClosed({ currentTarget }: Pick<Event, "currentTarget">): boolean {
  const dialog = currentTarget as HTMLDialogElement | null;
  return dialog?.isConnected === true && !dialog.open;
}

/** What it needs of the document. */
type Focused = Pick<Document, "activeElement" | "body">;

export class Sheets {
  readonly #document: Focused;
  open = $state<Sheet | undefined>();
  /** How often a dialog was asked for: one that the browser has closed already opens anew. */
  opening = $state(0);
  /** What had the focus before a popover was opened. */
  #opener: Element | null = null;

  constructor(page: Focused = document) {
    this.#document = page;
  }

  show(dialog: Dialog): void {
    this.open = dialog;
    this.opening++;
  }

  /** A dialog was closed: the browser gives the focus back by itself. Nothing happens when another is open by now. */
  shut(dialog: Dialog): void {
    if (this.open === dialog) this.open = undefined;
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
    if (POPOVERS.includes(this.open) && !beside) void this.close();
  }
}
