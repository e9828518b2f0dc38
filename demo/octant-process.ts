// One Octant started as a user would start it: ./octant, a free port, settings by environment.
// Whoever starts it owns it: `stop` asks for a clean end, `kill` is the power failing.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname, '..');
const startMsMax = 60_000;
const stopMsMax = 30_000;
const outputCharsMax = 20_000;

export interface OctantOptions {
  /** Where it runs and keeps its storage; made if missing. */
  readonly folder: string;
  /** Absent: any free one. */
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface OctantProcess {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** The end of what it printed. */
  readonly output: () => string;
  /** SIGTERM, then waits. Throws if it ends with another code than 0. */
  readonly stop: () => Promise<void>;
  /** SIGKILL, then waits. */
  readonly kill: () => Promise<void>;
}

/** Starts ./octant and waits until it says that it is ready. */
export async function startOctant(options: OctantOptions): Promise<OctantProcess> {
  const port = options.port ?? (await freePort());
  const grpcPort = await freePort();
  mkdirSync(options.folder, { recursive: true });
  const child = spawn(path.join(root, 'octant'), [], {
    cwd: options.folder,
    env: {
      ...process.env,
      QDRANT__SERVICE__HOST: '127.0.0.1',
      QDRANT__SERVICE__HTTP_PORT: String(port),
      QDRANT__SERVICE__GRPC_PORT: String(grpcPort),
      QDRANT__STORAGE__STORAGE_PATH: path.join(options.folder, 'storage'),
      QDRANT__STORAGE__SNAPSHOTS_PATH: path.join(options.folder, 'snapshots'),
      QDRANT_INIT_FILE_PATH: path.join(options.folder, '.qdrant-initialized'),
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (text: string): void => {
    output = (output + text).slice(-outputCharsMax);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', (error) => {
      keep(String(error));
      resolve();
    });
  });
  const started: OctantProcess = {
    port,
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    output: () => output,
    stop: () => stop(child, ended, () => output),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
  await waitUntilReady(child, started);
  return started;
}

async function waitUntilReady(child: ChildProcess, octant: OctantProcess): Promise<void> {
  const deadlineMs = performance.now() + startMsMax;
  while (performance.now() < deadlineMs) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      throw new Error(`octant ended while starting:\n${octant.output()}`);
    }
    if (await isReady(octant.url)) return;
    await wait(25);
  }
  await octant.kill();
  throw new Error(`octant was not ready after ${startMsMax} ms:\n${octant.output()}`);
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await response.text();
    return response.ok;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

async function stop(
  child: ChildProcess,
  ended: Promise<void>,
  output: () => string,
): Promise<void> {
  child.kill('SIGTERM');
  const late = wait(stopMsMax, 'late', { ref: false });
  if ((await Promise.race([ended, late])) === 'late') {
    child.kill('SIGKILL');
    await ended;
    throw new Error(`octant did not stop within ${stopMsMax} ms:\n${output()}`);
  }
  if (child.exitCode !== 0) {
    throw new Error(`octant ended with ${child.exitCode ?? child.signalCode}:\n${output()}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
