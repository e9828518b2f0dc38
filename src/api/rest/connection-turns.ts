// One request at a time per connection. HTTP lets a client send many requests before it reads the
// first answer, and the parser hands all of them over at once: without turns, one connection would
// put hundreds of requests in front of everybody else's.

import type { Socket } from 'node:net';

export class ConnectionTurns {
  /** Present while a request of the connection is carried out; holds those behind it, in order. */
  readonly #waiting = new WeakMap<Socket, (() => void)[]>();

  /** Null: go on at once. In either case `end` follows. */
  begin(socket: Socket): Promise<void> | null {
    const waiting = this.#waiting.get(socket);
    if (waiting !== undefined) return new Promise((resolve) => waiting.push(resolve));
    this.#waiting.set(socket, []);
    return null;
  }

  end(socket: Socket): void {
    const next = this.#waiting.get(socket)?.shift();
    // Through the event loop, so that other connections come in between.
    if (next === undefined) this.#waiting.delete(socket);
    else setImmediate(next);
  }
}
