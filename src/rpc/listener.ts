// Incoming connections up to the end of the handshake. Nobody is believed before it has introduced
// itself: few bytes, little time, and a bounded number of such strangers.
//
//   accepted ─▶ first bytes ─▶ (TLS) ─▶ hello ─▶ admitted ─▶ a peer, handed on
//                    └────────────┴───────┴─────────┴──▶ refused; both sides learn why

import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { CorruptBytesError } from '../base/bytes.ts';
import { callerAddressOf } from './address.ts';
import { encodeFrame, FrameError, FrameReader } from './codec/frame.ts';
import {
  decodeHello,
  encodeWelcome,
  type Hello,
  handshakeBytesMax,
  type Introduction,
  isOtherVersion,
  protocolVersion,
} from './codec/handshake.ts';
import { finishWith, readRefusal, sayGoodbye } from './connection.ts';
import { NothingSaid, readFirstBytes, whatSpeaks } from './first-bytes.ts';
import { readFirstFrame } from './first-frame.ts';
import { certificateFault } from './tls-faults.ts';
import { type TlsMaterial, tlsVersionMin } from './tls-material.ts';
import type { WireContext } from './wire-context.ts';

export interface Caller {
  readonly socket: Socket;
  readonly reader: FrameReader;
  readonly hello: Hello;
  /** An IP address without port. */
  readonly address: string;
}

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMaterial | null;
}

export interface ListenerOwner {
  /** Who answers the telephone. */
  introduction(): Introduction;
  /** Why this caller is not welcome; `null`: it is. */
  admit(hello: Hello): Promise<string | null>;
  /** From now on it is the owner's. */
  accepted(caller: Caller): void;
}

const httpAnswer = new TextEncoder().encode(
  'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n' +
    'This port speaks the protocol between Octant peers, not HTTP.\n',
);

/** Connections that the system may hold until they are accepted. */
const acceptCountMax = 1_024;

/** Turned away: why, for both sides. */
class Refused extends Error {
  override readonly name = 'Refused';
  /** What the other side is told; `null`: it would not understand. */
  readonly answer: Uint8Array | string | null;

  constructor(reason: string, answer: Uint8Array | string | null) {
    super(reason);
    this.answer = answer;
  }
}

export class PeerListener {
  readonly #options: ListenerOptions;
  readonly #owner: ListenerOwner;
  readonly #context: WireContext;
  readonly #server: Server;
  /** Not yet let in; oldest first. */
  readonly #strangers = new Set<Socket>();
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenerOptions, owner: ListenerOwner, context: WireContext) {
    this.#options = options;
    this.#owner = owner;
    this.#context = context;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      // It reports every outcome itself.
      void this.#receive(socket);
    });
  }

  /** The port that it listens on. */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => reject(listenError(error, host, port)));
      this.#server.listen({ host, port, backlog: acceptCountMax }, () => {
        const bound = this.#server.address();
        this.#server.on('error', (error) => this.#context.log.warn(`accept: ${error.message}`));
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  async #receive(socket: Socket): Promise<void> {
    const { limits, counters, log, timers } = this.#context;
    const address = callerAddressOf(socket.remoteAddress);
    let fault: string | null = null;
    socket.on('error', (error) => {
      fault = error.message;
    });
    socket.on('close', () => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    this.#strangers.add(socket);
    const [oldest] = this.#strangers;
    if (this.#strangers.size > limits.strangersCountMax && oldest !== undefined) {
      counters.strangersClosed += 1;
      this.#strangers.delete(oldest);
      oldest.destroy();
    }
    const late = `has not introduced itself within ${limits.handshakeMs} ms`;
    const timer = timers.setTimeout(() => socket.destroy(new Error(late)), limits.handshakeMs);
    const inTime = (): void => timers.clear(timer);
    let stream = socket;
    try {
      stream = await this.#secure(socket);
      if (stream instanceof TLSSocket) checkCertificate(stream);
      const caller = await this.#introduce(stream, address, inTime);
      this.#strangers.delete(socket);
      this.#owner.accepted(caller);
    } catch (error) {
      inTime();
      this.#strangers.delete(socket);
      // A connection without a word is how balancers and people find out whether a port is open.
      if (error instanceof NothingSaid && fault === null) return;
      counters.refusals += 1;
      const reason = turnAway(stream, error, this.#context);
      log.warn(`Connection from ${address} refused: ${fault ?? reason}`);
    }
  }

  /** The stream that the protocol is spoken on. */
  async #secure(socket: Socket): Promise<Socket> {
    const speaks = whatSpeaks(await readFirstBytes(socket));
    if (speaks === 'http') throw new Refused('an HTTP request on the port for peers', httpAnswer);
    if (speaks === 'unknown') {
      throw new Refused('it does not speak the protocol between peers', null);
    }
    const { tls } = this.#options;
    if (tls === null) {
      if (speaks === 'peer') return socket;
      throw new Refused('the peer speaks TLS, this node does not', 'this node does not speak TLS');
    }
    if (speaks === 'peer') {
      const answer = 'this node speaks TLS, the peer does not';
      throw new Refused('the peer does not speak TLS, this node does', answer);
    }
    return wrapInTls(socket, tls, this.#context.limits.handshakeMs);
  }

  async #introduce(socket: Socket, address: string, inTime: () => void): Promise<Caller> {
    const reader = new FrameReader(handshakeBytesMax);
    const frame = await readFirstFrame(socket, reader);
    inTime();
    if (frame.kind === 'refusal')
      throw new Error(`the other side refuses: ${readRefusal(frame.body)}`);
    if (frame.kind !== 'hello') throw new FrameError(`a ${frame.kind} where a hello belongs`);
    const hello = decodeHello(frame.body);
    if (isOtherVersion(hello)) {
      throw refusedFor(
        `the peer speaks version ${hello.version} of the protocol between peers, ` +
          `this node speaks ${protocolVersion}`,
      );
    }
    const fault = await this.#owner.admit(hello);
    if (fault !== null) throw refusedFor(fault);
    if (socket.destroyed) throw new Error('the other side closed the connection');
    const head = { kind: 'welcome', id: 0, more: false, abandoned: false } as const;
    socket.write(encodeFrame(head, encodeWelcome(this.#owner.introduction())));
    return { socket, reader, hello, address };
  }
}

/** Before anything else is read: nobody without a certificate of ours gets further. */
function checkCertificate(socket: TLSSocket): void {
  const fault = certificateFault(socket);
  if (fault === null) return;
  const answer = `the certificate of the caller is refused: ${fault}`;
  throw new Refused(`its certificate is refused: ${fault}`, answer);
}

function refusedFor(reason: string): Refused {
  return new Refused(reason, reason);
}

/**
 * A server of its own for each socket, because that is how Node verifies client certificates, and
 * so each connection gets the newest ones. The verdict is asked for by the caller instead of being
 * enforced here, so that the other side can be told.
 */
function wrapInTls(socket: Socket, tls: TlsMaterial, handshakeMs: number): Promise<TLSSocket> {
  const { cert, key, ca } = tls.current();
  return new Promise((resolve, reject) => {
    const server = createTlsServer(
      {
        cert,
        key,
        ca,
        minVersion: tlsVersionMin,
        requestCert: true,
        rejectUnauthorized: false,
        handshakeTimeout: handshakeMs,
      },
      (secured) => {
        secured.on('error', () => {});
        secured.pause();
        resolve(secured);
      },
    );
    server.once('tlsClientError', reject);
    server.emit('connection', socket);
  });
}

/** Ends the socket, with an answer where one makes sense; returns why, for the log. */
function turnAway(socket: Socket, error: unknown, context: WireContext): string {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof Refused) {
    if (typeof error.answer === 'string') sayGoodbye(socket, error.answer, context);
    else if (error.answer !== null) finishWith(socket, error.answer, context);
    else if (!socket.writableEnded) socket.destroy();
  } else if (error instanceof FrameError || error instanceof CorruptBytesError) {
    sayGoodbye(socket, reason, context);
  } else {
    socket.destroy();
  }
  return reason;
}

function listenError(error: Error, host: string, port: number): Error {
  const code = 'code' in error ? error.code : '';
  const why = code === 'EADDRINUSE' ? 'another process listens on this port' : error.message;
  return new Error(`Cannot listen for peers on ${host}:${port}: ${why}`, { cause: error });
}
