// A server's end of a connection that never leaves the process.

/** In the place of a WebSocket. The tests of a file run one after the other, in a process of their own. */
export class Socket {
  /** All that were opened, the oldest first. */
  static opened = [];
  /** What the client said. */
  sent = [];

  constructor() {
    Socket.opened.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {}

  /** To a client that has not let go of it. */
  says(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

/** Once the client has done what it can do by now. */
export async function settled() {
  for (let i = 0; i < 5; i += 1) await new Promise((done) => setImmediate(done));
}
