// One connection after its handshake, the same on both sides: frames in, frames out.
//
//   reading: socket ─▶ FrameReader ─▶ bodies ─▶ `received`     stopped while the owner holds it
//   writing: pings first, then the Outbox ─▶ socket            stopped while the socket is full
//
// It says that it lives when it was silent, and takes the other side for dead when that one was
// silent for too long. However it ends, `closed` is told once, with a reason for people.

import type { Socket } from 'node:net';
import { encodeFrame, type Frame, FrameError, type FrameReader } from './codec/frame.ts';
import {
  decodeRefusal,
  encodeRefusal,
  handshakeBytesMax,
  type Introduction,
  type Purpose,
} from './codec/handshake.ts';
import type { Outbox, OutboxItem } from './outbox.ts';
import type { WireContext } from './wire-context.ts';

export interface ConnectionSetup {
  readonly socket: Socket;
  /** Holds what came after the handshake. */
  readonly reader: FrameReader;
  readonly outbox: Outbox;
  readonly purpose: Purpose;
  readonly remote: Introduction;
  readonly bodyBytesMax: number;
}

export interface ConnectionOwner {
  received(kind: OutboxItem['kind'], id: number, body: Uint8Array): void;
  /** `isRefusal`: one of the two sides said that it will not have the other. */
  closed(reason: string, isRefusal: boolean): void;
}

interface Partial {
  readonly kind: OutboxItem['kind'];
  readonly id: number;
  readonly parts: Uint8Array[];
  bytes: number;
}

/** Written in one turn of the event loop; then others have theirs. */
const turnBytesMax = 512 * 1024;
/** A larger body is put together over several turns: fresh memory is slow to fill. */
const gatheredAtOnceBytesMax = 2 * 1024 * 1024;
/** Smaller frames are put together, so that head and body are one write. */
const joinedBytesMax = 4096;
/** But for the last part of a body, none is smaller: parts cost memory beyond their bytes. */
const partBytesMin = 4096;
/** For the other side to read why it was refused. */
const lingerMs = 1_000;

export class Connection {
  readonly purpose: Purpose;
  readonly remote: Introduction;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #bodyBytesMax: number;
  readonly #context: WireContext;
  readonly #owner: ConnectionOwner;
  #urgent: Uint8Array[] = [];
  #partial: Partial | null = null;
  #probes: (() => void)[] = [];
  #isHeld = false;
  /** A large body is being put together; what comes after it must wait. */
  #isGathering = false;
  #isReading = false;
  #isBlocked = false;
  #isPumpDue = false;
  #isClosed = false;
  #turnBytesLeft = turnBytesMax;
  #sentMs: number;
  #receivedMs: number;
  #socketFault: string | null = null;

  constructor(setup: ConnectionSetup, context: WireContext, owner: ConnectionOwner) {
    this.purpose = setup.purpose;
    this.remote = setup.remote;
    this.#socket = setup.socket;
    this.#reader = setup.reader;
    this.#outbox = setup.outbox;
    this.#bodyBytesMax = setup.bodyBytesMax;
    this.#context = context;
    this.#owner = owner;
    this.#sentMs = context.clock.monotonicMs();
    this.#receivedMs = this.#sentMs;
    this.#reader.allowBodies(
      Math.max(handshakeBytesMax, Math.min(context.limits.frameBytesMax, setup.bodyBytesMax)),
    );
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Call once, when the owner is ready for what comes. */
  start(): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      if (this.#isClosed) return;
      this.#context.counters.bytesReceived += chunk.length;
      this.#receivedMs = this.#context.clock.monotonicMs();
      this.#reader.push(chunk);
      this.#read();
    });
    socket.on('drain', () => {
      this.#isBlocked = false;
      this.#pump();
    });
    socket.on('error', (error) => {
      this.#socketFault = error.message;
    });
    socket.on('close', () => {
      this.#finish(this.#socketFault ?? 'the other side closed the connection');
    });
    if (socket.destroyed) {
      this.#finish('the other side closed the connection');
      return;
    }
    this.#goOn();
    this.wake();
  }

  /** Something is in the outbox. */
  wake(): void {
    if (this.#isPumpDue || this.#isClosed) return;
    this.#isPumpDue = true;
    // Later in this turn, so that what is sent together is written together.
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  /** Reads no further until `release`: the sender is slowed by its full socket. */
  hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#goOn();
  }

  /** Does the other side live? Whatever it says counts; also a connection that is not read. */
  probe(patienceMs: number): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false);
    if (!this.#isListening) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = this.#context.timers.setTimeout(() => {
        this.#probes = this.#probes.filter((one) => one !== answered);
        resolve(false);
      }, patienceMs);
      const answered = (): void => {
        this.#context.timers.clear(timer);
        resolve(!this.#isClosed);
      };
      this.#probes.push(answered);
      this.#sendUrgent('ping');
    });
  }

  /** Regularly: says that this side lives, and finds out that the other does not. */
  tick(nowMs: number): void {
    if (this.#isClosed) return;
    const { pingIdleMs, pingPatienceMs } = this.#context.limits;
    const silentMs = nowMs - this.#receivedMs;
    if (this.#isListening && silentMs > pingIdleMs + pingPatienceMs) {
      this.close(`no sign of life for ${Math.round(silentMs)} ms`);
      return;
    }
    const isDue = nowMs - this.#sentMs >= pingIdleMs;
    if (isDue && !this.#isBlocked && this.#urgent.length === 0) this.#sendUrgent('ping');
  }

  /** This process stood still, so the silence says nothing about the other side. */
  excuseSilence(nowMs: number): void {
    this.#receivedMs = nowMs;
  }

  close(reason: string): void {
    this.#finish(reason);
    this.#socket.destroy();
  }

  /** Closes and tells the other side why. */
  refuse(reason: string): void {
    if (this.#isClosed) return;
    this.#finish(reason, true);
    sayGoodbye(this.#socket, reason, this.#context);
  }

  #finish(reason: string, isRefusal = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const probes = this.#probes;
    this.#probes = [];
    for (const answered of probes) answered();
    this.#owner.closed(reason, isRefusal);
  }

  get #isListening(): boolean {
    return !this.#isHeld && !this.#isGathering && !this.#isClosed;
  }

  #goOn(): void {
    if (!this.#isListening) return;
    this.#receivedMs = this.#context.clock.monotonicMs();
    this.#read();
    // Reading what was here may have been a reason to stop again.
    if (this.#isListening) this.#socket.resume();
  }

  #read(): void {
    // A body may make its receiver hold or release this connection: one loop at a time.
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#isListening) {
        const frame = this.#reader.next();
        if (frame === null) break;
        this.#accept(frame);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.refuse(error.message);
    } finally {
      this.#isReading = false;
    }
  }

  #accept(frame: Frame): void {
    const probes = this.#probes;
    this.#probes = [];
    for (const answered of probes) answered();
    switch (frame.kind) {
      case 'ping':
        this.#sendUrgent('pong');
        return;
      case 'pong':
        return;
      case 'message':
      case 'request':
      case 'answer':
        this.#acceptPart(frame, frame.kind);
        return;
      case 'refusal':
        this.#finish(`the other side refuses: ${readRefusal(frame.body)}`, true);
        this.#socket.destroy();
        return;
      default:
        throw new FrameError(`${frame.kind} after the handshake`);
    }
  }

  #acceptPart(frame: Frame, kind: OutboxItem['kind']): void {
    const { id, body } = frame;
    const partial = this.#partial;
    if (partial !== null && (partial.kind !== kind || partial.id !== id)) {
      throw new FrameError(`${kind} ${id} inside of ${partial.kind} ${partial.id}`);
    }
    const bytes = (partial?.bytes ?? 0) + body.length;
    if (bytes > this.#bodyBytesMax) {
      throw new FrameError(`a ${kind} of more than ${this.#bodyBytesMax} bytes`);
    }
    if (frame.abandoned) {
      this.#partial = null;
      return;
    }
    if (frame.more) {
      if (body.length < partBytesMin) throw new FrameError(`a part of ${body.length} bytes`);
      const parts = partial?.parts ?? [];
      parts.push(body);
      this.#partial = { kind, id, parts, bytes };
      return;
    }
    this.#partial = null;
    if (partial === null) {
      this.#owner.received(kind, id, body);
      return;
    }
    partial.parts.push(body);
    if (bytes <= gatheredAtOnceBytesMax) {
      this.#owner.received(kind, id, concatenate(partial.parts, bytes));
      return;
    }
    // Nobody waits for it: what comes of it is told to the owner.
    void this.#gather(partial, bytes);
  }

  async #gather({ kind, id, parts }: Partial, bytes: number): Promise<void> {
    this.#isGathering = true;
    this.#socket.pause();
    const whole = new Uint8Array(bytes);
    let at = 0;
    let turnAt = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
      if (at - turnAt < gatheredAtOnceBytesMax) continue;
      turnAt = at;
      await this.#context.timers.yieldToOthers();
    }
    this.#isGathering = false;
    if (this.#isClosed) return;
    this.#owner.received(kind, id, whole);
    this.#goOn();
  }

  #sendUrgent(kind: 'ping' | 'pong'): void {
    // One that waits says as much as two, and a flood of pings must not fill the memory.
    if (this.#urgent.length > 1) return;
    this.#urgent.push(encodeFrame({ kind, id: 0, more: false, abandoned: false }));
    this.wake();
  }

  #pump(): void {
    if (this.#isBlocked || this.#isClosed) return;
    this.#socket.cork();
    while (this.#turnBytesLeft > 0 && !this.#isBlocked) {
      const urgent = this.#urgent.shift();
      const pieces = urgent === undefined ? this.#outbox.nextFrame() : [urgent];
      if (pieces === null) break;
      this.#write(pieces);
    }
    this.#socket.uncork();
    if (this.#turnBytesLeft <= 0) this.#pumpNextTurn();
  }

  #pumpNextTurn(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    const go = (): void => {
      this.#isPumpDue = false;
      this.#turnBytesLeft = turnBytesMax;
      this.#pump();
    };
    this.#context.timers.yieldToOthers().then(go, go);
  }

  #write(pieces: readonly Uint8Array[]): void {
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    const written = bytes <= joinedBytesMax ? [concatenate(pieces, bytes)] : pieces;
    for (const piece of written) if (!this.#socket.write(piece)) this.#isBlocked = true;
    this.#turnBytesLeft -= bytes;
    this.#context.counters.bytesSent += bytes;
    this.#sentMs = this.#context.clock.monotonicMs();
  }
}

function concatenate(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function readRefusal(body: Uint8Array): string {
  try {
    return decodeRefusal(body);
  } catch {
    return 'for a reason that cannot be read';
  }
}

/** The last words on a socket: why it is closed. Who does not read them is cut off. */
export function sayGoodbye(socket: Socket, reason: string, context: WireContext): void {
  const head = { kind: 'refusal', id: 0, more: false, abandoned: false } as const;
  finishWith(socket, encodeFrame(head, encodeRefusal(reason)), context);
}

export function finishWith(socket: Socket, lastBytes: Uint8Array, context: WireContext): void {
  // Nobody is left to be told about a failure.
  socket.on('error', () => {});
  const timer = context.timers.setTimeout(() => socket.destroy(), lingerMs);
  socket.on('close', () => context.timers.clear(timer));
  socket.resume();
  socket.end(lastBytes);
}
