// Reads the one frame that a handshake waits for. The socket is paused before and after: what else
// came stays in the reader.

import type { Socket } from 'node:net';
import type { Frame, FrameReader } from './codec/frame.ts';

/** Rejects with `FrameError`, or with what ended the socket. */
export function readFirstFrame(socket: Socket, reader: FrameReader): Promise<Frame> {
  return new Promise((resolve, reject) => {
    const settle = (settleWith: () => void): void => {
      socket.off('data', onData);
      socket.off('error', onError);
      socket.off('close', onClose);
      socket.pause();
      settleWith();
    };
    const tryNext = (): void => {
      try {
        const frame = reader.next();
        if (frame !== null) settle(() => resolve(frame));
      } catch (error) {
        settle(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    };
    const onData = (chunk: Buffer): void => {
      reader.push(chunk);
      tryNext();
    };
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void =>
      settle(() => reject(new Error('the other side closed the connection')));
    socket.on('data', onData);
    socket.on('error', onError);
    socket.on('close', onClose);
    if (socket.destroyed) {
      onClose();
      return;
    }
    socket.resume();
    tryNext();
  });
}
