// What is copied of a view, and how the reader is told that it was.

import { type View, fits, linkOf, permalink } from "../address/view.ts";
import type { LineEntry } from "../buffer/entry.ts";
import { count } from "../count.ts";
import { formatted } from "../export/format.ts";
import type { Choice } from "./choice.svelte.ts";
import type { Display } from "./display.svelte.ts";

/** The view that is copied from. */
export interface Copied {
  readonly choice: Pick<Choice, "cursor" | "lines">;
  readonly display: Pick<Display, "columns">;
  readonly view: View;
}

export interface ClipboardOptions {
  /** Answers whether the browser did it. */
  readonly write: (text: string) => Promise<boolean>;
  /** Tells the reader, for a while. */
  readonly say: (words: string) => void;
  /** The page's address: links are made of it. */
  readonly address: Parameters<typeof linkOf>[0];
}

export class Clipboard {
  readonly #options: ClipboardOptions;

  constructor(options: ClipboardOptions) {
    this.#options = options;
  }

  /** @param what what it is, to say that it was copied. */
  async copy(text: string, what: string): Promise<void> {
    this.#options.say((await this.#options.write(text)) ? `Copied ${what}.` : "The browser did not allow copying.");
  }

  /** The chosen lines, or the one that keys act on, as text. */
  async lines({ choice, display }: Copied): Promise<void> {
    const chosen = choice.lines();
    const one = lineAt(choice);
    const lines = chosen.length > 0 ? chosen : one ? [one] : [];
    if (lines.length === 0) return;
    const told = lines.map(({ stream, line }) => ({ stream: stream.name, line }));
    await this.copy(formatted(told, "text", display.columns.map(({ path }) => path)), count(lines.length, "line"));
  }

  /** A link to the line that keys act on, or to the view. */
  async link({ choice, view }: Copied): Promise<void> {
    const { address } = this.#options;
    const line = lineAt(choice);
    if (line) return this.copy(permalink(address, line.stream.name, line.line.offset), "a link to the line");
    const what = fits(view) ? "a link to this view" : "a link to a part of this view: all of it is too long for an address";
    return this.copy(linkOf(address, view), what);
  }
}

function lineAt({ cursor }: Copied["choice"]): LineEntry | undefined {
  return cursor?.entry.kind === "line" ? cursor.entry : undefined;
}
