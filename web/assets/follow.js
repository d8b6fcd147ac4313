// Follows streams for the page, and goes on after an end that it knows how to go on after. Knows no page.

/**
 * Tells, through `on`: `state(state)` of the library's subscription, `begin(event)`, `lines(stream, lines)`, `gap(event)`,
 * `fault(fault)` and `note(text)`.
 */
export class Follow {
  #streams;
  #from;
  #on;
  #subscription;
  /** Where the last subscription was left. */
  #place;
  /** Made anew with each subscription, so that a word of an older one is not taken for this one's. */
  #era;

  constructor({ streams, from, on }) {
    this.#streams = streams;
    this.#from = from;
    this.#on = on;
  }

  /** Begins, or goes on where it was. */
  start(client) {
    this.stop();
    const era = (this.#era = {});
    const on = this.#on;
    this.#subscription = client.subscribe(this.#streams, {
      from: this.#place ?? this.#from,
      onState: (state) => era === this.#era && on.state(state),
      on: {
        begin: (event) => on.begin(event),
        lines: ({ stream, lines }) => on.lines(stream, lines),
        gap: (event) => on.gap(event),
        fault: (fault) => on.fault(fault),
        dropped: ({ streams }) => on.note(`No longer readable with this token: ${streams.join(", ")}`),
        warning: ({ code, message }) => on.note(`The server says: ${message} (${code})`),
        end: (error) => error && this.#ended(error, client),
      },
    });
    on.state(this.#subscription.state);
  }

  stop() {
    if (!this.#subscription) return;
    this.#era = undefined;
    this.#place = this.#subscription.cursors() ?? this.#place;
    this.#subscription.close();
    this.#subscription = undefined;
  }

  #ended(error, client) {
    if (error.code === "wrong_epoch") {
      this.#on.note("The server stands on another store now. Its lines begin here, with offsets of their own.");
      this.#goOn(client, undefined);
    } else if (error.code === "cursor_ahead") {
      // The store has less than was read: it was set back. What comes now under the same offsets is not the same.
      const { stream, next } = error.details;
      const { epoch, cursors } = this.#subscription.cursors();
      this.#on.fault({ kind: "set_back", stream, from: next, to: cursors[stream] });
      this.#goOn(client, { epoch, cursors: { ...cursors, [stream]: next } });
    }
  }

  #goOn(client, place) {
    this.stop();
    this.#place = place;
    this.start(client);
  }
}
