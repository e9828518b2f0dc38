import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
  frameHeadBytes,
  frameKinds,
} from './frame.ts';

const frames: fc.Arbitrary<Frame> = fc.record({
  kind: fc.constantFrom(...frameKinds),
  id: fc.nat(0xffff_ffff),
  more: fc.boolean(),
  abandoned: fc.boolean(),
  body: fc.uint8Array({ maxLength: 100 }),
});

function readAll(reader: FrameReader): readonly Frame[] {
  const read: Frame[] = [];
  for (let frame = reader.next(); frame !== null; frame = reader.next()) read.push(frame);
  return read;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

describe('frames', () => {
  test('come out as they went in, however the stream is cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 8 }), cuts, (sent, sizes) => {
        const stream = joined(sent.map((frame) => encodeFrame(frame, frame.body)));
        const reader = new FrameReader(100);
        const read: Frame[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          reader.push(stream.subarray(at, at + size));
          at += size;
          read.push(...readAll(reader));
        }
        // The generator's objects have no prototype.
        assert.deepEqual(read, structuredClone(sent));
        assert.equal(reader.waitingBytes, 0);
      }),
    );
  });

  test('a changed byte is found, or changes nothing but how much is waited for', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.integer({ min: 1, max: 255 }), (frame, place, flip) => {
        const bytes = Uint8Array.from(encodeFrame(frame, frame.body));
        const at = place % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        const reader = new FrameReader(100);
        reader.push(bytes);
        try {
          assert.equal(reader.next(), null);
        } catch (error) {
          assert.ok(error instanceof FrameError, String(error));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('a frame that is too large is refused by its head alone', () => {
    const head = { kind: 'message', id: 1, more: false, abandoned: false } as const;
    const reader = new FrameReader(100);
    reader.push(encodeFrame(head, new Uint8Array(101)).subarray(0, frameHeadBytes));
    assert.throws(() => reader.next(), /a frame of 101 bytes, at most 100 are allowed/);
  });

  test('a body keeps no more memory than itself', () => {
    const head = { kind: 'message', id: 1, more: false, abandoned: false } as const;
    const reader = new FrameReader(100);
    const chunk = new Uint8Array(65_536);
    chunk.set(encodeFrame(head, new Uint8Array(10)));
    reader.push(chunk);
    assert.equal(reader.next()?.body.buffer.byteLength, 10);
  });
});
