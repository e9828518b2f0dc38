// A stopped node whose files were changed by somebody else: what is damaged is named and never
// silently left out, what is only left over does not matter.

import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { OctantProcess } from './octant-process.ts';
import { RestClient } from './rest.ts';

const pointCount = 600;
const dimension = 32;
let original: OctantProcess;

interface Info {
  readonly status: string;
  readonly points_count: number;
  readonly indexed_vectors_count: number;
}

function vectorOf(id: number): number[] {
  return Array.from({ length: dimension }, (_, index) => ((id * 31 + index * 17) % 101) - 50);
}

/** Points 1…count, a third of them with a graph by now, some deleted, one index. */
async function fill(client: RestClient, name: string): Promise<void> {
  const path = `/collections/${name}`;
  await client.result('PUT', path, {
    vectors: { size: dimension, distance: 'Dot' },
    optimizers_config: { indexing_threshold: 20 },
  });
  await client.result('PUT', `${path}/index?wait=true`, {
    field_name: 'n',
    field_schema: 'integer',
  });
  for (let first = 1; first <= pointCount; first += 200) {
    const points = Array.from({ length: 200 }, (_, index) => {
      const id = first + index;
      return { id, vector: vectorOf(id), payload: { n: id % 10, text: `text of point ${id}` } };
    });
    await client.result('PUT', `${path}/points?wait=true`, { points });
  }
  for (let tries = 0; tries < 1000; tries += 1) {
    const info = await client.result<Info>('GET', path);
    if (info.status === 'green' && info.indexed_vectors_count > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await client.result('POST', `${path}/points/delete?wait=true`, { points: [3, 6, 9] });
}

async function untilStatus(client: RestClient, path: string, wanted: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const { status } = await client.result<Info>('GET', path);
    if (status === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`${path} did not become ${wanted}`);
}

before(async () => {
  original = await OctantProcess.create();
  await original.start();
  const client = new RestClient(original.port);
  await fill(client, 'victim');
  await fill(client, 'bystander');
  client.close();
  assert.equal(await original.stop(), 0);
});

const copies: OctantProcess[] = [];

after(() => original.dispose());
afterEach(async () => {
  for (const copy of copies.splice(0)) await copy.dispose();
});

/** A copy of the original's files to be damaged. */
async function copied(environment: Readonly<Record<string, string>> = {}): Promise<OctantProcess> {
  const copy = await OctantProcess.create({ environment });
  copies.push(copy);
  await cp(original.directory, copy.directory, { recursive: true });
  return copy;
}

async function expectWhole(
  client: RestClient,
  name: string,
  count = pointCount - 3,
): Promise<void> {
  const path = `/collections/${name}/points`;
  const { points } = await client.result<{ points: { id: number; vector: number[] }[] }>(
    'POST',
    `${path}/scroll`,
    { limit: 10_000, with_vector: true },
  );
  assert.equal(points.length, count);
  for (const { id, vector } of points) assert.deepEqual(vector, vectorOf(id));
  const nearest = await client.result<unknown[]>('POST', `${path}/search`, {
    vector: vectorOf(5),
    limit: 3,
  });
  assert.equal(nearest.length, 3);
}

function shardPath(copy: OctantProcess): string {
  return join(copy.directory, 'storage/collections/victim/0');
}

function segmentPaths(copy: OctantProcess): string[] {
  const segments = join(shardPath(copy), 'segments');
  return readdirSync(segments).map((name) => join(segments, name));
}

/** Every file of every segment of the victim. */
function segmentFiles(copy: OctantProcess): string[] {
  return segmentPaths(copy).flatMap((path) => readdirSync(path).map((name) => join(path, name)));
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 0x40;
  writeFileSync(path, bytes);
}

/** Read when it is asked for; everything else is read, and checked, at the start. */
const onDemand = 'payload.column';

test('one flipped byte in any segment file: the start is refused and the file named', async (t) => {
  const files = segmentFiles(original).filter((file) => !file.endsWith(`/${onDemand}`));
  assert.ok(files.length >= 8, files.join());
  for (const file of files) {
    const copy = await copied();
    const damaged = file.replace(original.directory, copy.directory);
    const size = readFileSync(damaged).length;
    flip(damaged, Math.floor(size / 2));
    const name = damaged.split('/').at(-1) ?? '';
    const ended = await copy.runToEnd();
    assert.equal(ended.code, 1, `${name} of ${size} bytes: ${ended.output}`);
    assert.ok(ended.output.includes(name), `${name} is not named:\n${ended.output}`);
    assert.ok(ended.output.includes('victim'), ended.output);
  }
  t.diagnostic(`${files.length} files`);
});

test('first and last byte, a cut, garbage at the end, a missing file', async () => {
  const harms: readonly (readonly [string, (path: string) => void])[] = [
    ['first byte', (path) => flip(path, 0)],
    ['last byte', (path) => flip(path, -1)],
    ['cut', (path) => truncateSync(path, readFileSync(path).length - 5)],
    ['garbage', (path) => appendFileSync(path, 'garbage')],
    ['missing', (path) => rmSync(path)],
    ['empty', (path) => truncateSync(path, 0)],
  ];
  for (const wanted of ['segment.json', 'versions.column', 'vector-0-rows.column', onDemand]) {
    const file =
      segmentFiles(original).find((path) => path.endsWith(`/${wanted}`)) ?? assert.fail();
    for (const [harm, apply] of harms) {
      if (wanted === onDemand && harm === 'last byte') continue;
      const copy = await copied();
      apply(file.replace(original.directory, copy.directory));
      const ended = await copy.runToEnd();
      assert.equal(ended.code, 1, `${harm} of ${wanted}: ${ended.output}`);
      assert.ok(ended.output.includes(wanted), `${harm} of ${wanted}: ${ended.output}`);
    }
  }
});

test('a flipped byte in what is read on demand: who asks for it is told, nobody else', async () => {
  const copy = await copied();
  for (const file of segmentFiles(copy)) {
    if (file.endsWith(`/${onDemand}`)) flip(file, Math.floor(readFileSync(file).length / 2));
  }
  await copy.start();
  const client = new RestClient(copy.port);
  const path = '/collections/victim/points';
  const unindexed = { must: [{ key: 'text', match: { value: 'text of point 5' } }] };
  for (let round = 0; round < 10; round += 1) {
    for (const [call, body] of [
      ['scroll', { limit: 1000 }],
      ['scroll', { limit: 1000, filter: unindexed }],
      ['count', { filter: unindexed }],
      ['search', { vector: vectorOf(5), limit: 600, with_payload: true }],
      ['search', { vector: vectorOf(5), limit: 5, filter: unindexed }],
    ] as const) {
      const answer = await client.call('POST', `${path}/${call}`, body);
      assert.equal(answer.status, 500, `${call}: ${answer.text.slice(0, 200)}`);
      assert.match(answer.text, /payload\.column/, call);
    }
    await client.result('POST', `${path}/search`, { vector: vectorOf(5), limit: 600 });
    await expectWhole(client, 'bystander');
  }
  const change = { payload: { a: 1 }, filter: unindexed };
  const changed = await client.call('POST', `${path}/payload?wait=true`, change);
  assert.equal(changed.status, 500, changed.text);
  assert.match(changed.text, /payload\.column/);
  assert.equal((await client.result<Info>('GET', '/collections/victim')).status, 'red');
  assert.doesNotMatch(copy.output, /crashed|because of a bug/);
  client.close();
  assert.equal(await copy.stop(), 0);
});

test('a flipped byte in vectors that stay on disk is found without being asked for', async () => {
  const copy = await copied();
  await copy.start();
  const client = new RestClient(copy.port);
  const path = '/collections/victim';
  await client.result('PATCH', path, { vectors: { '': { on_disk: true } } });
  await untilStatus(client, path, 'green');
  assert.equal(await copy.stop(), 0);
  for (const file of segmentFiles(copy)) {
    if (file.endsWith('-rows.column')) flip(file, Math.floor(readFileSync(file).length / 2));
  }
  await copy.start();
  await untilStatus(client, path, 'red');
  assert.match(copy.output, /rows\.column.*checksum mismatch|checksum mismatch.*rows\.column/);
  await expectWhole(client, 'bystander');
  client.close();
  assert.equal(await copy.stop(), 0);
});

test('with handle_collection_load_errors the rest of the node works', async () => {
  const copy = await copied({ QDRANT__STORAGE__HANDLE_COLLECTION_LOAD_ERRORS: 'true' });
  const file = segmentFiles(copy).find((path) => path.endsWith('/segment.json')) ?? assert.fail();
  appendFileSync(file, 'garbage');
  await copy.start();
  const client = new RestClient(copy.port);
  await expectWhole(client, 'bystander');
  const broken = '/collections/victim';
  const vector = vectorOf(1);
  for (let round = 0; round < 2; round += 1) {
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['GET', '/points/1', undefined],
      ['POST', '/points', { ids: [1] }],
      ['POST', '/points/scroll', {}],
      ['POST', '/points/count', {}],
      ['POST', '/points/search', { vector, limit: 1 }],
      ['POST', '/points/search/batch', { searches: [{ vector, limit: 1 }] }],
      ['POST', '/points/query', { query: vector }],
      ['PUT', '/points?wait=true', { points: [{ id: 1, vector }] }],
      ['PUT', '/points?wait=false', { points: [{ id: 1, vector }] }],
      ['POST', '/points/delete?wait=true', { points: [1] }],
      ['POST', '/points/payload?wait=true', { payload: { a: 1 }, points: [1] }],
    ] as const) {
      const answer = await client.call(method, `${broken}${path}`, body);
      assert.equal(answer.status, 500, `${method} ${path}: ${answer.text}`);
      assert.match(answer.text, /Service internal error: .*segment\.json/, `${method} ${path}`);
    }
  }
  const index = { field_name: 'other', field_schema: 'keyword' };
  assert.equal((await client.call('PUT', `${broken}/index?wait=true`, index)).status, 200);
  assert.equal((await client.call('DELETE', `${broken}/index/other?wait=true`)).status, 200);
  assert.equal(
    (await client.call('PATCH', broken, { optimizers_config: { indexing_threshold: 9 } })).status,
    200,
  );
  assert.equal((await client.call('GET', `${broken}/exists`)).status, 200);
  for (const path of ['/collections', '/telemetry?details_level=10', '/metrics', '/readyz']) {
    assert.equal((await client.call('GET', path)).status, 200, path);
  }
  assert.equal((await client.call('DELETE', broken)).status, 200);
  assert.equal((await client.call('GET', broken)).status, 404);
  await client.result('PUT', broken, { vectors: { size: 2, distance: 'Dot' } });
  await client.result('PUT', `${broken}/points?wait=true`, { points: [{ id: 1, vector: [1, 2] }] });
  client.close();
  assert.equal(await copy.stop(), 0);
  await copy.start();
  const again = new RestClient(copy.port);
  await expectWhole(again, 'bystander');
  assert.equal((await again.call('GET', `${broken}/points/1`)).status, 200);
  again.close();
});

test('the end of the log cut or flipped: everything before it is there', async () => {
  const wal = readdirSync(join(shardPath(original), 'wal')).filter((name) => name.endsWith('.log'));
  const last = join('wal', wal.at(-1) ?? assert.fail());
  const size = readFileSync(join(shardPath(original), last)).length;
  // The last record is the deletion; without it 600 points are there, of which none is half.
  for (const harm of [-1, -5, -20]) {
    for (const kind of ['cut', 'flip', 'zeros'] as const) {
      const copy = await copied();
      const path = join(shardPath(copy), last);
      if (kind === 'cut') truncateSync(path, size + harm);
      if (kind === 'flip') flip(path, harm);
      if (kind === 'zeros') appendFileSync(path, new Uint8Array(-harm * 100));
      await copy.start();
      const client = new RestClient(copy.port);
      await expectWhole(client, 'victim', kind === 'zeros' ? pointCount - 3 : pointCount);
      await client.result('PUT', '/collections/victim/points?wait=true', {
        points: [{ id: 1, vector: vectorOf(1) }],
      });
      client.close();
      await copy.kill();
      await copy.start();
    }
  }
});

test('leftovers do not matter', async () => {
  const copy = await copied();
  const storage = join(copy.directory, 'storage');
  const segments = join(shardPath(copy), 'segments');
  mkdirSync(join(segments, '.hidden'));
  writeFileSync(join(segments, '.DS_Store'), 'x');
  writeFileSync(join(segments, 'stray'), 'x');
  mkdirSync(join(segments, '11111111-2222-3333-4444-555555555555'));
  writeFileSync(
    join(segments, '11111111-2222-3333-4444-555555555555/vector-0-rows.column'),
    'half',
  );
  mkdirSync(join(shardPath(copy), 'temp_segments/half'), { recursive: true });
  writeFileSync(join(shardPath(copy), 'wal/wal-00000000000000000001.log.tmp'), 'x');
  writeFileSync(join(shardPath(copy), 'wal/acked'), 'unreadable');
  writeFileSync(join(shardPath(copy), 'manifest.tmp'), 'half');
  writeFileSync(join(storage, 'collections/victim/config.json.tmp'), '{');
  writeFileSync(join(storage, 'collections/.DS_Store'), 'x');
  mkdirSync(join(storage, 'collections/no-config/0/wal'), { recursive: true });
  mkdirSync(join(storage, 'collections/.hidden'));
  mkdirSync(join(storage, 'tmp/upload'), { recursive: true });
  writeFileSync(join(storage, 'tmp/upload/half'), 'x');
  mkdirSync(join(storage, '.deleted/old/0'), { recursive: true });
  writeFileSync(join(storage, '.deleted/old/0/x'), 'x');
  await copy.start();
  const client = new RestClient(copy.port);
  await expectWhole(client, 'victim');
  await expectWhole(client, 'bystander');
  const { collections } = await client.result<{ collections: { name: string }[] }>(
    'GET',
    '/collections',
  );
  assert.deepEqual(collections.map(({ name }) => name).sort(), ['bystander', 'victim']);
  assert.deepEqual(readdirSync(join(storage, 'tmp')), []);
  assert.deepEqual(readdirSync(join(storage, '.deleted')), []);
  assert.ok(!readdirSync(segments).includes('11111111-2222-3333-4444-555555555555'));
  // A name that a left-over directory has can be used.
  await client.result('PUT', '/collections/no-config', { vectors: { size: 2, distance: 'Dot' } });
  client.close();
});

test('damaged configuration of a collection: the start is refused and the file named', async () => {
  for (const content of ['', '{', '{}', '[]', '{"format":99}']) {
    const copy = await copied();
    writeFileSync(join(copy.directory, 'storage/collections/victim/config.json'), content);
    const ended = await copy.runToEnd();
    assert.equal(ended.code, 1, `${content}: ${ended.output}`);
    assert.match(ended.output, /victim\/config\.json/, `${content}: ${ended.output}`);
  }
  const copy = await copied();
  writeFileSync(join(copy.directory, 'storage/aliases/data.json'), '{"a":');
  const ended = await copy.runToEnd();
  assert.equal(ended.code, 1);
  assert.match(ended.output, /aliases\/data\.json/);
});

test('a missing log or manifest is damage, not a new shard', async () => {
  for (const name of ['wal', 'manifest', 'segments']) {
    const copy = await copied();
    rmSync(join(shardPath(copy), name), { recursive: true });
    const ended = await copy.runToEnd();
    assert.equal(ended.code, 1, `${name}: ${ended.output}`);
    assert.match(ended.output, /victim/, ended.output);
  }
});
