// The other end of a wire, byte by byte: says what no honest peer would.
import { connect, type Socket } from 'node:net';
import { encodeFrame, type Frame, type FrameKind, FrameReader } from '../../src/rpc/codec/frame.ts';
import { encodeHello, type Hello } from '../../src/rpc/codec/handshake.ts';
import { until } from './wire-harness.ts';

export function frameOf(kind: FrameKind, id: number, body?: Uint8Array, more = false): Uint8Array {
  return encodeFrame({ kind, id, more, abandoned: false }, body);
}

export class RawPeer implements Disposable {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  text = '';
  isClosed = false;
  readonly #reader = new FrameReader(2 ** 30);

  constructor(socket: Socket, readsFrames: boolean) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('data', (chunk: Buffer) => {
      if (readsFrames) this.#take(chunk);
      else this.text += chunk.toString('latin1');
    });
  }

  static async connect(port: number, readsFrames = true): Promise<RawPeer> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawPeer(socket, readsFrames);
  }

  /** Connected, introduced and welcomed. */
  static async welcomed(port: number, hello: Partial<Hello> = {}): Promise<RawPeer> {
    const raw = await RawPeer.connect(port);
    raw.sayHello(hello);
    await until(() => raw.hasFrame('welcome'), 'the welcome');
    return raw;
  }

  sayHello(hello: Partial<Hello> = {}): void {
    this.write(frameOf('hello', 0, encodeHello({ ...usualHello, ...hello })));
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  hasFrame(kind: FrameKind): boolean {
    return this.frames.some((frame) => frame.kind === kind);
  }

  async closes(): Promise<void> {
    await until(() => this.isClosed, 'the connection to be closed');
  }

  #take(chunk: Uint8Array): void {
    this.#reader.push(Uint8Array.from(chunk));
    for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
      this.frames.push(frame);
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

const usualHello: Hello = {
  clusterId: 'cluster-a',
  peerId: 77n,
  instanceId: 'raw',
  uri: null,
  version: '1.0.0',
  port: 6335,
  purpose: 'control',
  expectedPeerId: null,
};
