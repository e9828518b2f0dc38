// Random operations against the reference's engine, with crashes in between: python/oracle.py. A
// failure prints the seed; OCTANT_SEED repeats it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonWith, runPython } from './python-interpreter.ts';

test('the same answers as the reference to random operations', async (context) => {
  const found = pythonWith(['qdrant_edge', 'qdrant_client']);
  if ('missing' in found) return context.skip(found.missing);
  const seed = process.env['OCTANT_SEED'];
  const args = seed === undefined ? [] : ['--seed', seed];
  assert.equal(await runPython(found.python, 'oracle.py', args), 0);
});
