// A Raft log on a real disk: a process killed while it saves and compacts has kept what it told
// about, and a large snapshot does not keep anybody waiting.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Prng } from '../base/prng.ts';
import { NativeDisk } from '../io/native/native-disk.ts';
import type { Logger } from '../io/ports.ts';
import { emptyMembership } from '../raft/membership.ts';
import { RaftLog, type RaftLogSaved } from './raft-log.ts';

const quiet = () => {};
const log: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Saves entries that hold their own index and commits the one before; tells each index. */
const writer = `
  const { NativeDisk } = await import(process.env.DISK);
  const { RaftLog } = await import(process.env.LOG);
  const { writeSync } = await import('node:fs');
  const quiet = () => {};
  const ports = { disk: new NativeDisk(), log: { debug: quiet, info: quiet, warn: quiet, error: quiet } };
  const { log, saved } = await RaftLog.open({ directory: process.env.DIRECTORY }, ports);
  const bytesOf = (index) => {
    const bytes = new Uint8Array(8 + (index * 7919) % 3000);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(index), true);
    return bytes;
  };
  const membership = { voters: [1n], outgoingVoters: [], learners: [], nextLearners: [], leavesByItself: false };
  let index = (saved.snapshot?.index ?? 0) + saved.entries.length;
  for (;;) {
    const commitIndex = index;
    index += 1;
    const entries = [{ kind: 'command', index, term: 1, data: bytesOf(index) }];
    await log.save({ hardState: { term: 1, vote: 1n, commitIndex }, entries, mustSync: index % 4 === 0 });
    writeSync(1, index + '\\n');
    if (index % 60 !== 0) continue;
    const at = index - 5;
    await log.compact({ index: at, term: 1, membership, data: bytesOf(at) });
  }`;

function startWriter(directory: string) {
  const moduleUrl = (path: string) => new URL(path, import.meta.url).href;
  return spawn(process.execPath, ['--input-type=module', '-e', writer], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      DISK: moduleUrl('../io/native/native-disk.ts'),
      LOG: moduleUrl('./raft-log.ts'),
      DIRECTORY: directory,
    },
  });
}

async function inTemporary(action: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'octant-raft-'));
  try {
    await action(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function reopened(directory: string): Promise<RaftLogSaved> {
  const opened = await RaftLog.open({ directory }, { disk: new NativeDisk(), log });
  await opened.log.close();
  return opened.saved;
}

test('killed five times while it saves and compacts', async () => {
  await inTemporary(async (directory) => {
    for (let round = 1; round <= 5; round += 1) {
      const child = startWriter(directory);
      let told = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        told += text;
      });
      while (told.length < 700 + round * 177) await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'close');
      checkSaved(await reopened(directory), Number(told.trim().split('\n').at(-1)));
    }
  });
});

function checkSaved(saved: RaftLogSaved, toldIndex: number): void {
  const numberIn = (bytes: Uint8Array) =>
    Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  let index = saved.snapshot?.index ?? 0;
  if (saved.snapshot !== null) assert.equal(numberIn(saved.snapshot.data), index);
  for (const entry of saved.entries) {
    index += 1;
    assert.equal(entry.index, index);
    assert.equal(numberIn(entry.data), index);
  }
  assert.ok(index >= toldIndex, `log ends at ${index}, ${toldIndex} was told`);
  assert.equal(saved.hardState.commitIndex, index - 1);
}

test('a snapshot of 64 MiB is kept and found', async () => {
  await inTemporary(async (directory) => {
    const data = new Uint8Array(64 << 20);
    const prng = new Prng(1);
    for (let at = 0; at < data.length; at += 4096) data[at] = prng.int(256);
    const snapshot = {
      index: 5,
      term: 1,
      membership: { ...emptyMembership, voters: [1n] },
      data,
    };
    const hardState = { term: 1, vote: null, commitIndex: 5 };
    const disk = new NativeDisk();
    const opened = await RaftLog.open({ directory }, { disk, log });
    await opened.log.installSnapshot(snapshot, hardState);
    await opened.log.compact(snapshot);
    assert.ok(opened.log.bytes() < data.length + 1000);
    await opened.log.close();
    const saved = await reopened(directory);
    assert.deepEqual(saved.hardState, hardState);
    assert.equal(Buffer.compare(saved.snapshot?.data ?? new Uint8Array(), data), 0);
  });
});
