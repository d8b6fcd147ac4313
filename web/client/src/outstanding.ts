// How many lines of a subscription are still to come, as far as the server said: up to the heads, and behind a pause. Pure.

export class Outstanding {
  /** Heads of the streams that did not reach theirs yet. */
  readonly #heads = new Map<string, number>();
  /** Lines that wait at the server while it is paused, by stream. */
  readonly #behind = new Map<string, number>();

  /** The stream's head is there, and not reached. */
  expect(stream: string, head: number): void {
    this.#heads.set(stream, head);
  }

  /** The same, for a stream that begins anew before a place that it had reached. */
  expectAgain(stream: string, reached: number): void {
    this.#heads.set(stream, Math.max(reached, this.#heads.get(stream) ?? 0));
  }

  /** The stream's head is reached. */
  reached(stream: string): void {
    this.#heads.delete(stream);
  }

  /** So many lines of the stream wait behind the pause. */
  waits(stream: string, count: number): void {
    this.#behind.set(stream, count);
  }

  /** Nothing waits behind a pause any more. */
  flows(): void {
    this.#behind.clear();
  }

  forget(stream: string): void {
    this.#heads.delete(stream);
    this.#behind.delete(stream);
  }

  clear(): void {
    this.#heads.clear();
    this.#behind.clear();
  }

  /** Whether every head was reached. */
  get none(): boolean {
    return this.#heads.size === 0;
  }

  /** Lines up to the heads, from the cursors. */
  remaining(cursors: ReadonlyMap<string, number>): number {
    return sum([...this.#heads].map(([stream, head]) => Math.max(0, head - (cursors.get(stream) ?? head))));
  }

  /** Lines behind the pause. */
  get behind(): number {
    return sum(this.#behind.values());
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
