// The bytes of the agreed state, of every command and of what a change of the membership carries.
// As with all golden files: never edited, a new version gets new ones, and REWRITE=1 writes those
// that are missing.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { decodeProposal, encodeProposal } from '../../src/cluster/encode-proposal.ts';
import { decodeState, encodeState } from '../../src/cluster/encode-state.ts';
import { decodePeerData, encodePeerData } from '../../src/cluster/membership-data.ts';
import { stateHash } from '../../src/cluster/state-hash.ts';
import { everyCommand } from '../state/every-command.ts';
import { fullState } from '../state/full-state.ts';

function golden(name: string, written: Uint8Array): Uint8Array {
  const path = new URL(name, import.meta.url);
  if (!existsSync(path) && process.env['REWRITE'] === '1') writeFileSync(path, written);
  return new Uint8Array(readFileSync(path));
}

const proposals = Object.values(everyCommand).map((command, at) => ({
  proposer: 9007199254740993n,
  number: at + 2 ** 40,
  command,
}));
const peerData = { uri: 'http://10.0.0.1:6335/', version: '1.18.3' };

describe('version 1 of what peers agree on', () => {
  test('the state', () => {
    const bytes = golden('cluster-state-v1.bin', encodeState(fullState));
    assert.equal(Buffer.compare(bytes, encodeState(fullState)), 0, 'is written differently');
    assert.deepEqual(decodeState(bytes), fullState);
  });

  test('every command', () => {
    const writer = new ByteWriter();
    for (const proposal of proposals) writer.lengthPrefixed(encodeProposal(proposal));
    const bytes = golden('cluster-proposals-v1.bin', writer.toBytes());
    assert.equal(Buffer.compare(bytes, writer.toBytes()), 0, 'is written differently');
    const reader = new ByteReader(bytes);
    for (const proposal of proposals) {
      assert.deepEqual(decodeProposal(reader.lengthPrefixed()), proposal);
    }
    assert.equal(reader.remaining, 0);
  });

  test('the data of a change of the membership', () => {
    const bytes = golden('cluster-peer-data-v1.bin', encodePeerData(peerData));
    assert.equal(Buffer.compare(bytes, encodePeerData(peerData)), 0, 'is written differently');
    assert.deepEqual(decodePeerData(bytes), peerData);
  });
});

test('peers of one version agree on the hash', () => {
  assert.equal(stateHash(fullState), 'ef47cc1ff80e2359');
});
