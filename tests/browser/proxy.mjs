// A proxy between the page and its server, which at a word passes nothing on any more and keeps every socket open: what looks
// alive, and is not.

import { connect, createServer } from "node:net";

export async function startProxy(to) {
  const proxy = new Proxy(new URL(to));
  await proxy.listen();
  return proxy;
}

class Proxy {
  #to;
  #server;
  #sockets = new Set();
  #swallows = false;

  constructor(to) {
    this.#to = to;
  }

  async listen() {
    this.#server = createServer((near) => this.#join(near));
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
  }

  #join(near) {
    const far = connect(this.#to.port, this.#to.hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#sockets.add(one);
      one.on("data", (data) => this.#swallows || other.write(data));
      one.on("error", () => {});
      one.on("close", () => {
        this.#sockets.delete(one);
        if (!this.#swallows) other.destroy();
      });
    }
  }

  /** Nothing goes through from now on, and nobody is told. */
  swallow() {
    this.#swallows = true;
  }

  /** What comes goes through again; what was swallowed is gone, with the connections that it was on. */
  pass() {
    this.#swallows = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close() {
    this.pass();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
