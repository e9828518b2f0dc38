// Calls between threads over a MessagePort: a request, one answer, and notes without answer. A call
// is typed by a table of its kinds. When the other side is gone every waiting call fails with
// `unavailable`; nothing is retried here. Errors that cross are `RequestError`s kept as they are;
// anything else is a bug of the other thread and arrives as `internal`.

import type { MessagePort, Transferable } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import { RequestError, type RequestErrorCode } from '../../model/request-error.ts';

/** kind → what is sent and what comes back. */
export type CallTable = Readonly<
  Record<string, { readonly request: unknown; readonly answer: unknown }>
>;

export type CallHandlers<Table extends CallTable> = {
  readonly [Kind in keyof Table]: (
    request: Table[Kind]['request'],
  ) =>
    | Promise<Table[Kind]['answer'] | Handover<Table[Kind]['answer']>>
    | Table[Kind]['answer']
    | Handover<Table[Kind]['answer']>;
};

/** An answer whose buffers belong to the thread that asked afterwards, instead of being copied. */
export class Handover<Body> {
  readonly body: Body;
  readonly transfer: readonly Transferable[];

  constructor(body: Body, transfer: readonly Transferable[]) {
    this.body = body;
    this.transfer = transfer;
  }
}

type Message =
  | { readonly type: 'call'; readonly id: number; readonly kind: string; readonly body: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly body: unknown }
  | {
      readonly type: 'failure';
      readonly id: number;
      readonly code: RequestErrorCode;
      readonly message: string;
    };

interface Waiting {
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What a port needs: a `MessagePort`, or a `Worker` seen from its parent. */
export interface PortLike {
  postMessage(value: unknown, transfer: Transferable[]): void;
  on(event: 'message', listener: (message: Message) => void): unknown;
}

export class ThreadPort<Outgoing extends CallTable, Incoming extends CallTable> {
  readonly #port: PortLike;
  readonly #handlers: CallHandlers<Incoming>;
  readonly #onFault: (error: unknown) => void;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #closedWith: string | null = null;

  /** `onFault` hears of errors that are no answer to a user: bugs of this thread's handlers. */
  constructor(port: PortLike, handlers: CallHandlers<Incoming>, onFault: (error: unknown) => void) {
    this.#port = port;
    this.#handlers = handlers;
    this.#onFault = onFault;
    port.on('message', (message: Message) => this.#receive(message));
  }

  /** What is in `transfer` belongs to the other thread afterwards. */
  call<Kind extends keyof Outgoing & string>(
    kind: Kind,
    body: Outgoing[Kind]['request'],
    transfer: readonly Transferable[] = [],
  ): Promise<Outgoing[Kind]['answer']> {
    if (this.#closedWith !== null) {
      return Promise.reject(new RequestError('unavailable', this.#closedWith));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    this.#post({ type: 'call', id, kind, body }, transfer);
    return promise as Promise<Outgoing[Kind]['answer']>;
  }

  /**
   * Handles what has arrived without waiting for the event loop. Calls that came in start now, in
   * order; handlers that work synchronously are done when this returns.
   */
  drainNow(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port as MessagePort);
      if (received === undefined) return;
      this.#receive(received.message as Message);
    }
  }

  /** Fails every waiting and every later call. */
  fail(reason: string): void {
    this.#closedWith = reason;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const call of waiting) call.reject(new RequestError('unavailable', reason));
  }

  #post(message: Message, transfer: readonly Transferable[]): void {
    this.#port.postMessage(message, transfer as Transferable[]);
  }

  #receive(message: Message): void {
    switch (message.type) {
      case 'call':
        void this.#serve(message.id, message.kind, message.body);
        return;
      case 'answer':
        this.#take(message.id)?.resolve(message.body);
        return;
      case 'failure':
        this.#take(message.id)?.reject(new RequestError(message.code, message.message));
        return;
    }
  }

  #take(id: number): Waiting | undefined {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    return call;
  }

  async #serve(id: number, kind: string, body: unknown): Promise<void> {
    try {
      const handler = this.#handlers[kind];
      if (handler === undefined) throw new Error(`no handler for call ${kind}`);
      const pending = handler(body);
      const answer = await pending;
      if (answer instanceof Handover) {
        this.#post({ type: 'answer', id, body: answer.body }, answer.transfer);
        return;
      }
      this.#post({ type: 'answer', id, body: answer }, []);
    } catch (error) {
      if (!(error instanceof RequestError)) this.#onFault(error);
      const code = error instanceof RequestError ? error.code : 'internal';
      const text = error instanceof Error ? error.message : String(error);
      this.#post({ type: 'failure', id, code, message: text }, []);
    }
  }
}
