// What one peer asks of another peer's replica of a shard, and what comes back, as bytes. Decoding
// is total: any bytes give a value or a `CorruptBytesError`.
//
//   call   = version u8 · kind u8 · members     of an update the record takes the rest, untouched
//   answer = version u8 · kind u8 · members
//
// A peer that does not know the version refuses; docs/formats.md, "Calls of shards".

import { unreachable } from '../../base/assert.ts';
import {
  readBoolean,
  readName,
  readOptional,
  writeBoolean,
  writeName,
  writeOptional,
} from '../../base/byte-fields.ts';
import { ByteReader, ByteWriter, CorruptBytesError } from '../../base/bytes.ts';
import type { ShardReadAnswer, ShardReadRequest } from '../../model/read.ts';
import type { RequestErrorCode } from '../../model/request-error.ts';
import type { ShardInfo } from '../../shard/shard-info.ts';
import type { UpdateOutcome } from '../../shard/update-outcome.ts';
import type { WriteOrdering } from '../shard-access.ts';
import {
  readReadAnswer,
  readReadRequest,
  writeReadAnswer,
  writeReadRequest,
} from './read-codec.ts';
import { readShardInfo, writeShardInfo } from './shard-info-codec.ts';
import {
  readTransferStep,
  type TransferStep,
  transferStepBytesMax,
  writeTransferStep,
} from './transfer-codec.ts';

export type ShardCall =
  | {
      readonly kind: 'update';
      /**
       * `replica`: apply it to the own replica. Else the receiver leads: it brings the update to
       * all replicas, one such update of the shard at a time.
       */
      readonly as: 'replica' | Exclude<WriteOrdering, 'weak'>;
      readonly wait: boolean;
      readonly timeoutMs: number;
      readonly record: Uint8Array;
    }
  | { readonly kind: 'read'; readonly timeoutMs: number; readonly request: ShardReadRequest }
  | { readonly kind: 'info' }
  /** From the source of a transfer to its receiver; answered by `taken`. */
  | { readonly kind: 'transfer'; readonly step: TransferStep };

export type ShardCallAnswer =
  | { readonly kind: 'updated'; readonly outcome: UpdateOutcome }
  | { readonly kind: 'read'; readonly answer: ShardReadAnswer }
  | { readonly kind: 'info'; readonly info: ShardInfo }
  /** A `RequestError` there. */
  | { readonly kind: 'failed'; readonly code: RequestErrorCode; readonly message: string }
  | { readonly kind: 'taken' };

const formatVersion = 1;

// The order in these lists is the wire format: only ever append.
const callKinds = [
  'update',
  'read',
  'info',
  'transfer',
] as const satisfies readonly ShardCall['kind'][];
const roles = ['replica', 'medium', 'strong'] as const;
const answerKinds = [
  'updated',
  'read',
  'info',
  'failed',
  'taken',
] as const satisfies readonly ShardCallAnswer['kind'][];
const outcomeKinds = [
  'completed',
  'acknowledged',
  'wait_timeout',
  'failed',
] as const satisfies readonly UpdateOutcome['status'][];
const errorCodes = [
  'wrong_input',
  'bad_request',
  'format',
  'validation',
  'not_found',
  'already_exists',
  'forbidden',
  'timeout',
  'internal',
  'not_implemented',
  'unavailable',
  'precondition_failed',
] as const satisfies readonly RequestErrorCode[];

/** The array owns its whole buffer where the call is an update, so it may be handed over. */
export function encodeShardCall(call: ShardCall): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(bytesMax(call));
  writer.u8(formatVersion);
  writeName(writer, callKinds, call.kind);
  switch (call.kind) {
    case 'update':
      writeName(writer, roles, call.as);
      writeBoolean(writer, call.wait);
      writer.varuint(wholeMs(call.timeoutMs));
      // Room for what tells updates of one coordinator apart, once there is such a thing.
      writer.u8(0);
      // So that the columns in it can be used where they lie.
      writer.align(4);
      writer.bytes(call.record);
      return writer.view();
    case 'read':
      writer.varuint(wholeMs(call.timeoutMs));
      writeReadRequest(writer, call.request);
      return writer.view();
    case 'info':
      return writer.view();
    case 'transfer':
      writeTransferStep(writer, call.step);
      return writer.view();
    default:
      return unreachable(call);
  }
}

function bytesMax(call: ShardCall): number {
  if (call.kind === 'update') return call.record.length + 32;
  return call.kind === 'transfer' ? transferStepBytesMax(call.step) : 256;
}

/** The record of an update is a view of `bytes`. */
export function decodeShardCall(bytes: Uint8Array): ShardCall {
  const reader = new ByteReader(bytes);
  checkVersion(reader);
  const kind = readName(reader, callKinds);
  switch (kind) {
    case 'update': {
      const as = readName(reader, roles);
      const wait = readBoolean(reader);
      const timeoutMs = reader.varuint();
      if (reader.u8() !== 0) throw new CorruptBytesError('an unknown tag', reader.at - 1);
      reader.align(4);
      return { kind, as, wait, timeoutMs, record: reader.view(reader.remaining) };
    }
    case 'read': {
      const timeoutMs = reader.varuint();
      const request = readReadRequest(reader);
      reader.finish();
      return { kind, timeoutMs, request };
    }
    case 'info':
      reader.finish();
      return { kind };
    case 'transfer': {
      const step = readTransferStep(reader);
      reader.finish();
      return { kind, step };
    }
    default:
      return unreachable(kind);
  }
}

export function encodeShardAnswer(answer: ShardCallAnswer): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.u8(formatVersion);
  writeName(writer, answerKinds, answer.kind);
  switch (answer.kind) {
    case 'updated':
      writeOutcome(writer, answer.outcome);
      return writer.view();
    case 'read':
      writeReadAnswer(writer, answer.answer);
      return writer.view();
    case 'info':
      writeShardInfo(writer, answer.info);
      return writer.view();
    case 'failed':
      writeName(writer, errorCodes, answer.code);
      writer.utf8(answer.message.toWellFormed());
      return writer.view();
    case 'taken':
      return writer.view();
    default:
      return unreachable(answer);
  }
}

/** Vectors and payloads may be views of `bytes`. */
export function decodeShardAnswer(bytes: Uint8Array): ShardCallAnswer {
  const reader = new ByteReader(bytes);
  checkVersion(reader);
  const answer = readAnswer(reader);
  reader.finish();
  return answer;
}

function readAnswer(reader: ByteReader): ShardCallAnswer {
  const kind = readName(reader, answerKinds);
  switch (kind) {
    case 'updated':
      return { kind, outcome: readOutcome(reader) };
    case 'read':
      return { kind, answer: readReadAnswer(reader) };
    case 'info':
      return { kind, info: readShardInfo(reader) };
    case 'failed':
      return { kind, code: readName(reader, errorCodes), message: reader.utf8() };
    case 'taken':
      return { kind };
    default:
      return unreachable(kind);
  }
}

function writeOutcome(writer: ByteWriter, outcome: UpdateOutcome): void {
  writeName(writer, outcomeKinds, outcome.status);
  writeOptional(writer, outcome.operationId, (id) => writer.varuint(id));
  if (outcome.status !== 'failed') return;
  writeName(writer, errorCodes, outcome.code);
  writer.utf8(outcome.message.toWellFormed());
}

function readOutcome(reader: ByteReader): UpdateOutcome {
  const status = readName(reader, outcomeKinds);
  const { at } = reader;
  const operationId = readOptional(reader, () => reader.varuint());
  if (status === 'failed') {
    const code = readName(reader, errorCodes);
    return { status, operationId, code, message: reader.utf8() };
  }
  if (operationId === null) throw new CorruptBytesError('an update without a number', at);
  return { status, operationId };
}

function checkVersion(reader: ByteReader): void {
  const version = reader.u8();
  if (version !== formatVersion) {
    throw new CorruptBytesError(`a call of unknown version ${version}`, 0);
  }
}

/** Never less than was asked for. */
function wholeMs(durationMs: number): number {
  return Math.max(0, Math.min(2 ** 40, Math.ceil(durationMs)));
}
