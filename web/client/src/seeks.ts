// Seeks that were asked for on one connection, in order, until the server answers each.

import { TailcastError } from "./errors.js";

/** Where somebody wants to go on, and who is to be told what came of it. */
export interface Seek {
  readonly stream: string;
  readonly to: number | "live";
  resolve(): void;
  reject(error: TailcastError): void;
}

export class Seeks {
  /** By the subscription's id: the server answers those of one in the order in which they were sent. */
  readonly #waiting = new Map<string, Seek[]>();

  add(id: string, seek: Seek): void {
    this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), seek]);
  }

  /** The one that the server answers now. */
  next(id: string): Seek | undefined {
    const seeks = this.#waiting.get(id);
    const seek = seeks?.shift();
    if (seeks?.length === 0) this.#waiting.delete(id);
    return seek;
  }

  /** No answer comes any more. */
  abandon(): void {
    const seeks = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    for (const { stream, reject } of seeks) {
      reject(new TailcastError("offline", "The connection ended before the answer came.", { stream }));
    }
  }
}
