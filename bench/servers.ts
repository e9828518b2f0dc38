// The servers under measurement: Octant as its launcher starts it, and the empty handler.

import { type ChildProcess, spawn } from 'node:child_process';
import { freePort, OctantProcess } from '../test/process/octant-process.ts';

export interface OctantSetup {
  readonly workerCount?: number;
  /** Kept between starts. */
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export function createOctant(setup: OctantSetup = {}): Promise<OctantProcess> {
  const { workerCount, directory } = setup;
  return OctantProcess.create({
    ...(directory === undefined ? {} : { directory }),
    environment: {
      ...(workerCount === undefined ? {} : { QDRANT__SERVICE__MAX_WORKERS: String(workerCount) }),
      ...setup.environment,
    },
  });
}

export interface EmptyServer {
  readonly port: number;
  readonly pid: number;
  readonly stop: () => void;
}

export interface EmptySetup {
  readonly threadCount: number;
  readonly answerBytes: number;
  /** CPU that the handler burns before it answers. */
  readonly burnUs: number;
}

export async function startEmptyServer(setup: EmptySetup): Promise<EmptyServer> {
  const { threadCount, answerBytes, burnUs } = setup;
  const port = await freePort();
  const entry = new URL('./empty-server.ts', import.meta.url).pathname;
  const numbers = [port, threadCount, answerBytes, burnUs].map((value) => Math.round(value));
  const args = [entry, ...numbers.map(String)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await firstOutput(child);
  return { port, pid: child.pid ?? -1, stop: () => child.kill() };
}

function firstOutput(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the empty server ended with ${code}`)));
  });
}
