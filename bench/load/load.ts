// Starts the sending process and hands it runs, one at a time.

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadResult, LoadRun } from './load-run.ts';
import { writeRequests } from './wire.ts';

export class Load {
  readonly #child: ChildProcess;
  readonly #directory = mkdtempSync(join(tmpdir(), 'octant-load-'));
  #fileCount = 0;

  constructor() {
    this.#child = fork(new URL('./generator.ts', import.meta.url), { execArgv: [] });
  }

  /** Puts requests where the sending process finds them. */
  prepare(requests: readonly Buffer[]): string {
    this.#fileCount += 1;
    const path = join(this.#directory, `requests-${this.#fileCount}`);
    writeRequests(path, requests);
    return path;
  }

  /** Rejects when any answer was not 200: a figure of failures is worth nothing. */
  async run(run: LoadRun): Promise<LoadResult> {
    const answer = new Promise<LoadResult>((resolve, reject) => {
      this.#child.once('message', (message) => resolve(message as LoadResult));
      this.#child.once('exit', () => reject(new Error('the sending process ended')));
    });
    this.#child.send(run);
    const result = await answer;
    this.#child.removeAllListeners('exit');
    if (result.failureCount === 0) return result;
    throw new Error(`${result.failureCount} failures, the first: ${result.failureText}`);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => {
      this.#child.once('exit', resolve);
    });
    this.#child.kill();
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
