import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptBytesError } from '../../base/bytes.ts';
import { integerPointId, type PointId } from '../../model/point-id.ts';
import { decodeShardCall, encodeShardCall, type ShardCall } from './shard-call.ts';
import type { TransferStep } from './transfer-codec.ts';

const plain = { noNullPrototype: true } as const;
const session = fc.nat({ max: 2 ** 32 - 1 });
const sequence = fc.maxSafeNat();
const record = fc.uint8Array({ maxLength: 40 });
const bound: fc.Arbitrary<PointId | null> = fc.option(
  fc.oneof(
    fc.nat(),
    fc.bigInt(0n, 2n ** 64n - 1n).map((value) => integerPointId(value) ?? 0),
    fc.uuid(),
  ),
);
const steps: fc.Arbitrary<TransferStep> = fc.oneof(
  fc.record({ kind: fc.constant('begin' as const), session, serial: sequence }, plain),
  fc.record(
    {
      kind: fc.constant('changes' as const),
      session,
      sequence,
      records: fc.array(record, { maxLength: 5 }),
    },
    plain,
  ),
  fc.record(
    { kind: fc.constant('range' as const), session, sequence, from: bound, until: bound, record },
    plain,
  ),
);

/** Records are views, and equal if their bytes are. */
function withCopies(call: ShardCall): ShardCall {
  if (call.kind !== 'transfer') return call;
  const { step } = call;
  switch (step.kind) {
    case 'begin':
      return call;
    case 'changes':
      return { ...call, step: { ...step, records: step.records.map((one) => one.slice()) } };
    case 'range':
      return { ...call, step: { ...step, record: step.record.slice() } };
  }
}

test('a step comes out as it went in, with its records aligned', () => {
  fc.assert(
    fc.property(steps, (step) => {
      const call: ShardCall = { kind: 'transfer', step };
      const decoded = decodeShardCall(encodeShardCall(call));
      assert.deepEqual(withCopies(decoded), call);
      if (decoded.kind !== 'transfer' || decoded.step.kind !== 'changes') return;
      for (const { byteOffset } of decoded.step.records) assert.equal(byteOffset % 4, 0);
    }),
  );
});

test('bytes that were cut or changed give a step or a named error', () => {
  fc.assert(
    fc.property(steps, fc.nat(), fc.nat(255), (step, at, value) => {
      const bytes = encodeShardCall({ kind: 'transfer', step });
      const cut = bytes.slice(0, at % bytes.length);
      const changed = bytes.slice();
      changed[at % bytes.length] = value;
      for (const damaged of [cut, changed]) {
        try {
          decodeShardCall(damaged);
        } catch (error) {
          assert.ok(error instanceof CorruptBytesError, String(error));
        }
      }
    }),
  );
});
