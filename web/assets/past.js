// The past of many streams, put into one order. Pure.

export class Past {
  #lines = [];
  /** The latest time so far, by stream. */
  #latest = new Map();

  lines(stream, first, lines) {
    let latest = this.#latest.get(stream) ?? -Infinity;
    for (let i = 0; i < lines.length; i += 1) {
      // A line stays behind those that its stream has before it, whatever its clock said.
      latest = Math.max(latest, Date.parse(lines[i].ts) || -Infinity);
      this.#lines.push({ at: latest, stream, offset: first + i, line: lines[i] });
    }
    this.#latest.set(stream, latest);
  }

  /** Hands all of it to a log, by time. */
  into(log) {
    // Two lines without a time are equal: infinity minus infinity is no number.
    this.#lines.sort((a, b) => a.at - b.at || 0);
    for (const { stream, offset, line } of this.#lines) log.lines(stream, offset, [line]);
  }
}
