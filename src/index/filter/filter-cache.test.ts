import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompiledFilter } from './compiled-filter.ts';
import { FilterCache } from './filter-cache.ts';

const named = (key: string): CompiledFilter => ({ root: { kind: 'constant', value: true }, key });

test('what was used longest ago goes first', () => {
  const cache = new FilterCache({ bytesMax: 3 * (400 + 128 + 2) });
  for (const key of ['a', 'b', 'c']) cache.set(named(key), new Uint32Array(100));
  assert.notEqual(cache.get(named('a')), null);
  cache.set(named('d'), new Uint32Array(100));
  assert.equal(cache.get(named('b')), null);
  for (const key of ['a', 'c', 'd']) assert.notEqual(cache.get(named(key)), null, key);
  assert.equal(cache.bytes(), 3 * 530);
});

test('an entry is replaced, and one that is too large is not kept', () => {
  const cache = new FilterCache({ bytesMax: 1000 });
  cache.set(named('a'), new Uint32Array(10));
  cache.set(named('a'), new Uint32Array(20));
  assert.equal(cache.get(named('a'))?.length, 20);
  cache.set(named('a'), new Uint32Array(1000));
  assert.equal(cache.get(named('a')), null);
  assert.equal(cache.bytes(), 0);
});
