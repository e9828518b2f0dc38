// The quick start of the official Python client against a real ./octant process: the tests are in
// python/quick_start.py.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { startOctant } from '../../demo/octant-process.ts';
import { pythonWith, runPython } from './python-interpreter.ts';

test('the quick start of the Python client', async (context) => {
  const found = pythonWith(['qdrant_client', 'numpy']);
  if ('missing' in found) return context.skip(found.missing);
  const folder = mkdtempSync(path.join(tmpdir(), 'octant-python-'));
  const octant = await startOctant({ folder });
  try {
    assert.equal(await runPython(found.python, 'quick_start.py', [octant.url]), 0);
  } finally {
    await octant.stop();
    rmSync(folder, { recursive: true });
  }
});
