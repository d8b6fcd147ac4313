// The past of many streams, put into one order. Pure.

export class Past {
  #lines = [];
  /** The latest time so far, by stream. */
  #latest = new Map();

  lines(stream, lines) {
    let latest = this.#latest.get(stream) ?? -Infinity;
    for (const line of lines) {
      // A line stays behind those that its stream has before it, whatever its clock said.
      latest = Math.max(latest, Date.parse(line.ts) || -Infinity);
      this.#lines.push({ at: latest, stream, line });
    }
    this.#latest.set(stream, latest);
  }

  /** Hands all of it to a log, by time. */
  into(log) {
    // Two lines without a time are equal: infinity minus infinity is no number.
    this.#lines.sort((a, b) => a.at - b.at || 0);
    for (const { stream, line } of this.#lines) log.lines(stream, [line]);
  }
}
