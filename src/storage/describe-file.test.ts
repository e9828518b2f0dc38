// What `inspect` says about each kind of file, good and damaged.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeDisk } from '../../test/fakes/fake-disk.ts';
import { emptyMembership } from '../raft/membership.ts';
import { writeJsonAtomic } from './atomic-file.ts';
import { writeColumn } from './column-file.ts';
import { describePath } from './describe-file.ts';
import { ManifestStore } from './manifest.ts';
import { RaftLog } from './raft-log.ts';
import { Wal } from './wal.ts';

async function linesOf(disk: FakeDisk, path: string): Promise<string> {
  const lines: string[] = [];
  const describeText = (payload: Uint8Array) => new TextDecoder().decode(payload);
  for await (const line of describePath(disk, path, describeText)) lines.push(line);
  return lines.join('\n');
}

test('every file below a directory is described', async () => {
  const disk = new FakeDisk();
  disk.makeDir('/s');
  const { wal } = await Wal.open(disk, '/s/wal', {
    capacityBytes: 100,
    closedKeptCount: 0,
    appliedLsn: 0,
    createIfMissing: true,
  });
  wal.append(new TextEncoder().encode('one'));
  await wal.truncateBefore(2);
  wal.append(new TextEncoder().encode('two'));
  await ManifestStore.open(disk, '/s');
  await writeColumn(disk, '/s/column', 'ids', [new Uint8Array(8)]);
  await writeJsonAtomic(disk, '/s/config.json', { size: 4 });
  disk.open('/s/stray', 'create').writeNow(0, new Uint8Array(9));
  disk.open('/s/damaged', 'create').close();
  disk.setBytes('/s/damaged', disk.bytesOf('/s/column').fill(7, 4096, 4097));
  assert.equal(
    await linesOf(disk, '/s'),
    `/s/column: 4108 bytes
  column ids: 8 bytes, all checksums hold
/s/config.json: 16 bytes
  {
    "size": 4
  }
/s/damaged: 4108 bytes
  corrupt file /s/damaged at byte 4096: checksum mismatch in the 8 bytes from here (ids)
/s/manifest: 67 bytes
  OCTM version 1: 47 bytes, checksum holds
  {
    "walAppliedLsn": 0,
    "segments": [],
    "metadata": {}
  }
/s/stray: 9 bytes
  not a file of Octant
/s/wal/acked: 28 bytes
  OCTK version 1: 8 bytes, checksum holds
  acknowledged up to record 1
/s/wal/lock: 0 bytes
/s/wal/wal-00000000000000000001.log: 86 bytes
  log from record 1
  record 1 at 32: 3 bytes, durable to 0, one
  record 2 at 59: 3 bytes, durable to 1, two`,
  );
});

test('a torn tail and a missing path are described', async () => {
  const disk = new FakeDisk();
  const { wal } = await Wal.open(disk, '/wal', {
    capacityBytes: 100,
    closedKeptCount: 0,
    appliedLsn: 0,
    createIfMissing: true,
  });
  wal.append(new TextEncoder().encode('one'));
  const path = '/wal/wal-00000000000000000001.log';
  disk.flip(path, 57);
  assert.match(await linesOf(disk, path), /at 32: checksum mismatch in record 1; 27 bytes from/);
  assert.match(await linesOf(disk, '/none'), /no such file/);
});

test('a Raft log is described', async () => {
  const disk = new FakeDisk();
  const quiet = () => {};
  const ports = { disk, log: { debug: quiet, info: quiet, warn: quiet, error: quiet } };
  const { log } = await RaftLog.open({ directory: '/raft' }, ports);
  const membership = { ...emptyMembership, voters: [5n, 6n], learners: [7n] };
  const hardState = { term: 2, vote: null, commitIndex: 9 };
  await log.installSnapshot({ index: 9, term: 2, membership, data: new Uint8Array(4) }, hardState);
  const change = { transition: 'auto', changes: [{ kind: 'add_voter', peerId: 7n }] } as const;
  const entries = [
    { kind: 'command', index: 10, term: 2, data: new Uint8Array(3) },
    { kind: 'membership', index: 11, term: 3, data: new Uint8Array(0), change },
  ] as const;
  await log.save({ hardState: { term: 3, vote: 5n, commitIndex: 10 }, entries, mustSync: true });
  assert.equal(
    await linesOf(disk, '/raft'),
    `/raft/lock: 0 bytes
/raft/raft-00000000000000000002.log: 189 bytes
  log from record 2, follows the file of record 1
  record 2 at 32: 48 bytes, durable to 0, Raft: term 2, vote none, commit 9, snapshot 9 of term 2 before, begins with records: 1
  record 3 at 104: 61 bytes, durable to 2, Raft: term 3, vote 5, commit 10, command 10 of term 2 (3 bytes), membership 11 of term 3 (0 bytes)
/raft/snapshot-00000000000000000002: 69 bytes
  OCTR version 1: 49 bytes, checksum holds
  snapshot 9 of term 2: 4 bytes, voters 5 6, learners 7`,
  );
});
