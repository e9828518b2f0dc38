// The bytes of calls of shards between peers, version by version. A golden file is never edited:
// peers of the same version must understand each other, whatever their release. REWRITE=1 writes
// golden files that are missing, and no others.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import {
  decodeShardAnswer,
  decodeShardCall,
  encodeShardAnswer,
  encodeShardCall,
  type ShardCall,
  type ShardCallAnswer,
} from '../../src/collection/codec/shard-call.ts';
import type { FieldCondition, Filter } from '../../src/model/filter.ts';
import type { ShardInfo } from '../../src/shard/shard-info.ts';

const uuid = '936da01f-9abd-4d9d-80c7-02af85c822a8';
const parts = { payload: true, vectors: ['ä', ''] } as const;
const noParts = { payload: false, vectors: true } as const;

const anyField: FieldCondition = {
  kind: 'field',
  key: 'a.b[]',
  match: null,
  range: null,
  datetimeRange: null,
  valuesCount: null,
  isEmpty: null,
  isNull: null,
};
const noBounds = { lt: null, gt: null, lte: null, gte: null };
const none: Filter = { must: null, should: null, mustNot: null, minShould: null };
const filter: Filter = {
  must: [
    { ...anyField, match: { kind: 'value', value: 'red' }, isNull: false },
    { ...anyField, match: { kind: 'value', value: true } },
    { ...anyField, match: { kind: 'any', values: [1, 2n ** 60n] } },
    { ...anyField, match: { kind: 'except', values: ['x'] } },
    { ...anyField, match: { kind: 'text', text: 'w' }, isEmpty: true },
    { ...anyField, match: { kind: 'text_any', text: 'w' } },
    { ...anyField, match: { kind: 'phrase', text: 'w' } },
    { ...anyField, range: { ...noBounds, lt: 0.5, gte: -1 } },
    { ...anyField, datetimeRange: { ...noBounds, gt: -5n }, valuesCount: { ...noBounds, lte: 2 } },
  ],
  should: [],
  mustNot: [
    { kind: 'is_empty', key: 'k' },
    { kind: 'is_null', key: 'k' },
    { kind: 'has_id', ids: [7, uuid] },
    { kind: 'has_vector', name: '' },
    { kind: 'nested', key: 'list', filter: none },
    { kind: 'filter', filter: none },
  ],
  minShould: { conditions: [{ kind: 'has_id', ids: [2n ** 64n - 1n] }], minCount: 1 },
};

const params = { hnswEf: 64, exact: false, indexedOnly: true };
const calls: readonly ShardCall[] = [
  { kind: 'update', as: 'replica', wait: true, timeoutMs: 60_000, record: Uint8Array.of(1, 2, 3) },
  { kind: 'update', as: 'strong', wait: false, timeoutMs: 1, record: new Uint8Array() },
  {
    kind: 'read',
    timeoutMs: 1_500,
    request: {
      kind: 'search',
      tasks: [
        { vectorName: 'ä', vector: Float32Array.of(1, -2.5), limit: 10, filter, params, parts },
      ],
    },
  },
  {
    kind: 'read',
    timeoutMs: 60_000,
    request: { kind: 'scroll', filter: null, from: uuid, limit: 11, parts },
  },
  {
    kind: 'read',
    timeoutMs: 60_000,
    request: {
      kind: 'ordered_scroll',
      filter: none,
      order: { key: 'when', direction: 'desc', startFrom: -1_000n },
      limit: 3,
      parts: noParts,
    },
  },
  {
    kind: 'read',
    timeoutMs: 60_000,
    request: { kind: 'retrieve', ids: [1, 2n ** 63n, uuid], parts: noParts },
  },
  { kind: 'read', timeoutMs: 60_000, request: { kind: 'count', filter: null, exact: true } },
  { kind: 'info' },
];

const record = {
  id: 7,
  version: 300,
  payload: new TextEncoder().encode('{"a":1}'),
  vectors: new Map([['ä', Float32Array.of(1, 2)]]),
};
const bare = { id: uuid, version: 0, payload: null, vectors: null };
const segments = [{ uuid, points_count: 5 }];
const info: ShardInfo = {
  status: 'yellow',
  optimizerError: 'no space',
  pointCount: 1,
  indexedVectorCount: 2,
  segmentCount: 3,
  indexedPointCounts: new Map([['city', 4]]),
  updateQueueLength: 5,
  operationId: 6,
  vectorCounts: new Map([['', 7]]),
  segments: [
    {
      uuid,
      kind: 'indexed',
      pointCount: 1,
      deletedCount: 2,
      indexedVectorCount: 3,
      vectorBytes: 4,
      payloadBytes: 5,
      memoryBytes: 6,
      diskBytes: 7,
      appendable: false,
    },
  ],
  runningOptimizations: [
    {
      uuid,
      optimizer: 'merge',
      status: 'optimizing',
      segments,
      startedAtMs: 1.5,
      finishedAtMs: null,
    },
  ],
  finishedOptimizations: [
    { uuid, optimizer: 'a', status: { error: 'e' }, segments, startedAtMs: 1, finishedAtMs: 2 },
    { uuid, optimizer: 'b', status: { cancelled: 'c' }, segments, startedAtMs: 1, finishedAtMs: 2 },
  ],
  queuedOptimizations: [{ optimizer: 'vacuum', segments }],
};
const answers: readonly ShardCallAnswer[] = [
  { kind: 'updated', outcome: { status: 'completed', operationId: 7 } },
  {
    kind: 'updated',
    outcome: { status: 'failed', operationId: null, code: 'internal', message: 'no space' },
  },
  { kind: 'read', answer: { kind: 'search', hits: [[{ ...record, sim: 0.5 }], []] } },
  { kind: 'read', answer: { kind: 'scroll', records: [record, bare] } },
  {
    kind: 'read',
    answer: {
      kind: 'ordered_scroll',
      records: [
        { ...bare, orderValue: -1n },
        { ...record, orderValue: 2.5 },
      ],
    },
  },
  { kind: 'read', answer: { kind: 'retrieve', records: [bare] } },
  { kind: 'read', answer: { kind: 'count', count: 12 } },
  { kind: 'info', info },
  { kind: 'failed', code: 'precondition_failed', message: 'No target shard 0 found for update' },
];

/** Compares with the golden file, or creates it when it is missing and that is asked for. */
function matchGolden(name: string, bodies: readonly Uint8Array[]): readonly Uint8Array[] {
  const writer = new ByteWriter();
  for (const body of bodies) {
    writer.u32(body.length);
    writer.bytes(body);
  }
  const path = new URL(name, import.meta.url);
  if (!existsSync(path) && process.env['REWRITE'] === '1') writeFileSync(path, writer.view());
  const golden = new Uint8Array(readFileSync(path));
  assert.equal(Buffer.compare(golden, writer.view()), 0, `${name} differs from what is written`);
  const reader = new ByteReader(golden);
  const read: Uint8Array[] = [];
  while (reader.remaining > 0) read.push(reader.view(reader.u32()));
  return read;
}

test('calls', () => {
  const read = matchGolden('shard-call-v1-calls.bin', calls.map(encodeShardCall));
  assert.deepEqual(read.map(decodeShardCall), calls);
});

test('answers', () => {
  const read = matchGolden('shard-call-v1-answers.bin', answers.map(encodeShardAnswer));
  assert.deepEqual(read.map(decodeShardAnswer), answers);
});
