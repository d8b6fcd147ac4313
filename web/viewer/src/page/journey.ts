// Leads a reader to places of the log. What they asked for last is where they go, whichever answer is the last to come.

import type { Place } from "../buffer/buffer.ts";
import type { Log, Position } from "../follow/log.ts";
import { Latest } from "./latest.ts";

/**
 * What became of going somewhere. `nowhere`: there is no such line, nor a later one. `elsewhere`: the reader asked for
 * another place meanwhile, and is not led to this one. `failed`: it could not be loaded, which they were told.
 */
export type Arrival = "there" | "nowhere" | "elsewhere" | "failed";

export interface JourneyOptions {
  readonly log: Pick<Log, "seek" | "lacks">;
  /** The first row of the log. */
  readonly first: () => Place | undefined;
  readonly show: (place: Place) => void;
  /** Puts the window at the first row, or at the live end, which is followed then. */
  readonly scroll: (to: "start" | "live") => void;
  /** Tells the reader why a place could not be loaded. */
  readonly fail: (reason: string) => void;
}

export class Journey {
  readonly #options: JourneyOptions;
  readonly #drags = new Latest<Position>((position) => this.#go(position, this.#options.show));
  /** Counts where the reader asked to go. */
  #turn = 0;

  constructor(options: JourneyOptions) {
    this.#options = options;
  }

  /** Goes to a line or a time, loading what is around it. Does not fail. */
  to(position: Position, show = this.#options.show): Promise<Arrival> {
    this.#drags.forget();
    return this.#go(position, show);
  }

  /** The same for who asks faster than lines can be loaded: one place after the other. What is loaded is shown at once. */
  drag(position: Position): void {
    if (this.#options.log.lacks(position)) this.#drags.ask(position);
    else void this.to(position);
  }

  /** Goes to the live end, and follows it. */
  toLive(): void {
    this.#leave();
    this.#options.scroll("live");
  }

  /** Goes to the first line that the tab can have. */
  async toStart(): Promise<void> {
    const entry = this.#options.first()?.entry;
    if (entry?.kind === "hole") {
      const [run] = entry.runs;
      const before = entry.runs.length === 1 && run ? { stream: run.stream.name, offset: run.from } : { time: 0 };
      const arrival = await this.to(before, () => {});
      if (arrival === "elsewhere" || arrival === "failed") return;
    } else this.#leave();
    this.#options.scroll("start");
  }

  /** The reader goes elsewhere by themselves: no answer leads them away from there. */
  #leave(): void {
    this.#turn += 1;
    this.#drags.forget();
  }

  async #go(position: Position, show: (place: Place) => void): Promise<Arrival> {
    const turn = (this.#turn += 1);
    try {
      const place = await this.#options.log.seek(position);
      if (turn !== this.#turn) return "elsewhere";
      if (!place) return "nowhere";
      show(place);
      return "there";
    } catch (error) {
      if (turn !== this.#turn) return "elsewhere";
      this.#options.fail(error instanceof Error ? error.message : String(error));
      return "failed";
    }
  }
}
