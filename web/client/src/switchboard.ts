// Which subscription a message is for, on one connection. Frames of lines name a stream and no subscription: a stream is
// in one of them at a time.

import type { Follower } from "./follower.js";
import type { ClientMessage, ServerMessage, Welcome } from "./messages.js";
import { ME, personal } from "./names.js";
import type { Request } from "./requests.js";

/** When the server does not say. */
const MESSAGE_BYTES = 16 * 1024;

export class Switchboard {
  readonly epoch: string;
  readonly subscriber: string;
  /** Room in one request. */
  readonly messageBytes: number;
  readonly #send: (message: ClientMessage) => void;
  readonly #followers = new Map<string, Follower>();
  readonly #streams = new Map<string, { readonly id: string; readonly follower: Follower }>();
  #ids = 0;

  constructor(welcome: Welcome, send: (message: ClientMessage) => void) {
    this.epoch = welcome.epoch;
    this.subscriber = welcome.subscriber;
    this.messageBytes = welcome.limits?.message_bytes ?? MESSAGE_BYTES;
    this.#send = send;
  }

  /** Asks for a subscription, under the id that is answered. */
  subscribe(follower: Follower, request: Request): string {
    this.#ids += 1;
    const id = String(this.#ids);
    const { patterns: _, type, ...members } = request;
    this.#followers.set(id, follower);
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
    const follower = this.#streams.get(stream)?.follower;
    return follower !== undefined && this.#names(follower, stream);
  }

  #names({ targets }: Follower, stream: string): boolean {
    return targets.includes(stream) || (targets.includes(ME) && stream === personal(this.subscriber));
  }

  /** A subscription has a stream now: the patterns of others have passed over it. */
  #holds(follower: Follower, id: string, stream: string): void {
    this.#streams.set(stream, { id, follower });
    for (const other of new Set(this.#followers.values())) {
      if (other !== follower && !this.#names(other, stream)) other.passOver(stream);
    }
  }

  /** Tells the follower that it concerns. Answers whether there is one. */
  deliver(message: ServerMessage, size: number): boolean {
    switch (message.type) {
      case "lines":
      case "gap":
      case "live": {
        const place = this.#streams.get(message.stream);
        place?.follower.heard(message, place.id, size);
        return true;
      }
      case "subscribed": {
        const follower = this.#followers.get(message.id);
        if (!follower) return true;
        for (const stream of Object.keys(message.streams)) this.#holds(follower, message.id, stream);
        follower.subscribed(message);
        return true;
      }
      case "behind":
        this.#followers.get(message.id)?.behind(message);
        return true;
      case "dropped":
        for (const stream of message.streams) this.#streams.delete(stream);
        this.#followers.get(message.id)?.dropped(message);
        return true;
      case "done":
        return this.#done(message.id ?? "", message.request);
      case "error": {
        const follower = this.#followers.get(message.id ?? "");
        follower?.refused(message);
        return follower !== undefined;
      }
      default:
        return true;
    }
  }

  /** A subscription that was refused, or is over. */
  forget(id: string): void {
    this.#followers.delete(id);
    for (const [stream, place] of this.#streams) {
      if (place.id === id) this.#streams.delete(stream);
    }
  }

  #done(id: string, request: string): boolean {
    const follower = this.#followers.get(id);
    if (request === "unsubscribe") this.forget(id);
    follower?.done(id, request);
    return true;
  }
}
