// One request at a time per connection. HTTP lets a client send many requests before it reads the
// first answer, and the parser hands all of them over at once: without turns, one connection would
// put hundreds of requests in front of everybody else's.

import type { Socket } from 'node:net';

interface Queue {
  /** A request of the connection is being carried out. */
  isBusy: boolean;
  /** Those behind it, in order. */
  readonly waiting: (() => void)[];
}

export class ConnectionTurns {
  /** Kept as long as the connection: entering it anew for each request would cost more. */
  readonly #queues = new WeakMap<Socket, Queue>();

  /** Null: go on at once. In either case `end` follows. */
  begin(socket: Socket): Promise<void> | null {
    const queue = this.#queues.get(socket);
    if (queue === undefined) {
      this.#queues.set(socket, { isBusy: true, waiting: [] });
      return null;
    }
    if (queue.isBusy) return new Promise((resolve) => queue.waiting.push(resolve));
    queue.isBusy = true;
    return null;
  }

  end(socket: Socket): void {
    const queue = this.#queues.get(socket);
    if (queue === undefined) return;
    const next = queue.waiting.shift();
    // Through the event loop, so that other connections come in between.
    if (next === undefined) queue.isBusy = false;
    else setImmediate(next);
  }
}
