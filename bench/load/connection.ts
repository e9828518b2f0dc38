// One keep-alive connection in a closed loop: the next request leaves when the answer is complete.
// Of an answer only the status and the length are looked at, so that this costs a few µs of CPU.

import { connect, type Socket } from 'node:net';

export interface AnswerSink {
  /** The next request, or `null` when this connection is done. */
  next(): Buffer | null;
  answered(status: number, bodyBytes: number, ms: number): void;
  failed(text: string): void;
}

const headEnd = Buffer.from('\r\n\r\n');
const lengthName = Buffer.from('\r\ncontent-length:');
const none = Buffer.alloc(0);

export class Connection {
  readonly #socket: Socket;
  readonly #sink: AnswerSink;
  readonly #ended = Promise.withResolvers<void>();
  /** Bytes of a head that came in pieces. */
  #partial: Buffer = none;
  #status = 0;
  #bodyBytes = 0;
  /** Of the body, still to come; 0 between answers. */
  #missing = 0;
  #sentAt = 0;

  private constructor(socket: Socket, sink: AnswerSink) {
    this.#socket = socket;
    this.#sink = sink;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#ended.reject(error));
    socket.on('close', () => this.#ended.resolve());
  }

  static open(port: number, sink: AnswerSink): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket, sink));
      });
    });
  }

  /** Resolves when the sink has no more requests and the last answer is in. */
  run(): Promise<void> {
    this.#send();
    return this.#ended.promise;
  }

  #send(): void {
    const request = this.#sink.next();
    if (request === null) {
      this.#socket.destroy();
      return;
    }
    this.#sentAt = performance.now();
    this.#socket.write(request);
  }

  #receive(chunk: Buffer): void {
    if (this.#missing > 0) {
      this.#missing -= chunk.length;
    } else {
      const bytes = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
      const end = bytes.indexOf(headEnd);
      if (end < 0) {
        this.#partial = bytes;
        return;
      }
      this.#partial = none;
      this.#readHead(bytes, end);
    }
    if (this.#missing > 0) return;
    this.#sink.answered(this.#status, this.#bodyBytes, performance.now() - this.#sentAt);
    this.#send();
  }

  #readHead(bytes: Buffer, end: number): void {
    this.#status = Number(bytes.toString('latin1', 9, 12));
    const at = bytes.indexOf(lengthName);
    if (at < 0 || at > end) throw new Error('an answer without its length in small letters');
    const from = at + lengthName.length;
    this.#bodyBytes = Number.parseInt(bytes.toString('latin1', from, from + 16), 10);
    this.#missing = this.#bodyBytes - (bytes.length - end - headEnd.length);
    if (this.#status !== 200) this.#sink.failed(bytes.toString('latin1', 0, 600));
  }
}
