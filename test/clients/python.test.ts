// The quick start of the official Python client against a real ./octant process: the tests are in
// python/quick_start.py.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OctantProcess } from '../process/octant-process.ts';
import { pythonWith, runPython } from './python-interpreter.ts';

test('the quick start of the Python client', async (context) => {
  const found = pythonWith(['qdrant_client', 'numpy']);
  if ('missing' in found) return context.skip(found.missing);
  const octant = await OctantProcess.create();
  try {
    await octant.start();
    assert.equal(await runPython(found.python, 'quick_start.py', [octant.url]), 0);
    assert.equal(await octant.stop(), 0);
  } finally {
    await octant.dispose();
  }
});
