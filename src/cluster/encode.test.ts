// Bytes that nobody wrote: damaged, cut short, or of another shape. They end with one kind of
// error, or with a value that is written as it was read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { everyCommand } from '../../test/state/every-command.ts';
import { fullState } from '../../test/state/full-state.ts';
import { CorruptBytesError } from '../base/bytes.ts';
import { decodeProposal, encodeProposal } from './encode-proposal.ts';
import { decodeState, encodeState } from './encode-state.ts';
import { decodePeerData } from './membership-data.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What `decode` makes of the bytes; `null` if it refuses them as it should. */
function decoded<Value>(decode: (bytes: Uint8Array) => Value, bytes: Uint8Array): Value | null {
  try {
    return decode(bytes);
  } catch (error) {
    assert.ok(error instanceof CorruptBytesError, String(error));
    return null;
  }
}

/** The document with one of its values, counted depth first, replaced. */
function withReplaced(json: Json, at: number, replacement: Json): Json {
  let left = at;
  const visit = (value: Json): Json => {
    left -= 1;
    if (left === -1) return replacement;
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, visit(member)]));
  };
  return visit(json);
}

function documentOf(bytes: Uint8Array): Json {
  return JSON.parse(new TextDecoder().decode(bytes.subarray(1))) as Json;
}

function bytesOf(json: Json): Uint8Array {
  return new Uint8Array([1, ...new TextEncoder().encode(JSON.stringify(json))]);
}

const replacements: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, -1, 1.5, 2 ** 53, '', '01', '18446744073709551616', [], {}),
  fc.jsonValue().map((value) => value as Json),
);

test('a state of the wrong shape is refused, or is a state', () => {
  const original = documentOf(encodeState(fullState));
  fc.assert(
    fc.property(fc.nat(260), replacements, (at, replacement) => {
      const state = decoded(decodeState, bytesOf(withReplaced(original, at, replacement)));
      if (state === null) return;
      assert.deepEqual(decodeState(encodeState(state)), state);
    }),
    { numRuns: 1000 },
  );
});

test('a proposal of the wrong shape is refused, or is a proposal', () => {
  const originals = Object.values(everyCommand).map((command) =>
    documentOf(encodeProposal({ proposer: 1n, number: 1, command })),
  );
  fc.assert(
    fc.property(fc.constantFrom(...originals), fc.nat(60), replacements, (json, at, other) => {
      const proposal = decoded(decodeProposal, bytesOf(withReplaced(json, at, other)));
      if (proposal === null) return;
      assert.deepEqual(decodeProposal(encodeProposal(proposal)), proposal);
    }),
    { numRuns: 2000 },
  );
});

test('bytes that are damaged, cut short or anything at all are refused', () => {
  const bytes = encodeState(fullState);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
      assert.equal(decoded(decodeState, bytes.subarray(0, at)), null);
      decoded(decodeState, bytes.with(at, byte));
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (anything) => {
      assert.equal(decoded(decodeState, anything), null);
      assert.equal(decoded(decodeProposal, anything), null);
      decoded(decodePeerData, anything);
    }),
  );
});

test('a version that is not known is refused', () => {
  const bytes = encodeState(fullState);
  assert.throws(() => decodeState(bytes.with(0, 2)), /version 2, expected 1/);
});

test('names like __proto__ are data', () => {
  const copy = decodeState(encodeState(fullState));
  assert.ok(copy.collections.has('__proto__'));
  assert.ok(copy.metadata.has('__proto__'));
  assert.deepEqual([...(copy.collections.get('tenants')?.schema.keys() ?? [])], ['__proto__', 'z']);
});
