// Files replaced as a whole: the old content or the new one after a crash at any point, and every
// flipped or missing byte is noticed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeDisk, FakeStop } from '../../test/fakes/fake-disk.ts';
import {
  readAtomic,
  readJson,
  readText,
  writeAtomic,
  writeJsonAtomic,
  writeTextAtomic,
} from './atomic-file.ts';
import { CorruptFileError } from './corrupt-file.ts';

const magic = 'TEST';
const bodyOf = (value: string) => new TextEncoder().encode(value);
const content = (value: string) => ({ magic, version: 3, body: bodyOf(value) });

test('content comes back with its version; a missing file is null', async () => {
  const disk = new FakeDisk();
  assert.equal(await readAtomic(disk, '/a', magic), null);
  await writeAtomic(disk, '/a', content('one'));
  await writeAtomic(disk, '/a', content(''));
  await writeAtomic(disk, '/a', content('two'));
  assert.deepEqual(await readAtomic(disk, '/a', magic), content('two'));
  assert.deepEqual(
    disk.list('/').map((entry) => entry.name),
    ['a'],
  );
});

test('every flipped, missing or added byte is noticed', async () => {
  const disk = new FakeDisk();
  await writeAtomic(disk, '/a', content('some content'));
  const intact = disk.bytesOf('/a');
  const damaged = [
    ...Array.from(intact, (_, at) => intact.map((byte, index) => (index === at ? ~byte : byte))),
    ...Array.from(intact, (_, at) => intact.subarray(0, at)),
    Uint8Array.from([...intact, 0]),
  ];
  for (const [index, bytes] of damaged.entries()) {
    disk.setBytes('/a', bytes);
    await assert.rejects(readAtomic(disk, '/a', magic), CorruptFileError, `damage ${index}`);
  }
});

test('a crash at any point leaves the old content or the new one', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 200; seed += 1) {
    const disk = new FakeDisk({ seed });
    await writeAtomic(disk, '/a', content('old'));
    disk.stopAt((seed % 6) + 1);
    const written = await writeAtomic(disk, '/a', content('new')).then(
      () => true,
      (error) => {
        assert.ok(error instanceof FakeStop);
        return false;
      },
    );
    disk.crash('power');
    const found = await readAtomic(disk, '/a', magic);
    const text = new TextDecoder().decode(found?.body);
    assert.ok(written ? text === 'new' : text === 'new' || text === 'old', `seed ${seed}: ${text}`);
    seen.add(`${written} ${text}`);
    await writeAtomic(disk, '/a', content('next'));
  }
  assert.deepEqual([...seen].sort(), ['false new', 'false old', 'true new']);
});

test('a full disk keeps the old content and leaves nothing behind', async () => {
  const disk = new FakeDisk({ capacityBytes: 100 });
  await writeAtomic(disk, '/a', content('old'));
  await assert.rejects(writeAtomic(disk, '/a', content('x'.repeat(90))), /No space left on device/);
  assert.deepEqual(await readAtomic(disk, '/a', magic), content('old'));
  assert.equal(disk.freeBytes('/'), 77);
});

test('JSON and text for people', async () => {
  const disk = new FakeDisk();
  assert.equal(await readJson(disk, '/a.json'), null);
  await writeJsonAtomic(disk, '/a.json', { name: 'ä', list: [1, null] });
  assert.deepEqual(await readJson(disk, '/a.json'), { name: 'ä', list: [1, null] });
  assert.match((await readText(disk, '/a.json')) ?? '', /^\{\n {2}"name": "ä"/);
  await writeTextAtomic(disk, '/a.json', '{"name": 1}garbage');
  await assert.rejects(readJson(disk, '/a.json'), CorruptFileError);
  disk.setBytes('/a.json', new Uint8Array([0xff]));
  await assert.rejects(readJson(disk, '/a.json'), CorruptFileError);
});
