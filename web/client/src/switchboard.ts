// Which subscription a message is for, on one connection. Frames of lines name a stream and no subscription: a stream is
// in one of them at a time.

import type { Behind, ClientMessage, Dropped, Gap, Lines, Live, Refusal, ServerMessage, Subscribed, Welcome } from "./messages.js";
import { ME, personal } from "./names.js";
import type { Request } from "./requests.js";

/** When the server does not say. */
const MESSAGE_BYTES = 16 * 1024;

/** A subscription, as far as a connection has to do with it. `id`: that of the request which it was put in with. */
export interface Seat {
  /** The names and patterns that were asked for. */
  readonly targets: readonly string[];
  subscribed(message: Subscribed): void;
  /** @param size of the message's text, in characters. */
  heard(message: Lines | Gap | Live, id: string, size: number): void;
  behind(message: Behind): void;
  dropped(message: Pick<Dropped, "streams" | "reason">): void;
  done(id: string, request: string): void;
  refused(message: Refusal): void;
  /** Another one names a stream, which this one has by a pattern only. */
  passOver(stream: string): void;
}

export class Switchboard {
  readonly epoch: string;
  readonly subscriber: string;
  /** Room in one request. */
  readonly messageBytes: number;
  readonly #send: (message: ClientMessage) => void;
  readonly #seats = new Map<string, Seat>();
  readonly #streams = new Map<string, { readonly id: string; readonly seat: Seat }>();
  #ids = 0;

  constructor(welcome: Welcome, send: (message: ClientMessage) => void) {
    this.epoch = welcome.epoch;
    this.subscriber = welcome.subscriber;
    this.messageBytes = welcome.limits?.message_bytes ?? MESSAGE_BYTES;
    this.#send = send;
  }

  /** Asks for a subscription, under the id that is answered. */
  subscribe(seat: Seat, request: Request): string {
    this.#ids += 1;
    const id = String(this.#ids);
    const { patterns: _, type, ...members } = request;
    this.#seats.set(id, seat);
    this.#send({ type, id, ...members });
    return id;
  }

  send(message: ClientMessage): void {
    this.#send(message);
  }

  /** The subscription that has a stream. */
  holder(stream: string): string | undefined {
    return this.#streams.get(stream)?.id;
  }

  /** Whether somebody asked for a stream by its name, and has it. */
  isNamed(stream: string): boolean {
    const seat = this.#streams.get(stream)?.seat;
    return seat !== undefined && this.#names(seat, stream);
  }

  #names({ targets }: Seat, stream: string): boolean {
    return targets.includes(stream) || (targets.includes(ME) && stream === personal(this.subscriber));
  }

  /** A subscription has a stream now: the patterns of others have passed over it. */
  #holds(seat: Seat, id: string, stream: string): void {
    this.#streams.set(stream, { id, seat });
    for (const other of new Set(this.#seats.values())) {
      if (other !== seat && !this.#names(other, stream)) other.passOver(stream);
    }
  }

  /** Tells the subscription that it concerns. Answers whether there is one. */
  deliver(message: ServerMessage, size: number): boolean {
    switch (message.type) {
      case "lines":
      case "gap":
      case "live": {
        const place = this.#streams.get(message.stream);
        place?.seat.heard(message, place.id, size);
        return true;
      }
      case "subscribed": {
        const seat = this.#seats.get(message.id);
        if (!seat) return true;
        for (const stream of Object.keys(message.streams)) this.#holds(seat, message.id, stream);
        seat.subscribed(message);
        return true;
      }
      case "behind":
        this.#seats.get(message.id)?.behind(message);
        return true;
      case "dropped":
        for (const stream of message.streams) this.#streams.delete(stream);
        this.#seats.get(message.id)?.dropped(message);
        return true;
      case "done":
        return this.#done(message.id ?? "", message.request);
      case "error": {
        const seat = this.#seats.get(message.id ?? "");
        seat?.refused(message);
        return seat !== undefined;
      }
      default:
        return true;
    }
  }

  /** A subscription that was refused, or is over. */
  forget(id: string): void {
    this.#seats.delete(id);
    for (const [stream, place] of this.#streams) {
      if (place.id === id) this.#streams.delete(stream);
    }
  }

  #done(id: string, request: string): boolean {
    const seat = this.#seats.get(id);
    if (request === "unsubscribe") this.forget(id);
    seat?.done(id, request);
    return true;
  }
}
