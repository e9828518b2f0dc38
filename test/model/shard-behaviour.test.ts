// What a shard promises about its colours, its errors, a full disk and damaged files (spec/storage
// §7.1, §13.1, R9, R18-R30).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PointId } from '../../src/model/point-id.ts';
import { CorruptFileError } from '../../src/storage/corrupt-file.ts';
import { FakeDisk } from '../fakes/fake-disk.ts';
import { noPause, ShardHarness, shardDirectory, smallConfig, turn } from './shard-harness.ts';
import { upsertOf } from './shard-model.ts';

const scroll = {
  kind: 'scroll',
  filter: null,
  from: null,
  limit: 1e6,
  parts: { payload: false, vectors: false },
} as const;

function points(from: number, to: number) {
  return Array.from({ length: to - from }, (_, at) => {
    const id: PointId = from + at;
    const payload = { n: id % 7, tag: 'a', text: 'x'.repeat(40) };
    return [id, { payload, vectors: new Map([['', [id, 1, 2, 3]]]) }] as const;
  });
}

async function open(disk: FakeDisk, optimizer: Parameters<typeof smallConfig>[0] = {}) {
  const dawdle = () => turn();
  return ShardHarness.open(disk, { seed: 1, config: smallConfig(optimizer), dawdle });
}

const off = { indexing_threshold: 0 };

test('enough data turns yellow, gets a graph and turns green', async () => {
  const { shard, update } = bound(await open(new FakeDisk()));
  assert.equal(shard.info().status, 'green');
  assert.equal(shard.info().operationId, 0);
  await update(upsertOf(points(0, 200)));
  assert.equal(shard.info().status, 'yellow');
  await shard.settled();
  const info = shard.info();
  assert.equal(info.status, 'green');
  assert.equal(info.pointCount, 200);
  assert.equal(info.indexedVectorCount, 200);
  assert.equal(info.finishedOptimizations[0]?.optimizer, 'indexing');
  assert.equal(info.finishedOptimizations[0]?.status, 'done');
  assert.equal(info.operationId, 1);
});

test('without a threshold nothing is ever indexed, and with one set later everything is', async () => {
  const { shard, update } = bound(await open(new FakeDisk(), off));
  await update(upsertOf(points(0, 200)));
  await shard.settled();
  assert.equal(shard.info().status, 'green');
  assert.equal(shard.info().indexedVectorCount, 0);
  shard.updateConfig(smallConfig());
  assert.equal(shard.info().status, 'yellow');
  await shard.settled();
  assert.equal(shard.info().status, 'green');
  assert.equal(shard.info().indexedVectorCount, 200);
});

test('pending work is grey after a restart until an update or new settings come', async () => {
  for (const trigger of ['update', 'settings']) {
    const disk = new FakeDisk();
    const before = await open(disk, off);
    await before.update(upsertOf(points(0, 200)));
    await before.shard.close();
    const { shard, update } = bound(await open(disk));
    await shard.settled();
    assert.equal(shard.info().status, 'grey');
    assert.equal(shard.info().indexedVectorCount, 0);
    if (trigger === 'update') await update(upsertOf(points(0, 1)));
    else shard.updateConfig(smallConfig());
    await shard.settled();
    assert.equal(shard.info().status, 'green');
    assert.ok(shard.info().indexedVectorCount >= 199);
  }
});

test('zero optimization threads stop optimizations, not the log from being cut', async () => {
  const disk = new FakeDisk();
  const { shard, update } = bound(await open(disk, { max_optimization_threads: 0 }));
  for (let round = 0; round < 40; round += 1) await update(upsertOf(points(0, 100)));
  await shard.settled();
  const info = shard.info();
  assert.equal(info.status, 'yellow');
  assert.equal(info.indexedVectorCount, 0);
  assert.deepEqual(info.finishedOptimizations, []);
  assert.ok(info.segments.length > 1, 'nothing was written to segments');
  const logBytes = disk
    .list(`${shardDirectory}/wal`)
    .filter(({ name }) => name.startsWith('wal-'))
    .reduce((sum, { name }) => sum + disk.bytesOf(`${shardDirectory}/wal/${name}`).length, 0);
  assert.ok(logBytes < 4 * 8192, `the log has ${logBytes} bytes`);
  shard.updateConfig(smallConfig());
  await shard.settled();
  assert.equal(shard.info().status, 'green');
});

test('the number of segments begins with the configured one and grows', async () => {
  const config = { indexing_threshold: 0, max_segment_size: 1, default_segment_number: 2 };
  const { shard, update } = bound(await open(new FakeDisk(), config));
  assert.equal(shard.info().segmentCount, 2);
  await update({
    kind: 'create_index',
    field: 'n',
    schema: { dataType: 'integer', params: null },
  });
  await update(upsertOf(points(0, 100)));
  await shard.settled();
  assert.ok(shard.info().segmentCount > 2);
  assert.deepEqual([...shard.info().indexedPointCounts], [['n', 100]]);
});

test('index counts follow points through updates, deletions and rebuilds', async () => {
  const { shard, update } = bound(await open(new FakeDisk()));
  await update(upsertOf(points(0, 200)));
  await shard.settled();
  const schema = { dataType: 'integer', params: null } as const;
  await update({ kind: 'create_index', field: 'n', schema });
  const count = () => shard.info().indexedPointCounts.get('n');
  assert.equal(count(), 200);
  await update({ kind: 'delete_points', selector: { ids: [1, 2, 3], filter: null } });
  assert.equal(count(), 197);
  await update({ kind: 'clear_payload', selector: { ids: [4], filter: null } });
  assert.equal(count(), 196);
  shard.updateConfig(smallConfig({ deleted_threshold: 0.01 }));
  await shard.settled();
  assert.equal(count(), 196);
  assert.equal(shard.info().pointCount, 197);
  await update({ kind: 'delete_index', field: 'n' });
  assert.equal(shard.info().indexedPointCounts.size, 0);
});

test('a mistake is answered and what came before it stays', async () => {
  const { shard, update } = bound(await open(new FakeDisk()));
  await update(upsertOf(points(0, 3)));
  const payload = new Uint8Array(Buffer.from('{"x":1}'));
  const missing = await update({
    kind: 'set_payload',
    selector: { ids: [1, 77, 78], filter: null },
    payload,
    key: null,
  });
  const operationId = 2;
  const notFound = { code: 'not_found', message: 'No point with id 77 found' };
  assert.deepEqual(missing, { status: 'failed', operationId, ...notFound });
  const wrong = upsertOf(points(9, 10));
  assert.ok(wrong.kind === 'upsert');
  const columnOf = (name: string, dimension: number) => ({
    ...wrong,
    points: {
      ...wrong.points,
      vectors: [{ name, dimension, rows: Int32Array.of(0), data: new Float32Array(dimension) }],
    },
  });
  assert.deepEqual(await update(columnOf('', 3)), {
    status: 'failed',
    operationId: 3,
    code: 'wrong_input',
    message: 'Vector dimension error: expected dim: 4, got 3',
  });
  assert.deepEqual(await update(columnOf('nope', 4)), {
    status: 'failed',
    operationId: 4,
    code: 'wrong_input',
    message: 'Not existing vector name error: nope',
  });
  const answer = await shard.readAll(
    { kind: 'retrieve', ids: [1], parts: { payload: true, vectors: false } },
    noPause,
  );
  assert.ok(answer.kind === 'retrieve');
  const text = Buffer.from(answer.records[0]?.payload ?? []).toString();
  assert.equal((JSON.parse(text) as { x: number }).x, 1);
});

test('a full disk refuses updates by name, answers reads, and takes updates again', async () => {
  const disk = new FakeDisk();
  const harness = await open(disk, off);
  const { shard, update } = bound(harness);
  await update(upsertOf(points(0, 50)));
  harness.timers.advance(3_000);
  const used = 1e12 - disk.freeBytes(shardDirectory);
  disk.capacityBytes = used + 9000;
  assert.deepEqual(await update(upsertOf(points(50, 60))), {
    status: 'failed',
    operationId: null,
    code: 'internal',
    message: 'No space left on device: WAL buffer size exceeds available disk space',
  });
  const answer = await shard.readAll(scroll, noPause);
  assert.ok(answer.kind === 'scroll');
  assert.equal(answer.records.length, 50);
  disk.capacityBytes = 1e12;
  assert.equal((await update(upsertOf(points(50, 60)))).status, 'completed');
});

test('an error of the disk in the middle of an append is told and leaves no trace', async () => {
  const disk = new FakeDisk();
  const { shard, update } = bound(await open(disk, off));
  await update(upsertOf(points(0, 5)));
  disk.failAt(1, 'no_space', ['write']);
  const refused = await update(upsertOf(points(5, 10)));
  assert.ok(refused.status === 'failed');
  assert.match(refused.message, /^No space left on device/);
  assert.equal((await update(upsertOf(points(10, 15)))).status, 'completed');
  await shard.close();
  const again = await open(disk, off);
  assert.equal(again.shard.info().pointCount, 10);
});

test('a flush that fails turns red, loses nothing and is tried again', async () => {
  for (const failing of ['create', 'write', 'sync', 'rename', 'syncDir'] as const) {
    const disk = new FakeDisk();
    const harness = await open(disk, off);
    const { shard, update } = bound(harness);
    await update(upsertOf(points(0, 100)));
    assert.equal(shard.info().segments.length, 2, 'the log should be full by now');
    disk.failAt(1, 'no_space', [failing]);
    await shard.settled();
    assert.equal(shard.info().status, 'red', failing);
    assert.match(shard.info().optimizerError ?? '', /No space left on device/);
    assert.equal((await update(upsertOf(points(100, 120)))).status, 'completed');
    harness.timers.advance(6_000);
    await shard.settled();
    assert.equal(shard.info().status, 'green', failing);
    await shard.close();
    const again = await open(disk, off);
    assert.equal(again.shard.info().pointCount, 120, failing);
    await again.shard.close();
  }
});

test('too little space for an optimization turns red with the figures, and recovers', async () => {
  const disk = new FakeDisk();
  const { shard, update } = bound(await open(disk, off));
  for (let round = 0; round < 10; round += 1) await update(upsertOf(points(0, 100)));
  await shard.settled();
  const free = disk.freeBytes(shardDirectory);
  disk.capacityBytes = 1e12 - free + 20_000;
  shard.updateConfig(smallConfig());
  await shard.settled();
  assert.equal(shard.info().status, 'red');
  const wanted = /^Not enough space available for optimization, needed: \d+, available: \d+$/;
  assert.match(shard.info().optimizerError ?? '', wanted);
  disk.capacityBytes = 1e12;
  shard.updateConfig(smallConfig());
  await shard.settled();
  assert.equal(shard.info().status, 'green');
  assert.equal(shard.info().optimizerError, null);
});

test('an optimization that is cancelled by closing leaves nothing behind', async () => {
  const disk = new FakeDisk();
  const { shard, update } = bound(await open(disk));
  await update(upsertOf(points(0, 200)));
  while (shard.info().runningOptimizations.length === 0) await turn();
  await shard.close();
  const names = disk.list(`${shardDirectory}/segments`).map(({ name }) => name);
  assert.equal(names.length, 1, `segments ${names.join(' ')}`);
  const again = await open(disk);
  assert.equal(again.shard.info().pointCount, 200);
  assert.equal(again.shard.info().status, 'grey');
});

test('who waits too long is told so, and the update comes all the same', async () => {
  const harness = await open(new FakeDisk(), off);
  const { shard } = harness;
  const waiting = harness.update(upsertOf(points(0, 150)), true, 50);
  harness.timers.advance(60);
  assert.deepEqual(await waiting, { status: 'wait_timeout', operationId: 1 });
  while (shard.info().operationId < 1) await turn();
  assert.equal(shard.info().pointCount, 150);
});

test('callers wait while the queue is full, and all are served in order', async () => {
  const disk = new FakeDisk();
  const config = smallConfig(off);
  const harness = await ShardHarness.open(disk, { seed: 1, config, queueCountMax: 2 });
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, round) => {
      const point = { payload: { round }, vectors: new Map() };
      return harness.update(upsertOf([[1, point]]), round % 2 === 0);
    }),
  );
  assert.deepEqual(
    outcomes.map((outcome) => outcome.operationId),
    Array.from({ length: 20 }, (_, at) => at + 1),
  );
  await harness.shard.close();
  const late = await harness.update(upsertOf(points(0, 1)));
  assert.deepEqual(late, {
    status: 'failed',
    operationId: null,
    code: 'unavailable',
    message: 'the shard is closed',
  });
});

test('an index that the collection agreed on and the log does not know is made at opening', async () => {
  const disk = new FakeDisk();
  const before = await open(disk, off);
  await before.update(upsertOf(points(0, 20)));
  await before.shard.close();
  const schema = new Map([['tag', { dataType: 'keyword', params: null } as const]]);
  const options = { seed: 2, config: smallConfig(off), schema };
  const { shard } = await ShardHarness.open(disk, options);
  await shard.settled();
  while (shard.info().indexedPointCounts.get('tag') !== 20) await turn();
  assert.equal(shard.info().status, 'green');
});

test('damage is named: a segment file, a missing segment, a missing log', async () => {
  const build = async () => {
    const disk = new FakeDisk();
    const { shard, update } = bound(await open(disk));
    await update(upsertOf(points(0, 200)));
    await shard.settled();
    await shard.close();
    const [segment] = disk.list(`${shardDirectory}/segments`);
    return { disk, directory: `${shardDirectory}/segments/${segment?.name}` };
  };
  const flipped = await build();
  const column = `${flipped.directory}/versions.column`;
  flipped.disk.flip(column, flipped.disk.bytesOf(column).length - 9);
  await assert.rejects(open(flipped.disk), (error) => {
    return error instanceof CorruptFileError && error.message.includes('versions.column');
  });
  const missing = await build();
  await missing.disk.removeTree(missing.directory);
  await assert.rejects(open(missing.disk), /Failed to read segment state/);
  const noLog = await build();
  await noLog.disk.removeTree(`${shardDirectory}/wal`);
  await assert.rejects(open(noLog.disk), /no log here/);
});

function bound(harness: ShardHarness) {
  return {
    shard: harness.shard,
    update: (operation: Parameters<ShardHarness['update']>[0]) => harness.update(operation),
  };
}
