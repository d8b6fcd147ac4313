// One WebSocket, from its opening to its end. Knows which messages there are, not what they mean for a subscription.

import { TailcastError } from "./errors.js";
import { readMessage } from "./messages.js";
import type { ClientMessage, Closing, ServerMessage, Welcome } from "./messages.js";
import { OutboundRate } from "./outbound.js";
import { Watch } from "./watch.js";

/** Between two looks at the clock. */
const LOOK_MS = 2_500;
/** When the server does not say. */
const MESSAGES_PER_SECOND = 20;
const HEARTBEAT_MS = 25_000;
const PING = "ping";

/** How a connection ended, other than by us. */
export interface Ending {
  /** The close code; 1006 for a connection that broke, or died. */
  readonly code: number;
  readonly closing?: Closing;
  /** Whether the server ever welcomed us. */
  readonly welcomed: boolean;
  /** A sentence, when more is known than the code. */
  readonly why?: string;
}

export interface ConnectionEvents {
  /** Comes first, once. */
  welcome(welcome: Welcome): void;
  /** @param size of its text, in characters. */
  message(message: ServerMessage, size: number): void;
  /** Comes last, once. */
  ended(ending: Ending): void;
}

export class Connection {
  readonly #socket: WebSocket;
  readonly #events: ConnectionEvents;
  readonly #watch = new Watch(Date.now());
  readonly #looking: ReturnType<typeof setInterval>;
  #rate = new OutboundRate(MESSAGES_PER_SECOND, Date.now());
  #waiting: ClientMessage[] = [];
  #sending: ReturnType<typeof setTimeout> | undefined;
  #welcomed = false;
  #closing: Closing | undefined;
  #over = false;

  constructor(socket: WebSocket, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#watch.asked("welcome", Date.now());
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
    socket.onmessage = (event) => this.#heard(event.data);
    socket.onclose = (event) => this.#end({ code: event.code });
    // `close` follows and says more. Node 22 leaves it out when the handshake failed.
    socket.onerror = () => void setTimeout(() => this.#end({ code: 1006 }));
  }

  /** Sends a request, as soon as the server's limits allow. */
  send(message: ClientMessage): void {
    this.#waiting.push(message);
    if (this.#sending === undefined) this.#flush();
  }

  /** Asks for a sign of life, when the server can give one. */
  probe(): void {
    if (this.#watch.mayAsk) this.send({ type: "ping", id: PING });
  }

  /** Leaves, without a word to anybody here. */
  close(): void {
    this.#release();
    this.#socket.close(1000);
  }

  #flush(): void {
    this.#sending = undefined;
    while (this.#waiting[0] && !this.#over) {
      const wait = this.#rate.take(Date.now());
      if (wait > 0) {
        this.#sending = setTimeout(() => this.#flush(), wait);
        return;
      }
      const message = this.#waiting.shift() as ClientMessage;
      this.#watch.asked(`${message.type}:${message.id}`, Date.now());
      this.#socket.send(JSON.stringify(message));
    }
  }

  #look(): void {
    const verdict = this.#watch.verdict(Date.now());
    if (verdict === "ask") this.send({ type: "ping", id: PING });
    if (verdict === "dead") this.#die("The server does not answer.");
  }

  /** Gives the connection up: nobody waits for a close frame from somebody who is silent, or makes no sense. */
  #die(why: string): void {
    this.#socket.close(1000);
    this.#end({ code: 1006, why });
  }

  #heard(data: unknown): void {
    this.#watch.heard(Date.now());
    let message: ServerMessage | undefined;
    try {
      message = readMessage(data);
    } catch (error) {
      // Whatever it was, it is told again from the cursors.
      return this.#die(error instanceof TailcastError ? error.message : String(error));
    }
    if (message) this.#understood(message, (data as string).length);
  }

  #understood(message: ServerMessage, size: number): void {
    switch (message.type) {
      case "welcome":
        return this.#welcome(message);
      case "closing":
        this.#closing = message;
        return;
      case "subscribed":
        this.#watch.answered(`subscribe:${message.id}`);
        break;
      case "done":
        this.#watch.answered(`${message.request}:${message.id ?? ""}`);
        if (message.id === PING) return;
        break;
      case "error":
        if (message.id !== undefined) this.#watch.refused(message.id);
        if (message.id === PING) return this.#watch.cannotAsk();
        break;
    }
    this.#events.message(message, size);
  }

  #welcome(welcome: Welcome): void {
    this.#watch.answered("welcome");
    if (welcome.requests?.includes(PING)) this.#watch.canAsk(welcome.heartbeat_ms ?? HEARTBEAT_MS);
    this.#rate = new OutboundRate(welcome.limits?.messages_per_second ?? MESSAGES_PER_SECOND, Date.now());
    this.#welcomed = true;
    this.#events.welcome(welcome);
  }

  #end(how: { code: number; why?: string }): void {
    if (this.#over) return;
    this.#release();
    const closing = this.#closing;
    this.#events.ended({ ...how, welcomed: this.#welcomed, ...(closing ? { closing } : {}) });
  }

  #release(): void {
    this.#over = true;
    clearInterval(this.#looking);
    clearTimeout(this.#sending);
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
  }
}
