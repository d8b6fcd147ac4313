// How a view stands, for what is around the rows. The rows themselves are painted beside Svelte (they change sixty times a
// second); what is no state here is told by `version`, a few times a second.

import type { SubscriptionState } from "tailcast-client";

/** How often what stands around the rows is told of changes. */
const TELL_MS = 250;

/** What it needs of the document. */
type Looked = Pick<Document, "hidden" | "addEventListener" | "removeEventListener">;

export class Standing {
  state = $state.raw<SubscriptionState>({ name: "connecting" });
  faults = $state(0);
  /** How many lines were met that nobody can have any more. */
  lost = $state(0);
  /** Why the reader is not where they asked to go, until they were told. */
  failure = $state<string | undefined>();
  /** Grows when there is something to tell of what is no state. */
  version = $state(0);
  readonly #before: () => void;
  readonly #document: Looked;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param before called right before it is told that something changed. */
  constructor(before: () => void, page: Looked = document) {
    this.#before = before;
    this.#document = page;
  }

  /** Something changed: it is told soon, however often that is said. */
  soon(): void {
    this.#timer ??= setTimeout(() => {
      // Nobody looks: it is told when somebody does.
      if (this.#document.hidden) this.#document.addEventListener("visibilitychange", this.now, { once: true });
      else this.now();
    }, TELL_MS);
  }

  /** It is told now. */
  readonly now = (): void => {
    this.#timer = undefined;
    this.#before();
    this.version += 1;
  };

  stop(): void {
    clearTimeout(this.#timer);
    this.#document.removeEventListener("visibilitychange", this.now);
  }
}
