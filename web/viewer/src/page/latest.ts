// Does one thing at a time. Of what is asked for meanwhile, only the last is done: a drag asks faster than lines can be loaded.

export class Latest<T> {
  readonly #act: (what: T) => Promise<unknown>;
  #acting = false;
  #next: { readonly what: T } | undefined;

  /** @param act it must not fail. */
  constructor(act: (what: T) => Promise<unknown>) {
    this.#act = act;
  }

  ask(what: T): void {
    this.#next = { what };
    if (!this.#acting) void this.#go();
  }

  /** What waits is not done. */
  forget(): void {
    this.#next = undefined;
  }

  async #go(): Promise<void> {
    this.#acting = true;
    for (let next = this.#next; next; next = this.#next) {
      this.#next = undefined;
      await this.#act(next.what);
    }
    this.#acting = false;
  }
}
