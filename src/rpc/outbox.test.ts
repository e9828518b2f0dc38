import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FrameReader } from './codec/frame.ts';
import { Outbox, type OutboxItem } from './outbox.ts';

const limits = { messagesCountMax: 3, bytesMax: 100, chunkBytes: 10 };

function item(kind: OutboxItem['kind'], id: number, bytes: number, replaces?: string): OutboxItem {
  const body = [new Uint8Array(bytes).fill(id)];
  return { kind, id, body, replaces: replaces ?? null, written: null };
}

/** What a receiver makes of all that is written, as text: kind, id, bytes. */
function drain(outbox: Outbox): readonly string[] {
  const reader = new FrameReader(1000);
  for (let frame = outbox.nextFrame(); frame !== null; frame = outbox.nextFrame()) {
    for (const piece of frame) reader.push(piece);
  }
  const told: string[] = [];
  let bytes = 0;
  for (let frame = reader.next(); frame !== null; frame = reader.next()) {
    bytes += frame.body.length;
    if (frame.more) continue;
    told.push(`${frame.kind} ${frame.id}: ${frame.abandoned ? 'abandoned' : bytes}`);
    bytes = 0;
  }
  return told;
}

describe('the outbox', () => {
  test('too many messages: the oldest is lost, what somebody waits for is not', () => {
    const outbox = new Outbox(limits);
    outbox.push(item('request', 1, 5));
    for (const id of [2, 3, 4]) assert.equal(outbox.push(item('message', id, 5)), 0);
    assert.equal(outbox.push(item('message', 5, 5)), 1);
    assert.deepEqual(drain(outbox), [
      'request 1: 5',
      'message 3: 5',
      'message 4: 5',
      'message 5: 5',
    ]);
  });

  test('too many bytes: messages make room, and one that is too large goes alone', () => {
    const outbox = new Outbox(limits);
    outbox.push(item('message', 1, 60));
    assert.equal(outbox.push(item('message', 2, 60)), 1);
    assert.equal(outbox.push(item('message', 3, 500)), 1);
    assert.equal(outbox.bytes, 500);
    // Nothing is left that could make room for it.
    outbox.nextFrame();
    assert.equal(outbox.push(item('message', 4, 60)), 1);
    assert.equal(outbox.count, 1);
  });

  test('a newer one of its kind replaces what waits, but not what was begun', () => {
    const outbox = new Outbox(limits);
    outbox.push(item('message', 1, 20, 'heartbeat'));
    outbox.nextFrame();
    outbox.push(item('message', 2, 1, 'heartbeat'));
    outbox.push(item('message', 3, 1));
    outbox.push(item('message', 4, 1, 'heartbeat'));
    assert.equal(outbox.count, 3);
    assert.deepEqual(drain(outbox), ['message 1: 10', 'message 3: 1', 'message 4: 1']);
  });

  test('a call that was given up: not sent, or cut short and said so', () => {
    const outbox = new Outbox(limits);
    outbox.push(item('request', 1, 30));
    outbox.push(item('request', 2, 30));
    outbox.nextFrame();
    outbox.abandon(1);
    outbox.abandon(2);
    outbox.push(item('message', 3, 5));
    assert.deepEqual(drain(outbox), ['request 1: abandoned', 'message 3: 5']);
    assert.equal(outbox.bytes, 0);
  });

  test('bodies in pieces arrive whole, whatever the size of a chunk', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 4 });
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 40 }), (body, chunkBytes) => {
        const outbox = new Outbox({ ...limits, chunkBytes });
        let writtenCount = 0;
        const written = (): void => {
          writtenCount += 1;
        };
        outbox.push({ kind: 'answer', id: 1, body, replaces: null, written });
        const reader = new FrameReader(1000);
        for (let frame = outbox.nextFrame(); frame !== null; frame = outbox.nextFrame()) {
          for (const piece of frame) reader.push(piece);
        }
        const received: Uint8Array[] = [];
        for (let frame = reader.next(); frame !== null; frame = reader.next()) {
          assert.ok(frame.body.length <= chunkBytes);
          received.push(frame.body);
        }
        assert.deepEqual(Buffer.concat(received), Buffer.concat(body));
        assert.equal(writtenCount, 1);
        assert.equal(outbox.isEmpty, true);
      }),
    );
  });
});
