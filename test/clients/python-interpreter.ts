// Finds the Python that the tests of the Python client run in: OCTANT_PYTHON, else the environment
// that `npm run demo` has made. Runs a script in it with its output shown.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..', '..');
const demoPython = path.join(root, '.demo', 'venv', 'bin', 'python');

/** An interpreter that has the modules, or the reason why there is none. */
export function pythonWith(
  modules: readonly string[],
): { readonly python: string } | { readonly missing: string } {
  const python = process.env['OCTANT_PYTHON'] ?? (existsSync(demoPython) ? demoPython : undefined);
  const wanted = modules.join(', ');
  if (python === undefined) {
    return missing(`set OCTANT_PYTHON to a Python that has ${wanted}, or run npm run demo`);
  }
  const found = spawnSync(python, ['-c', `import ${wanted}`], { encoding: 'utf8' });
  if (found.error !== undefined) return missing(`${python}: ${found.error.message}`);
  if (found.status === 0) return { python };
  return missing(`${python} lacks one of ${wanted}: ${found.stderr.trim().split('\n').at(-1)}`);
}

/** Runs the script to its end; its exit code. */
export async function runPython(
  python: string,
  script: string,
  args: readonly string[],
): Promise<number | null> {
  const file = path.join(import.meta.dirname, 'python', script);
  const child = spawn(python, [file, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}

/** A test that is not run must not go unnoticed. */
function missing(reason: string): { readonly missing: string } {
  process.stderr.write(`\n*** PYTHON TESTS SKIPPED: ${reason} ***\n\n`);
  return { missing: reason };
}
