// The frames of a connection between peers (docs/formats.md, "Between peers"):
//
//   magic u32 · version u8 · kind u8 · flags u8 · 0 · length u32 · id u32 · crc u32 · body
//
// The checksum is CRC-32C of the sixteen bytes before it and of the body. A body that is larger
// than one frame goes as several frames of the same kind and id, all but the last marked `more`,
// with nothing but pings between them. `FrameReader` holds at most one frame and what came with it.

import { crc32c } from '../../base/crc32c.ts';

export const frameKinds = [
  'hello',
  'welcome',
  /** Why the sender closes the connection; text, in every version of the protocol. */
  'refusal',
  'ping',
  'pong',
  'message',
  'request',
  'answer',
] as const;

export type FrameKind = (typeof frameKinds)[number];

export interface FrameHead {
  readonly kind: FrameKind;
  readonly id: number;
  /** The body goes on in the next frame. */
  readonly more: boolean;
  /** The sender has given up; what came of this body is void. */
  readonly abandoned: boolean;
}

export interface Frame extends FrameHead {
  /** Owns its buffer: what keeps a part of it keeps no more than this frame. */
  readonly body: Uint8Array;
}

/** Bytes that no peer of this version sends: the connection cannot be trusted any more. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export const frameVersion = 1;
export const frameHeadBytes = 20;
/** `OCTP`. */
export const frameMagic = new Uint8Array([0x4f, 0x43, 0x54, 0x50]);

const checksumAt = 16;
const moreFlag = 1;
const abandonedFlag = 2;
const nothing = new Uint8Array(0);

/** The head of a frame whose body is `pieces`, one after the other. */
export function encodeFrameHead(head: FrameHead, pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(frameHeadBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(frameMagic);
  view.setUint8(4, frameVersion);
  view.setUint8(5, frameKinds.indexOf(head.kind));
  view.setUint8(6, (head.more ? moreFlag : 0) | (head.abandoned ? abandonedFlag : 0));
  let length = 0;
  for (const piece of pieces) length += piece.length;
  view.setUint32(8, length, true);
  view.setUint32(12, head.id, true);
  let checksum = crc32c(bytes.subarray(0, checksumAt));
  for (const piece of pieces) checksum = crc32c(piece, checksum);
  view.setUint32(checksumAt, checksum, true);
  return bytes;
}

/** One whole frame in one buffer; for small ones. */
export function encodeFrame(head: FrameHead, body: Uint8Array = nothing): Uint8Array {
  const bytes = new Uint8Array(frameHeadBytes + body.length);
  bytes.set(encodeFrameHead(head, [body]));
  bytes.set(body, frameHeadBytes);
  return bytes;
}

interface RawHead extends FrameHead {
  readonly lengthBytes: number;
  readonly checksum: number;
  readonly headChecksum: number;
}

/** Takes bytes as they come, gives frames one at a time. */
export class FrameReader {
  #bodyBytesMax: number;
  #chunks: Uint8Array[] = [];
  /** Where the first chunk goes on. */
  #at = 0;
  #bytes = 0;
  #head: RawHead | null = null;

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Bytes that came and belong to no frame that was given yet. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** For the frames after those that were given. */
  allowBodies(bytesMax: number): void {
    this.#bodyBytesMax = bytesMax;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** `null` until the rest has come. Throws `FrameError`, and is of no use afterwards. */
  next(): Frame | null {
    if (this.#head === null) {
      if (this.#bytes < frameHeadBytes) return null;
      this.#head = decodeHead(this.#take(frameHeadBytes), this.#bodyBytesMax);
    }
    const head = this.#head;
    if (this.#bytes < head.lengthBytes) return null;
    this.#head = null;
    const body = this.#take(head.lengthBytes);
    if (crc32c(body, head.headChecksum) !== head.checksum) {
      throw new FrameError(`bad checksum in a frame of ${head.lengthBytes} bytes`);
    }
    const { kind, id, more, abandoned } = head;
    return { kind, id, more, abandoned, body };
  }

  /** A copy of the next `count` bytes, which are here. */
  #take(count: number): Uint8Array {
    const taken = new Uint8Array(count);
    let filled = 0;
    let spent = 0;
    for (const chunk of this.#chunks) {
      const part = chunk.subarray(this.#at, this.#at + count - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#at += part.length;
      if (this.#at < chunk.length) break;
      spent += 1;
      this.#at = 0;
    }
    if (spent > 0) this.#chunks.splice(0, spent);
    this.#bytes -= count;
    return taken;
  }
}

function decodeHead(bytes: Uint8Array, bodyBytesMax: number): RawHead {
  const view = new DataView(bytes.buffer);
  for (const [at, byte] of frameMagic.entries()) {
    if (bytes[at] !== byte) throw new FrameError('not a frame of the protocol between peers');
  }
  const version = view.getUint8(4);
  if (version !== frameVersion) {
    throw new FrameError(`frame version ${version}, this node speaks ${frameVersion}`);
  }
  const kind = frameKinds[view.getUint8(5)];
  if (kind === undefined) throw new FrameError(`unknown kind of frame ${view.getUint8(5)}`);
  const flags = view.getUint8(6);
  const lengthBytes = view.getUint32(8, true);
  if (lengthBytes > bodyBytesMax) {
    throw new FrameError(`a frame of ${lengthBytes} bytes, at most ${bodyBytesMax} are allowed`);
  }
  return {
    kind,
    id: view.getUint32(12, true),
    more: (flags & moreFlag) !== 0,
    abandoned: (flags & abandonedFlag) !== 0,
    lengthBytes,
    checksum: view.getUint32(checksumAt, true),
    headChecksum: crc32c(bytes.subarray(0, checksumAt)),
  };
}
