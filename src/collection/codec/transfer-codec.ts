// The steps of a transfer of a shard between two peers, as bytes inside a call of a shard
// (`shard-call.ts`). Records are encoded updates, 4-byte aligned so that their columns can be used
// where they lie.
//
//   step = kind u8 · session u32 · serial varuint                                      begin
//        | kind u8 · session u32 · sequence varuint · count varuint · records          changes
//        | kind u8 · session u32 · sequence varuint · from? · until? · record          range
//   record = length varuint · padding to 4 · bytes

import { unreachable } from '../../base/assert.ts';
import { readName, readOptional, writeName, writeOptional } from '../../base/byte-fields.ts';
import { type ByteReader, type ByteWriter, CorruptBytesError } from '../../base/bytes.ts';
import type { PointId } from '../../model/point-id.ts';
import { readPointIds, writePointIds } from '../../model/point-id-codec.ts';

export type TransferStep =
  /** A session takes the place of the one before, whose late steps do nothing any more. */
  | { readonly kind: 'begin'; readonly session: number; readonly serial: number }
  /** Updates that the source has carried out, in its order. */
  | {
      readonly kind: 'changes';
      readonly session: number;
      readonly sequence: number;
      readonly records: readonly Uint8Array[];
    }
  /** All points of the source from `from` (`null`: the first) up to `until` (`null`: the last). */
  | {
      readonly kind: 'range';
      readonly session: number;
      readonly sequence: number;
      readonly from: PointId | null;
      /** Not included. */
      readonly until: PointId | null;
      /** An upsert of these points. */
      readonly record: Uint8Array;
    };

// The order is the wire format: only ever append.
const kinds = ['begin', 'changes', 'range'] as const satisfies readonly TransferStep['kind'][];

export function transferStepBytesMax(step: TransferStep): number {
  if (step.kind === 'begin') return 64;
  const records = step.kind === 'changes' ? step.records : [step.record];
  return records.reduce((sum, record) => sum + record.length + 16, 256);
}

export function writeTransferStep(writer: ByteWriter, step: TransferStep): void {
  writeName(writer, kinds, step.kind);
  writer.u32(step.session);
  switch (step.kind) {
    case 'begin':
      writer.varuint(step.serial);
      return;
    case 'changes':
      writer.varuint(step.sequence);
      writer.varuint(step.records.length);
      for (const record of step.records) writeRecord(writer, record);
      return;
    case 'range':
      writer.varuint(step.sequence);
      writeBound(writer, step.from);
      writeBound(writer, step.until);
      writeRecord(writer, step.record);
      return;
    default:
      unreachable(step);
  }
}

/** Records are views of the reader's bytes. */
export function readTransferStep(reader: ByteReader): TransferStep {
  const kind = readName(reader, kinds);
  const session = reader.u32();
  switch (kind) {
    case 'begin':
      return { kind, session, serial: reader.varuint() };
    case 'changes': {
      const sequence = reader.varuint();
      const count = reader.varuint();
      const records: Uint8Array[] = [];
      for (let left = count; left > 0; left -= 1) records.push(readRecord(reader));
      return { kind, session, sequence, records };
    }
    case 'range': {
      const sequence = reader.varuint();
      const from = readBound(reader);
      const until = readBound(reader);
      return { kind, session, sequence, from, until, record: readRecord(reader) };
    }
    default:
      return unreachable(kind);
  }
}

function writeBound(writer: ByteWriter, id: PointId | null): void {
  writeOptional(writer, id, (bound) => writePointIds(writer, [bound]));
}

function readBound(reader: ByteReader): PointId | null {
  return readOptional(reader, () => {
    const { at } = reader;
    const [id] = readPointIds(reader, 1);
    if (id === undefined) throw new CorruptBytesError('a bound without an id', at);
    return id;
  });
}

function writeRecord(writer: ByteWriter, record: Uint8Array): void {
  writer.varuint(record.length);
  writer.align(4);
  writer.bytes(record);
}

function readRecord(reader: ByteReader): Uint8Array {
  const length = reader.varuint();
  reader.align(4);
  return reader.view(length);
}
