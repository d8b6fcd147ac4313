// A new token for a session that is open, in time. Knows the messages about it, not the connection.

import { TailcastError, words } from "./errors.js";
import type { ServerMessage } from "./messages.js";
import type { Tokens } from "./tokens.js";

/** Between two questions for a token: those that live shorter than the server's notice would be asked for at once. */
const LEAST_MS = 1_000;
const MOST_MS = 10_000;

export interface RenewalEvents {
  /** Sends the token to the server. */
  refresh(token: string): void;
  problem(error: TailcastError): void;
}

export class Renewal {
  /** The `id` of its requests. */
  static readonly ID = "refresh";
  readonly #tokens: Tokens;
  readonly #events: RenewalEvents;
  #expiresAt = new Date(0);
  /** When a token was last asked for. */
  #askedAt = -Infinity;
  #sent: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Made anew when the session ends. */
  #era = {};

  constructor(tokens: Tokens, events: RenewalEvents) {
    this.#tokens = tokens;
    this.#events = events;
  }

  /** The server says that the token ends soon. */
  expiring(at: Date): void {
    this.#expiresAt = at;
    if (!this.#tokens.renewable) {
      return this.#warn(`The token ends at ${at.toISOString()}.`);
    }
    this.#again(Date.now() - this.#askedAt < 2 * MOST_MS ? this.#wait() : 0);
  }

  isAbout(message: ServerMessage): message is Extract<ServerMessage, { type: "done" | "error" }> {
    return (message.type === "done" || message.type === "error") && message.id === Renewal.ID;
  }

  answered(message: Extract<ServerMessage, { type: "done" | "error" }>): void {
    if (message.type === "done" || this.#sent === undefined) return;
    if (message.code === "bad_token") this.#tokens.drop(this.#sent, "refused");
    this.#events.problem(new TailcastError(message.code, message.message));
    this.#again(this.#wait());
  }

  /** The session is over. */
  stop(): void {
    this.#era = {};
    clearTimeout(this.#timer);
  }

  #wait(): number {
    // Half of what is left, so that there is time for another attempt; the two clocks may differ.
    const left = (this.#expiresAt.getTime() - Date.now()) / 2;
    return Math.min(MOST_MS, Math.max(LEAST_MS, left));
  }

  #again(after: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), after);
  }

  async #ask(): Promise<void> {
    const era = this.#era;
    this.#askedAt = Date.now();
    try {
      const token = await this.#tokens.renew();
      if (era !== this.#era) return;
      this.#sent = token;
      this.#events.refresh(token);
    } catch (error) {
      if (era !== this.#era) return;
      this.#warn(`The token ends soon. ${words(error)}`);
      this.#again(this.#wait());
    }
  }

  #warn(message: string): void {
    this.#events.problem(new TailcastError("token_expiring", message, { expiresAt: this.#expiresAt }));
  }
}
