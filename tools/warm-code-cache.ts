// Fills the cache of compiled code that ./octant uses, by loading what its threads load. Runs after
// `npm ci`, so that the first start is as fast and as small as every later one. The cache is only a
// help: where it cannot be written, starts are slower and nothing else changes.
// V8 keeps caches apart by its flags, so this runs with those of ./octant.

import { execFileSync } from 'node:child_process';
import { flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);

// The main thread's code, entry included.
execFileSync(fileURLToPath(new URL('octant', root)), ['--version'], { stdio: 'ignore' });

// The entries of the other threads refuse to run here, after all they need was loaded.
for (const entry of ['worker', 'builder']) {
  try {
    await import(new URL(`src/bin/${entry}.ts`, root).href);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'InvariantError') throw error;
  }
}
flushCompileCache();
