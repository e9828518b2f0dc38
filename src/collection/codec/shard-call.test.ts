import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { filterArbitrary } from '../../../test/filters/arbitraries.ts';
import { CorruptBytesError } from '../../base/bytes.ts';
import { integerPointId, type PointId } from '../../model/point-id.ts';
import type {
  OrderValue,
  PointRecord,
  SearchTask,
  ShardReadAnswer,
  ShardReadRequest,
  WithParts,
} from '../../model/read.ts';
import type { OptimizationReport, SegmentReport, ShardInfo } from '../../shard/shard-info.ts';
import type { UpdateOutcome } from '../../shard/update-outcome.ts';
import {
  decodeShardAnswer,
  decodeShardCall,
  encodeShardAnswer,
  encodeShardCall,
  type ShardCall,
  type ShardCallAnswer,
} from './shard-call.ts';

const plain = { noNullPrototype: true } as const;
const words = fc.string({ unit: 'grapheme', maxLength: 12 });
const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const milliseconds = fc.nat(10_000_000);
const id: fc.Arbitrary<PointId> = fc.oneof(
  fc.nat(),
  fc.bigInt(0n, 2n ** 64n - 1n).map((value) => integerPointId(value) ?? 0),
  fc.uuid(),
);
const floats = fc.float32Array({ maxLength: 6 });
const parts: fc.Arbitrary<WithParts> = fc.record(
  { payload: fc.boolean(), vectors: fc.oneof(fc.boolean(), fc.array(words, { maxLength: 3 })) },
  plain,
);
const filter = fc.option(filterArbitrary.map((one) => structuredClone(one)));
const orderValue: fc.Arbitrary<OrderValue> = fc.oneof(
  fc.double({ noNaN: true }),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);

const task: fc.Arbitrary<SearchTask> = fc.record(
  {
    vectorName: words,
    vector: floats,
    limit: count,
    filter,
    params: fc.record(
      { hnswEf: fc.option(count), exact: fc.boolean(), indexedOnly: fc.boolean() },
      plain,
    ),
    parts,
  },
  plain,
);

const request: fc.Arbitrary<ShardReadRequest> = fc.oneof(
  fc.record(
    { kind: fc.constant('search' as const), tasks: fc.array(task, { maxLength: 3 }) },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('scroll' as const),
      filter,
      from: fc.option(id),
      limit: count,
      parts,
    },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('ordered_scroll' as const),
      filter,
      order: fc.record(
        {
          key: words,
          direction: fc.constantFrom('asc' as const, 'desc' as const),
          startFrom: fc.option(orderValue),
        },
        plain,
      ),
      limit: count,
      parts,
    },
    plain,
  ),
  fc.record(
    { kind: fc.constant('retrieve' as const), ids: fc.array(id, { maxLength: 6 }), parts },
    plain,
  ),
  fc.record({ kind: fc.constant('count' as const), filter, exact: fc.boolean() }, plain),
);

const call: fc.Arbitrary<ShardCall> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('update' as const),
      as: fc.constantFrom('replica' as const, 'medium' as const, 'strong' as const),
      wait: fc.boolean(),
      timeoutMs: milliseconds,
      record: fc.uint8Array({ maxLength: 40 }),
    },
    plain,
  ),
  fc.record({ kind: fc.constant('read' as const), timeoutMs: milliseconds, request }, plain),
  fc.constant<ShardCall>({ kind: 'info' }),
);

const record: fc.Arbitrary<PointRecord> = fc.record(
  {
    id,
    version: count,
    payload: fc.option(words.map((text) => new TextEncoder().encode(JSON.stringify({ a: text })))),
    vectors: fc.option(
      fc.array(fc.tuple(words, floats), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    ),
  },
  plain,
);

const readAnswer: fc.Arbitrary<ShardReadAnswer> = fc.oneof(
  fc
    .array(fc.array(fc.tuple(record, fc.double({ noNaN: true })), { maxLength: 4 }), {
      maxLength: 3,
    })
    .map((lists): ShardReadAnswer => {
      const hits = lists.map((list) => list.map(([point, sim]) => ({ ...point, sim })));
      return { kind: 'search', hits };
    }),
  fc.array(fc.tuple(record, orderValue), { maxLength: 5 }).map((list): ShardReadAnswer => {
    const records = list.map(([point, value]) => ({ ...point, orderValue: value }));
    return { kind: 'ordered_scroll', records };
  }),
  fc.record(
    {
      kind: fc.constantFrom('scroll' as const, 'retrieve' as const),
      records: fc.array(record, { maxLength: 5 }),
    },
    plain,
  ),
  fc.record({ kind: fc.constant('count' as const), count }, plain),
);

const segmentCounts = fc.array(fc.record({ uuid: words, points_count: count }, plain), {
  maxLength: 3,
});
const report: fc.Arbitrary<OptimizationReport> = fc.record(
  {
    uuid: words,
    optimizer: words,
    status: fc.oneof(
      fc.constantFrom('optimizing' as const, 'done' as const),
      words.map((cancelled) => ({ cancelled })),
      words.map((error) => ({ error })),
    ),
    segments: segmentCounts,
    startedAtMs: count,
    finishedAtMs: fc.option(count),
  },
  plain,
);
const segment: fc.Arbitrary<SegmentReport> = fc.record(
  {
    uuid: words,
    kind: fc.constantFrom('plain' as const, 'indexed' as const),
    pointCount: count,
    deletedCount: count,
    indexedVectorCount: count,
    vectorBytes: count,
    payloadBytes: count,
    memoryBytes: count,
    diskBytes: count,
    appendable: fc.boolean(),
  },
  plain,
);
const counts = fc
  .array(fc.tuple(words, count), { maxLength: 3 })
  .map((pairs): ReadonlyMap<string, number> => new Map(pairs));
const info: fc.Arbitrary<ShardInfo> = fc.record(
  {
    status: fc.constantFrom('green' as const, 'yellow' as const, 'grey' as const, 'red' as const),
    optimizerError: fc.option(words),
    pointCount: count,
    indexedVectorCount: count,
    segmentCount: count,
    indexedPointCounts: counts,
    updateQueueLength: count,
    operationId: count,
    vectorCounts: counts,
    segments: fc.array(segment, { maxLength: 3 }),
    runningOptimizations: fc.array(report, { maxLength: 2 }),
    finishedOptimizations: fc.array(report, { maxLength: 2 }),
    queuedOptimizations: fc.array(fc.record({ optimizer: words, segments: segmentCounts }, plain), {
      maxLength: 2,
    }),
  },
  plain,
);

const codes = [
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
] as const;
const code = fc.constantFrom(...codes);
const outcome: fc.Arbitrary<UpdateOutcome> = fc.oneof(
  fc.record(
    {
      status: fc.constantFrom(
        'completed' as const,
        'acknowledged' as const,
        'wait_timeout' as const,
      ),
      operationId: count,
    },
    plain,
  ),
  fc.record(
    {
      status: fc.constant('failed' as const),
      operationId: fc.option(count),
      code,
      message: words,
    },
    plain,
  ),
);

const answer: fc.Arbitrary<ShardCallAnswer> = fc.oneof(
  fc.record({ kind: fc.constant('updated' as const), outcome }, plain),
  fc.record({ kind: fc.constant('read' as const), answer: readAnswer }, plain),
  fc.record({ kind: fc.constant('info' as const), info }, plain),
  fc.record({ kind: fc.constant('failed' as const), code, message: words }, plain),
);

/** As it arrives: anywhere in memory. */
function moved(bytes: Uint8Array, by: number): Uint8Array {
  const all = new Uint8Array(bytes.length + by);
  all.set(bytes, by);
  return all.subarray(by);
}

test('every call comes out as it went in', () => {
  fc.assert(
    fc.property(call, fc.nat(4), (given, by) => {
      assert.deepEqual(decodeShardCall(moved(encodeShardCall(given), by)), given);
    }),
  );
});

test('every answer comes out as it went in', () => {
  fc.assert(
    fc.property(answer, fc.nat(4), (given, by) => {
      assert.deepEqual(decodeShardAnswer(moved(encodeShardAnswer(given), by)), given);
    }),
  );
});

test('the record of an update lies where its columns can be used in place', () => {
  const bytes = encodeShardCall({
    kind: 'update',
    as: 'replica',
    wait: true,
    timeoutMs: 60_000,
    record: Uint8Array.of(1, 2, 3),
  });
  const read = decodeShardCall(bytes);
  assert.ok(read.kind === 'update');
  assert.equal(read.record.byteOffset % 4, 0);
});

test('any bytes give a value or a named error', () => {
  const decoders = [decodeShardCall, decodeShardAnswer];
  const encoded = fc.oneof(call.map(encodeShardCall), answer.map(encodeShardAnswer));
  const damaged = fc
    .tuple(encoded, fc.nat(), fc.nat(255), fc.nat())
    .map(([bytes, at, value, cut]) => {
      const copy = bytes.slice(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0));
      if (copy.length > 0) copy[at % copy.length] = value;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      for (const decode of decoders) {
        try {
          decode(bytes);
        } catch (error) {
          assert.ok(error instanceof CorruptBytesError, String(error));
        }
      }
    }),
    { numRuns: 500 },
  );
});
