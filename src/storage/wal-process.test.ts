// A real process on a real disk, killed while it appends: every number it had told about is there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { NativeDisk } from '../io/native/native-disk.ts';
import { DiskError } from '../io/ports.ts';
import { Wal } from './wal.ts';

const options = {
  capacityBytes: 50_000,
  closedKeptCount: 1,
  appliedLsn: 0,
  createIfMissing: true,
};

/** Appends records that hold their own number, tells each number, syncs and truncates at times. */
const writer = `
  const { NativeDisk } = await import(process.env.DISK);
  const { Wal } = await import(process.env.WAL);
  const { wal } = await Wal.open(new NativeDisk(), process.env.DIRECTORY, ${JSON.stringify(options)});
  const { writeSync } = await import('node:fs');
  for (;;) {
    const next = wal.lastLsn + 1;
    const payload = new Uint8Array(8 + (next * 7919) % 3000);
    new DataView(payload.buffer).setBigUint64(0, BigInt(next), true);
    writeSync(1, wal.append(payload) + '\\n');
    if (next % 50 === 0) await wal.sync();
    if (next % 400 === 0) await wal.truncateBefore(next - 100);
  }`;

function startWriter(directory: string) {
  const moduleUrl = (path: string) => new URL(path, import.meta.url).href;
  return spawn(process.execPath, ['--input-type=module', '-e', writer], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      DISK: moduleUrl('../io/native/native-disk.ts'),
      WAL: moduleUrl('./wal.ts'),
      DIRECTORY: directory,
    },
  });
}

test('killed five times while it appends', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'octant-wal-'));
  const disk = new NativeDisk();
  try {
    for (let round = 1; round <= 5; round += 1) {
      const child = startWriter(directory);
      let told = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        told += text;
      });
      await once(child.stdout, 'data');
      await assert.rejects(
        Wal.open(disk, directory, options),
        (error) => error instanceof DiskError && error.kind === 'locked',
      );
      while (told.length < 3000 + round * 777) await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'close');
      await checkLog(disk, directory, Number(told.trim().split('\n').at(-1)));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

async function checkLog(disk: NativeDisk, directory: string, toldLsn: number): Promise<void> {
  const { wal, tail } = await Wal.open(disk, directory, { ...options, createIfMissing: false });
  assert.ok(wal.lastLsn >= toldLsn, `log ends at ${wal.lastLsn}, ${toldLsn} was told`);
  assert.ok(wal.firstLsn <= wal.ackedLsn + 1);
  assert.notEqual(tail.cut?.wasDurable, true);
  let next = wal.firstLsn;
  for (const { lsn, payload } of wal.readFrom(next)) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    assert.equal(lsn, next);
    assert.equal(view.getBigUint64(0, true), BigInt(next));
    next += 1;
  }
  assert.equal(next, wal.lastLsn + 1);
  await wal.close();
}
