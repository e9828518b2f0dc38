// The bytes of every storage format, version by version. A golden file is never edited: what it
// holds must stay readable for ever, and the current code must still write the newest version of
// each. A new version gets a new file: REWRITE=1 writes golden files that are missing, and no
// others.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readAtomic, writeAtomic } from '../../src/storage/atomic-file.ts';
import { readColumn, writeColumn } from '../../src/storage/column-file.ts';
import { ManifestStore, readManifest } from '../../src/storage/manifest.ts';
import { RaftLog, type RaftLogSaved } from '../../src/storage/raft-log.ts';
import { Wal } from '../../src/storage/wal.ts';
import { readAcked, writeAcked } from '../../src/storage/wal-acked.ts';
import { FakeDisk } from '../fakes/fake-disk.ts';

const walOptions = { capacityBytes: 160, closedKeptCount: 9, appliedLsn: 0, createIfMissing: true };
const walFiles = ['wal-00000000000000000001.log', 'wal-00000000000000000004.log'];
const records = ['first record', '', 'ä third one', 'in the second file'];
const manifest = {
  walAppliedLsn: 41,
  segments: [
    {
      id: '0b8f6c1e-90a1-4b2e-8a53-4f5b0d3f1c77',
      files: [{ name: 'ids', bytes: 4108 }],
      pointCount: 2,
      metadata: { indexed: true, dimensions: { '': 128 } },
    },
  ],
  metadata: { note: 'golden' },
};
const column = Uint8Array.from({ length: (1 << 20) + 5 }, (_, at) => (at >> 10) & 0xff);

const raftFiles = ['/raft/raft-00000000000000000003.log', '/raft/snapshot-00000000000000000003'];
const raftSaved: RaftLogSaved = {
  hardState: { term: 300, vote: 2n ** 53n - 1n, commitIndex: 10 },
  snapshot: {
    index: 9,
    term: 3,
    membership: {
      voters: [1n, 2n],
      outgoingVoters: [1n, 3n],
      learners: [2n ** 53n - 1n],
      nextLearners: [3n],
      leavesByItself: true,
    },
    data: new TextEncoder().encode('state'),
  },
  entries: [
    { kind: 'command', index: 10, term: 3, data: new Uint8Array(0) },
    {
      kind: 'membership',
      index: 11,
      term: 300,
      data: new TextEncoder().encode('http://ä'),
      change: {
        transition: 'implicit',
        changes: [
          { kind: 'add_voter', peerId: 7n },
          { kind: 'add_learner', peerId: 8n },
          { kind: 'remove', peerId: 9n },
          { kind: 'update', peerId: 0n },
        ],
      },
    },
    { kind: 'command', index: 12, term: 300, data: new TextEncoder().encode('last') },
  ],
};
const quiet = () => {};
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Compares with the golden file, or creates it when it is missing and that is asked for. */
function matchGolden(name: string, bytes: Uint8Array): void {
  const path = new URL(name, import.meta.url);
  if (!existsSync(path) && process.env['REWRITE'] === '1') writeFileSync(path, bytes);
  assert.equal(
    Buffer.compare(readFileSync(path), bytes),
    0,
    `${name} differs from what is written`,
  );
}

function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, import.meta.url)));
}

function diskWith(files: Readonly<Record<string, Uint8Array>>): FakeDisk {
  const disk = new FakeDisk();
  for (const [path, bytes] of Object.entries(files)) {
    disk.makeDir(path.slice(0, path.lastIndexOf('/')));
    disk.open(path, 'create').close();
    disk.setBytes(path, bytes);
  }
  return disk;
}

describe('version 1 is written as it always was', () => {
  test('log', async () => {
    const disk = new FakeDisk();
    const { wal } = await Wal.open(disk, '/wal', walOptions);
    const encoder = new TextEncoder();
    wal.append(encoder.encode(records[0]));
    await wal.sync();
    wal.appendBatch(records.slice(1, 3).map((text) => encoder.encode(text)));
    await wal.sync();
    wal.append(encoder.encode(records[3]));
    await wal.sync();
    for (const [index, name] of walFiles.entries()) {
      matchGolden(`wal-v1-${index + 1}.bin`, disk.bytesOf(`/wal/${name}`));
    }
  });

  test('acknowledged number', async () => {
    const disk = new FakeDisk();
    disk.makeDir('/wal');
    await writeAcked(disk, '/wal', 2 ** 40 + 3);
    matchGolden('acked-v1.bin', disk.bytesOf('/wal/acked'));
  });

  test('manifest', async () => {
    const disk = new FakeDisk();
    disk.makeDir('/shard/segments/0b8f6c1e-90a1-4b2e-8a53-4f5b0d3f1c77');
    await writeAtomic(disk, '/shard/manifest', {
      magic: 'OCTM',
      version: 1,
      body: new TextEncoder().encode('{"walAppliedLsn":0,"segments":[],"metadata":{}}'),
    });
    await (await ManifestStore.open(disk, '/shard')).replace(manifest);
    matchGolden('manifest-v1.bin', disk.bytesOf('/shard/manifest'));
  });

  test('column', async () => {
    const disk = new FakeDisk();
    await writeColumn(disk, '/small', 'ids', [new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])]);
    matchGolden('column-v1.bin', disk.bytesOf('/small'));
    await writeColumn(disk, '/large', 'vectors-f32', [column]);
    const bytes = disk.bytesOf('/large');
    matchGolden('column-large-v1-header.bin', bytes.subarray(0, 4096));
    matchGolden('column-large-v1-table.bin', bytes.subarray(4096 + column.length));
  });

  test('Raft log', async () => {
    const disk = new FakeDisk();
    const { hardState, snapshot, entries } = raftSaved;
    assert.ok(snapshot !== null);
    const raft = (await RaftLog.open({ directory: '/raft' }, { disk, log })).log;
    const before = { term: 3, vote: null, commitIndex: 9 };
    await raft.save({ hardState: { ...before, commitIndex: 0 }, entries: [], mustSync: false });
    await raft.installSnapshot(snapshot, before);
    await raft.save({ hardState: null, entries: entries.slice(0, 1), mustSync: true });
    await raft.save({ hardState, entries: entries.slice(1), mustSync: false });
    matchGolden('raft-log-v1.bin', disk.bytesOf(raftFiles[0] ?? ''));
    matchGolden('raft-snapshot-v1.bin', disk.bytesOf(raftFiles[1] ?? ''));
  });

  test('Raft log with entries carried over from an older file', async () => {
    const disk = diskWith({
      [raftFiles[0] ?? '']: golden('raft-log-v1.bin'),
      [raftFiles[1] ?? '']: golden('raft-snapshot-v1.bin'),
    });
    const raft = (await RaftLog.open({ directory: '/raft' }, { disk, log })).log;
    assert.ok(raftSaved.snapshot !== null);
    await raft.compact({ ...raftSaved.snapshot, index: 10 });
    const { name } = disk.list('/raft').find((entry) => entry.name.endsWith('.log')) ?? {};
    matchGolden('raft-log-v1-carried.bin', disk.bytesOf(`/raft/${name}`));
  });
});

describe('version 1 is read', () => {
  test('log', async () => {
    const disk = diskWith({
      [`/wal/${walFiles[0]}`]: golden('wal-v1-1.bin'),
      [`/wal/${walFiles[1]}`]: golden('wal-v1-2.bin'),
    });
    const { wal, tail } = await Wal.open(disk, '/wal', walOptions);
    assert.equal(tail.cut, null);
    const found = Array.from(wal.readFrom(1), ({ payload }) => new TextDecoder().decode(payload));
    assert.deepEqual(found, records);
  });

  test('acknowledged number', async () => {
    const disk = diskWith({ '/wal/acked': golden('acked-v1.bin') });
    assert.equal(await readAcked(disk, '/wal'), 2 ** 40 + 3);
  });

  test('manifest', async () => {
    const disk = diskWith({ '/shard/manifest': golden('manifest-v1.bin') });
    assert.deepEqual(await readManifest(disk, '/shard'), manifest);
    const content = await readAtomic(disk, '/shard/manifest', 'OCTM');
    assert.equal(content?.version, 1);
  });

  test('column', async () => {
    const disk = diskWith({
      '/c/small': golden('column-v1.bin'),
      '/c/large': Buffer.concat([
        golden('column-large-v1-header.bin'),
        column,
        golden('column-large-v1-table.bin'),
      ]),
    });
    const small = await readColumn(disk, '/c/small', 'ids');
    assert.deepEqual([...small], [1, 2, 3, 4, 5, 6, 7, 8]);
    const large = await readColumn(disk, '/c/large', 'vectors-f32');
    assert.equal(Buffer.compare(large, column), 0);
  });

  test('Raft log', async () => {
    const disk = diskWith({
      [raftFiles[0] ?? '']: golden('raft-log-v1.bin'),
      [raftFiles[1] ?? '']: golden('raft-snapshot-v1.bin'),
    });
    const { saved } = await RaftLog.open({ directory: '/raft' }, { disk, log });
    assert.deepEqual(saved, raftSaved);
  });
});
