import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CorruptBytesError } from '../../base/bytes.ts';
import {
  decodeHello,
  decodeRefusal,
  decodeWelcome,
  encodeHello,
  encodeRefusal,
  encodeWelcome,
  type Hello,
} from './handshake.ts';

const hellos: fc.Arbitrary<Hello> = fc.record({
  clusterId: fc.option(fc.string({ unit: 'grapheme', maxLength: 40 })),
  peerId: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  instanceId: fc.uuid(),
  uri: fc.option(fc.webUrl()),
  version: fc.string({ maxLength: 20 }),
  port: fc.nat(65_535),
  purpose: fc.constantFrom('control', 'bulk'),
  expectedPeerId: fc.option(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })),
});

describe('the handshake', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(hellos, (generated) => {
        // The generator's objects have no prototype.
        const hello = { ...generated };
        assert.deepEqual(decodeHello(encodeHello(hello)), hello);
        const { purpose: _, expectedPeerId: __, ...introduction } = hello;
        assert.deepEqual(decodeWelcome(encodeWelcome(introduction)), introduction);
      }),
    );
  });

  test('another version is told, whatever follows', () => {
    const bytes = new Uint8Array([7, 1, 99, 99, 99]);
    assert.deepEqual(decodeHello(bytes), { kind: 'other_version', version: 263 });
    assert.deepEqual(decodeWelcome(bytes), { kind: 'other_version', version: 263 });
  });

  test('any bytes give a value or a named error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (tail) => {
        for (const decode of [decodeHello, decodeWelcome, decodeRefusal]) {
          try {
            decode(new Uint8Array([1, 0, ...tail]));
          } catch (error) {
            assert.ok(error instanceof CorruptBytesError, String(error));
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('names cannot write lines into a log', () => {
    const named = (clusterId: string): Uint8Array =>
      encodeWelcome({
        clusterId,
        peerId: 1n,
        instanceId: 'i',
        uri: null,
        version: '1.0.0',
        port: 1,
      });
    assert.throws(() => decodeWelcome(named('a\nERROR all is lost')), CorruptBytesError);
    assert.throws(() => decodeWelcome(named('a'.repeat(1_025))), CorruptBytesError);
  });

  test('a reason is one line, and not endless', () => {
    assert.equal(decodeRefusal(encodeRefusal('no\r\nfake log line\u0007')), 'no fake log line ');
    assert.equal(decodeRefusal(encodeRefusal('x'.repeat(10_000))).length, 500);
  });
});
