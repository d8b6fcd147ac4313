// Where the reader is in the log.

import type { Buffer } from "../buffer/buffer.ts";
import type { LineEntry } from "../buffer/entry.ts";
import type { Direction, Edge } from "../find/beyond.ts";
import { edges } from "../find/edges.ts";
import type { Choice } from "./choice.svelte.ts";
import type { Screen } from "./screen.svelte.ts";

export class Whereabouts {
  readonly #buffer: Pick<Buffer, "chunks" | "find">;
  readonly #screen: Pick<Screen, "following" | "lines">;
  readonly #choice: Pick<Choice, "cursor">;

  constructor(buffer: Pick<Buffer, "chunks" | "find">, screen: Pick<Screen, "following" | "lines">, choice: Pick<Choice, "cursor">) {
    this.#buffer = buffer;
    this.#screen = screen;
    this.#choice = choice;
  }

  /** The line that keys act on, or else the last one that can be seen. None while the live end is followed: it is behind all. */
  get line(): LineEntry | undefined {
    if (this.#screen.following) return undefined;
    const { cursor } = this.#choice;
    return cursor?.entry.kind === "line" ? cursor.entry : this.#screen.lines.at(-1);
  }

  /** Where to look on in the store. */
  edges(direction: Direction): Edge[] {
    const { line } = this;
    const reading = line && this.#buffer.find(line.stream.name, line.line.offset)?.chunk;
    return edges(this.#buffer.chunks, reading, direction);
  }
}
