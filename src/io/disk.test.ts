// The disk contract on both disks, what only the real one can show (locks between processes, errors
// of the kernel), and what the fake one loses.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FakeDisk, FakeStop } from '../../test/fakes/fake-disk.ts';
import { diskContract } from './disk.contract.ts';
import { NativeDisk } from './native/native-disk.ts';
import { DiskError } from './ports.ts';

const text = (value: string) => new TextEncoder().encode(value);

describe('the real disk', () => {
  let root = '';
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'octant-disk-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [index, contractCase] of diskContract.entries()) {
    test(contractCase.name, async () => {
      const disk = new NativeDisk();
      disk.makeDir(`${root}/${index}`);
      await contractCase.run(disk, `${root}/${index}`);
    });
  }

  test('a lock keeps another process out, and dies with its process', async () => {
    const disk = new NativeDisk();
    const path = `${root}/process-lock`;
    const script = `
      const { NativeDisk } = await import(${JSON.stringify(
        new URL('./native/native-disk.ts', import.meta.url).href,
      )});
      new NativeDisk().lock(${JSON.stringify(path)});
      console.log('locked');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.throws(
      () => disk.lock(path),
      (error) => error instanceof DiskError && error.kind === 'locked',
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    disk.lock(path).release();
  });

  test('a full device says so in the words of the API', { skip: !hasFullDevice() }, () => {
    const file = new NativeDisk().open('/dev/full', 'write');
    assert.throws(
      () => file.writeNow(0, text('x')),
      (error) => {
        assert.ok(error instanceof DiskError);
        assert.equal(error.kind, 'no_space');
        assert.match(error.message, /No space left on device/);
        return true;
      },
    );
    file.close();
  });

  test('a failed sync poisons the file', { skip: !hasFullDevice() }, async () => {
    // The kernel cannot sync this device, which is as good as one that is broken.
    const file = new NativeDisk().open('/dev/full', 'write');
    const failure = await file.dataSync().then(
      () => null,
      (error: unknown) => error,
    );
    assert.ok(failure instanceof DiskError);
    assert.throws(
      () => file.writeNow(0, text('x')),
      (error) => error === failure,
    );
    await assert.rejects(file.dataSync(), (error) => error === failure);
    assert.throws(
      () => file.dataSyncNow(),
      (error) => error === failure,
    );
    file.close();
  });
});

function hasFullDevice(): boolean {
  return process.platform === 'linux' && new NativeDisk().exists('/dev/full');
}

describe('the fake disk', () => {
  for (const contractCase of diskContract) {
    test(contractCase.name, async () => {
      const disk = new FakeDisk();
      disk.makeDir('/root');
      await contractCase.run(disk, '/root');
    });
  }

  test('a failed sync poisons the file', async () => {
    const disk = new FakeDisk();
    const file = disk.open('/a', 'create');
    disk.failAt(1, 'io', ['sync']);
    await assert.rejects(file.dataSync(), /planned fault/);
    await assert.rejects(file.dataSync(), /planned fault/);
    assert.throws(() => file.writeNow(0, text('x')), /planned fault/);
  });

  test('a process that dies loses nothing the kernel had', () => {
    const disk = new FakeDisk();
    const file = disk.open('/a', 'create');
    file.writeNow(0, text('abc'));
    disk.lock('/lock');
    disk.crash('kill');
    assert.throws(() => file.size(), DiskError);
    assert.deepEqual(disk.bytesOf('/a'), text('abc'));
    disk.lock('/lock');
  });

  test('a power loss keeps what was synced, and sometimes loses the rest', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 100; seed += 1) {
      const disk = new FakeDisk({ seed });
      const file = disk.open('/a', 'create');
      file.writeNow(0, text('abc'));
      await file.dataSync();
      await disk.syncDir('/');
      file.writeNow(3, text('defg'));
      disk.crash('power');
      const found = new TextDecoder().decode(disk.bytesOf('/a'));
      assert.match(found, /^abc/);
      seen.add(found === 'abc' || found === 'abcdefg' ? found : 'torn');
    }
    assert.deepEqual([...seen].sort(), ['abc', 'abcdefg', 'torn']);
  });

  test('an entry is durable only after a sync of its directory', async () => {
    let lostCount = 0;
    for (let seed = 1; seed <= 50; seed += 1) {
      const disk = new FakeDisk({ seed });
      disk.makeDir('/d');
      await disk.syncDir('/');
      const file = disk.open('/d/new', 'create');
      file.writeNow(0, text('x'));
      await file.dataSync();
      disk.open('/d/old', 'create').close();
      await disk.syncDir('/d');
      disk.rename('/d/new', '/d/old');
      disk.crash('power');
      const renamed = !disk.exists('/d/new');
      assert.deepEqual(disk.bytesOf('/d/old'), text(renamed ? 'x' : ''), `seed ${seed}`);
      if (!renamed) lostCount += 1;
    }
    assert.ok(lostCount > 5 && lostCount < 45, `${lostCount} of 50 lost`);
  });

  test('after a stop nothing works until the crash', async () => {
    const disk = new FakeDisk();
    const file = disk.open('/a', 'create');
    disk.stopAt(2, ['write']);
    file.writeNow(0, text('abc'));
    assert.throws(() => file.writeNow(3, text('def')), FakeStop);
    assert.throws(() => file.readNow(0, new Uint8Array(1)), FakeStop);
    assert.throws(() => disk.list('/'), FakeStop);
    await assert.rejects(file.dataSync(), FakeStop);
    disk.crash('kill');
    const found = new TextDecoder().decode(disk.bytesOf('/a'));
    assert.ok('abcdef'.startsWith(found) && found.length >= 3, found);
  });

  test('a full disk takes what fits', () => {
    const disk = new FakeDisk({ capacityBytes: 5 });
    const file = disk.open('/a', 'create');
    file.writeNow(0, text('abc'));
    assert.throws(
      () => file.writeNow(3, text('def')),
      (error) => error instanceof DiskError && error.kind === 'no_space',
    );
    assert.equal(disk.freeBytes('/'), 0);
    file.truncateNow(3);
    file.writeNow(3, text('de'));
  });
});
