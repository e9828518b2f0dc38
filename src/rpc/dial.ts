// Outgoing connections up to the end of the handshake: name, TCP, TLS, `Hello`, `Welcome`. One
// deadline for all of it. Whatever goes wrong is a `DialError` with a reason for people; where the
// other side can be told, it is.

import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { CorruptBytesError } from '../base/bytes.ts';
import type { PeerAddress } from './address.ts';
import { encodeFrame, type Frame, FrameError, FrameReader } from './codec/frame.ts';
import {
  decodeWelcome,
  encodeHello,
  type Hello,
  handshakeBytesMax,
  type Introduction,
  isOtherVersion,
  protocolVersion,
} from './codec/handshake.ts';
import { readRefusal, sayGoodbye } from './connection.ts';
import { readFirstFrame } from './first-frame.ts';
import { certificateFault } from './tls-faults.ts';
import { type TlsMaterial, tlsVersionMin } from './tls-material.ts';
import type { WireContext } from './wire-context.ts';

export class DialError extends Error {
  override readonly name = 'DialError';
}

export interface Dialed {
  readonly socket: Socket;
  readonly reader: FrameReader;
  readonly remote: Introduction;
}

/** What the other side must be, told in words when it is not; `null`: fine. */
export type CheckWelcome = (remote: Introduction) => Promise<string | null>;

export interface DialPlan {
  readonly address: PeerAddress;
  readonly hello: Hello;
  readonly tls: TlsMaterial | null;
  readonly check: CheckWelcome;
}

export async function dial(plan: DialPlan, context: WireContext): Promise<Dialed> {
  const { address, tls } = plan;
  if (address.isTls && tls === null) {
    throw new DialError(`Connecting to HTTPS without TLS enabled: ${address.uri}`);
  }
  const socket = address.isTls && tls !== null ? openTls(address, tls) : openPlain(address);
  // Later faults reach whoever listens then; without a listener they would end the process.
  socket.on('error', () => {});
  const { connectMs } = context.limits;
  const timer = context.timers.setTimeout(() => {
    socket.destroy(new Error(`no connection within ${connectMs} ms`));
  }, connectMs);
  try {
    await established(socket, address.isTls);
    return await introduce(socket, plan, context);
  } catch (error) {
    if (!socket.writableEnded) socket.destroy();
    throw error instanceof DialError ? error : new DialError(explain(error, address));
  } finally {
    context.timers.clear(timer);
  }
}

function openPlain({ host, port }: PeerAddress): Socket {
  return connectPlain({ host, port, noDelay: true });
}

function openTls({ host, port }: PeerAddress, tls: TlsMaterial): Socket {
  const { secureContext } = tls.current();
  const socket = connectTls({
    host,
    port,
    secureContext,
    minVersion: tlsVersionMin,
    // Chain and host name are verified all the same: `introduce` asks for the outcome before a byte
    // is sent, and can then tell the other side why it hangs up.
    rejectUnauthorized: false,
  });
  socket.setNoDelay(true);
  return socket;
}

function established(socket: Socket, isTls: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(isTls ? 'secureConnect' : 'connect', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the other side closed the connection')));
  });
}

async function introduce(socket: Socket, plan: DialPlan, context: WireContext): Promise<Dialed> {
  const refuse = (reason: string): DialError => {
    sayGoodbye(socket, reason, context);
    return new DialError(reason);
  };
  if (plan.address.isTls) {
    const fault = certificateFault(socket as TLSSocket);
    if (fault !== null) throw refuse(`the certificate of ${plan.address.uri} is refused: ${fault}`);
  }
  const reader = new FrameReader(handshakeBytesMax);
  const head = { kind: 'hello', id: 0, more: false, abandoned: false } as const;
  socket.write(encodeFrame(head, encodeHello(plan.hello)));
  const frame = await readFirstFrame(socket, reader);
  const remote = remoteOf(frame, plan.address);
  if (isOtherVersion(remote)) {
    throw refuse(
      `${plan.address.uri} speaks version ${remote.version} of the protocol between peers, ` +
        `this node speaks ${protocolVersion}`,
    );
  }
  const fault = await plan.check(remote);
  if (fault !== null) throw refuse(fault);
  if (socket.destroyed) throw new Error('the other side closed the connection');
  return { socket, reader, remote };
}

function remoteOf(frame: Frame, address: PeerAddress): ReturnType<typeof decodeWelcome> {
  switch (frame.kind) {
    case 'welcome':
      return decodeWelcome(frame.body);
    case 'refusal':
      throw new DialError(`refused by ${address.uri}: ${readRefusal(frame.body)}`);
    default:
      throw new FrameError(`a ${frame.kind} where an introduction belongs`);
  }
}

/** Codes of OpenSSL for bytes that are no TLS. */
const noTlsCodes = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_UNEXPECTED_MESSAGE',
  'ERR_SSL_BAD_RECORD_TYPE',
  'EPROTO',
]);

function explain(error: unknown, { uri, isTls }: PeerAddress): string {
  if (error instanceof FrameError || error instanceof CorruptBytesError) {
    return `${uri} does not speak the protocol between peers: ${error.message}`;
  }
  if (!(error instanceof Error)) return `${uri} cannot be reached: ${String(error)}`;
  const code = 'code' in error ? String(error.code) : '';
  if (isTls && noTlsCodes.has(code)) return `${uri} does not speak TLS, this node does`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `${uri} cannot be resolved: ${error.message}`;
  }
  return `${uri} cannot be reached: ${error.message === '' ? code : error.message}`;
}
