// The other end of a wire, byte by byte: says what no honest peer would.
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { PeerId } from '../../src/base/ids.ts';
import { encodeFrame, type Frame, type FrameKind, FrameReader } from '../../src/rpc/codec/frame.ts';
import { encodeHello, encodeWelcome, type Hello } from '../../src/rpc/codec/handshake.ts';
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

/** Listens, and welcomes whoever calls; what happens then is the test's matter. */
export class RawListener implements Disposable {
  readonly callers: Socket[] = [];
  /** Kinds of the frames that were read, with their bodies. */
  readonly frames: Frame[] = [];
  /** What it does with a frame that came after the handshake. */
  onFrame: (socket: Socket) => void = () => {};
  readonly #server: Server;
  readonly #welcome: Uint8Array;
  #isWelcoming = true;

  private constructor(server: Server, welcome: Uint8Array) {
    this.#server = server;
    this.#welcome = welcome;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async listen(peerId: PeerId): Promise<RawListener> {
    const { purpose: _, expectedPeerId: __, ...introduction } = usualHello;
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => {
      server.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    const welcome = frameOf('welcome', 0, encodeWelcome({ ...introduction, peerId }));
    return new RawListener(server, welcome);
  }

  get uri(): string {
    const bound = this.#server.address();
    return `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : bound}/`;
  }

  /** Callers wait for their welcome until `welcomeAll`. */
  keepWaiting(): void {
    this.#isWelcoming = false;
  }

  welcomeAll(): void {
    this.#isWelcoming = true;
    for (const socket of this.callers) socket.write(this.#welcome);
  }

  countOf(kind: FrameKind): number {
    return this.frames.filter((frame) => frame.kind === kind).length;
  }

  #accept(socket: Socket): void {
    this.callers.push(socket);
    socket.on('error', () => {});
    const reader = new FrameReader(2 ** 30);
    socket.on('data', (chunk: Buffer) => {
      reader.push(Uint8Array.from(chunk));
      for (let frame = reader.next(); frame !== null; frame = reader.next()) {
        this.frames.push(frame);
        if (frame.kind !== 'hello') this.onFrame(socket);
        else if (this.#isWelcoming) socket.write(this.#welcome);
      }
    });
  }

  [Symbol.dispose](): void {
    for (const socket of this.callers) socket.destroy();
    this.#server.close();
  }
}
