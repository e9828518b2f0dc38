import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptBytesError } from '../base/bytes.ts';
import type { PayloadFieldSchema } from './payload-schema.ts';
import type { PointId } from './point-id.ts';
import { integerPointId, uuidPointId } from './point-id.ts';
import type { PointBatch, UpdateOperation } from './update.ts';
import { decodeUpdate, encodeUpdate } from './update-codec.ts';

const utf8 = new TextEncoder();

const pointId: fc.Arbitrary<PointId> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => integerPointId(value) ?? 0),
  fc.nat().map((value) => value),
  fc.uuid().map((text) => uuidPointId(text) ?? 0),
);

const optionalText = fc.option(fc.string({ unit: 'grapheme' }), { nil: null });

const selector = fc.record({
  ids: fc.option(fc.array(pointId), { nil: null }),
  filter: optionalText,
});

function column(count: number): fc.Arbitrary<PointBatch['vectors'][number]> {
  return fc
    .record({ name: fc.string(), dimension: fc.integer({ min: 1, max: 5 }), rowCount: fc.nat(4) })
    .chain(({ name, dimension, rowCount }) =>
      fc.record({
        name: fc.constant(name),
        dimension: fc.constant(dimension),
        rows: fc
          .array(fc.integer({ min: -1, max: rowCount - 1 }), { minLength: count, maxLength: count })
          .map((rows) => Int32Array.from(rows)),
        data: fc.float32Array({
          minLength: rowCount * dimension,
          maxLength: rowCount * dimension,
        }),
      }),
    );
}

function batch(withPayload: boolean): fc.Arbitrary<PointBatch> {
  return fc
    .array(pointId, { maxLength: 6 })
    .chain((ids) =>
      fc.record({
        ids: fc.constant(ids),
        vectors: fc.array(column(ids.length), { maxLength: 3 }),
        texts: fc.array(fc.json(), { minLength: ids.length, maxLength: ids.length }),
      }),
    )
    .map(({ ids, vectors, texts }) => {
      if (!withPayload) {
        const none = { payloadOffsets: new Uint32Array(0), payloadBytes: new Uint8Array(0) };
        return { ids, vectors, ...none };
      }
      const payloadOffsets = new Uint32Array(ids.length + 1);
      const payloads = texts.map((text) => utf8.encode(text));
      payloads.forEach((payload, index) => {
        payloadOffsets[index + 1] = (payloadOffsets[index] ?? 0) + payload.length;
      });
      return { ids, vectors, payloadOffsets, payloadBytes: Buffer.concat(payloads) };
    });
}

const schema: fc.Arbitrary<PayloadFieldSchema> = fc.constantFrom<PayloadFieldSchema>(
  { dataType: 'keyword', params: null },
  { dataType: 'integer', params: { type: 'integer', lookup: true, range: false } },
  { dataType: 'uuid', params: { type: 'uuid', is_tenant: true } },
);

const payload = fc.json().map((text) => utf8.encode(text));

const operation: fc.Arbitrary<UpdateOperation> = fc.oneof(
  fc.record({
    kind: fc.constant('upsert' as const),
    points: batch(true),
    mode: fc.constantFrom('upsert' as const, 'insert_only' as const, 'update_only' as const),
    filter: optionalText,
  }),
  fc.record({ kind: fc.constant('delete_points' as const), selector }),
  fc.record({ kind: fc.constant('set_payload' as const), selector, payload, key: optionalText }),
  fc.record({ kind: fc.constant('overwrite_payload' as const), selector, payload }),
  fc.record({
    kind: fc.constant('delete_payload' as const),
    selector,
    keys: fc.array(fc.string()),
  }),
  fc.record({ kind: fc.constant('clear_payload' as const), selector }),
  fc.record({
    kind: fc.constant('update_vectors' as const),
    points: batch(false),
    filter: optionalText,
  }),
  fc.record({
    kind: fc.constant('delete_vectors' as const),
    names: fc.array(fc.string()),
    selector,
  }),
  fc.record({ kind: fc.constant('create_index' as const), field: fc.string(), schema }),
  fc.record({ kind: fc.constant('delete_index' as const), field: fc.string() }),
);

/** Typed arrays and buffers compare by content, whatever memory they view. */
function plain(value: unknown): unknown {
  if (value instanceof Float32Array) return { f32: [...new Uint32Array(value.slice().buffer)] };
  if (ArrayBuffer.isView(value)) return [...(value as Uint8Array)];
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

test('an update comes back as it was, from any position in memory', () => {
  fc.assert(
    fc.property(operation, fc.nat(7), (update, shift) => {
      const bytes = encodeUpdate(update);
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      assert.deepEqual(plain(decodeUpdate(bytes)), plain(update));
      assert.deepEqual(plain(decodeUpdate(moved.subarray(shift))), plain(update));
    }),
  );
});

test('equal updates have equal bytes', () => {
  fc.assert(
    fc.property(operation, (update) => {
      const bytes = encodeUpdate(update);
      assert.deepEqual(encodeUpdate(decodeUpdate(bytes)), bytes);
    }),
  );
});

test('cut or flipped bytes are refused or decoded, never a crash or an endless loop', () => {
  fc.assert(
    fc.property(operation, fc.nat(), fc.nat(255), (update, place, value) => {
      const bytes = encodeUpdate(update);
      const at = place % bytes.length;
      const flipped = bytes.slice();
      flipped[at] = value;
      for (const damaged of [flipped, bytes.subarray(0, at)]) {
        try {
          decodeUpdate(damaged);
        } catch (error) {
          assert.ok(error instanceof CorruptBytesError, String(error));
        }
      }
    }),
  );
});

test('columns are views of an aligned record', () => {
  const bytes = encodeUpdate({
    kind: 'upsert',
    mode: 'upsert',
    filter: null,
    points: {
      ids: [1, 2],
      vectors: [
        { name: '', dimension: 2, rows: Int32Array.of(0, 1), data: Float32Array.of(1, 2, 3, 4) },
      ],
      payloadOffsets: Uint32Array.of(0, 2, 4),
      payloadBytes: utf8.encode('{}{}'),
    },
  });
  const update = decodeUpdate(bytes);
  assert.ok(update.kind === 'upsert');
  assert.equal(update.points.vectors[0]?.data.buffer, bytes.buffer);
  assert.equal(update.points.payloadBytes.buffer, bytes.buffer);
});

test('the bytes of version 1 stay as they are', () => {
  const upsert: UpdateOperation = {
    kind: 'upsert',
    mode: 'update_only',
    filter: '{}',
    points: {
      ids: [7, '00112233-4455-6677-8899-aabbccddeeff'],
      vectors: [{ name: 'v', dimension: 1, rows: Int32Array.of(0, -1), data: Float32Array.of(1) }],
      payloadOffsets: Uint32Array.of(0, 2, 4),
      payloadBytes: utf8.encode('{}{}'),
    },
  };
  assert.equal(
    Buffer.from(encodeUpdate(upsert)).toString('hex'),
    [
      '55010000' + '02' + '01027b7d' + '02000000',
      '02' + '00' + '0700000000000000' + '01' + '00112233445566778899aabbccddeeff',
      '01000000' + '0176' + '01000000' + '01000000' + '0000' + '00000000ffffffff' + '0000803f',
      '01' + '000000' + '00000000' + '02000000' + '04000000' + '7b7d7b7d',
    ].join(''),
  );
});
