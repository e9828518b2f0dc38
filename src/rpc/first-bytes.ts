// Tells by its first bytes who calls: a peer, TLS, HTTP, or something else. The bytes are put back,
// so that whoever reads next reads all.

import type { Socket } from 'node:net';
import { frameMagic } from './codec/frame.ts';

const wantedBytes = 4;
const tlsHandshake = 0x16;
const httpStarts = new Set([
  'GET ',
  'PUT ',
  'POST',
  'HEAD',
  'DELE',
  'OPTI',
  'PATC',
  'CONN',
  'TRAC',
  'PRI ',
]);

export type FirstSpeaker = 'peer' | 'tls' | 'http' | 'unknown';

/** Closed before it had said enough to be judged. */
export class NothingSaid extends Error {
  override readonly name = 'NothingSaid';
}

/** Waits for the first bytes; the socket is paused afterwards and still holds them. */
export function readFirstBytes(socket: Socket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const settle = (): void => {
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.pause();
    };
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < wantedBytes) return;
      settle();
      socket.unshift(bytes);
      resolve(bytes);
    };
    const onClose = (): void => {
      settle();
      reject(
        bytes.length === 0
          ? new NothingSaid('closed without a word')
          : new Error('closed in the middle of its introduction'),
      );
    };
    socket.on('data', onData);
    socket.on('close', onClose);
    if (socket.destroyed) onClose();
    else socket.resume();
  });
}

export function whatSpeaks(first: Uint8Array): FirstSpeaker {
  if (frameMagic.every((byte, at) => first[at] === byte)) return 'peer';
  if (first[0] === tlsHandshake && first[1] === 3) return 'tls';
  const text = String.fromCharCode(...first.subarray(0, wantedBytes));
  return httpStarts.has(text) ? 'http' : 'unknown';
}
