// What the page has just done, in a sentence that goes away by itself.

const SHOWN_MS = 2_500;

export class Saying {
  /** Empty while there is nothing to say. */
  words = $state("");
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(words: string): void {
    this.words = words;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.words = ""), SHOWN_MS);
  }
}
