// Loads the holes that a reader comes near, or asks for. One that gave nothing is not loaded again without being asked for.

import type { Rule } from "../buffer/chunk.ts";
import type { HoleEntry } from "../buffer/entry.ts";
import type { Side } from "../follow/holes.ts";
import type { Log } from "../follow/log.ts";

/** What it needs of the view. */
export interface LoaderOptions {
  readonly log: Pick<Log, "load" | "isLoading" | "buffer">;
  readonly following: () => boolean;
  /** Whether the window has room above its first row. */
  readonly roomAbove: () => boolean;
  /** Which entries are shown. */
  readonly shown: () => Rule;
}

export class Loader {
  readonly #options: LoaderOptions;
  readonly #tried = new WeakSet<HoleEntry>();

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** A hole comes near. */
  near(hole: HoleEntry, side: Side): void {
    const { log, following, roomAbove } = this.#options;
    if (this.#tried.has(hole) || log.isLoading(hole)) return;
    // Following, only as much is loaded as the window has room for.
    if (following() && (!roomAbove() || hole.reason !== "earlier")) return;
    void this.#load(hole, side);
  }

  /** The reader asks for a hole's lines: the first ones, or the last ones where no line stands before it. */
  fill(hole: HoleEntry): void {
    const { chunks } = this.#options.log.buffer;
    const at = chunks.findIndex((chunk) => chunk.hole === hole);
    void this.#load(hole, chunks.slice(0, at).some(({ lines }) => lines > 0) ? "start" : "end");
  }

  /** Looks through all that the tab has not, the newest first, until there is a line. */
  async search(): Promise<void> {
    const { log, shown } = this.#options;
    for (;;) {
      const hole = log.buffer.chunks.findLast((chunk) => chunk.hole)?.hole;
      const entries = hole && !log.isLoading(hole) ? await log.load(hole, "end") : undefined;
      if (!entries || entries.some(shown())) return;
    }
  }

  async #load(hole: HoleEntry, side: Side): Promise<void> {
    const { log, shown } = this.#options;
    const entries = await log.load(hole, side);
    if (!entries) this.#tried.add(hole);
    // Nothing more to see: be it that nothing matched, or that all of it is of streams that are hidden.
    else if (!entries.some(shown())) for (const chunk of log.buffer.chunks) if (chunk.hole) this.#tried.add(chunk.hole);
  }
}
