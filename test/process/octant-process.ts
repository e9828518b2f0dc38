// A real Octant process for tests: started from the launcher, in its own directory, on a free port;
// killed by its process id. Waiting is for a condition with a bound, never for a time.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const launcher = new URL('../../octant', import.meta.url).pathname;
const readyMsMax = 60_000;
const pollMs = 20;

export interface OctantOptions {
  /** Kept between restarts; a temporary one is made, and removed by `dispose`, when absent. */
  readonly directory?: string;
  /** `QDRANT__…` variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class OctantProcess {
  readonly directory: string;
  readonly port: number;
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #output: string[] = [];

  private constructor(directory: string, port: number, options: OctantOptions) {
    this.directory = directory;
    this.port = port;
    this.#environment = options.environment ?? {};
  }

  static async create(options: OctantOptions = {}): Promise<OctantProcess> {
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'octant-test-'));
    return new OctantProcess(directory, await freePort(), options);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** What the process has printed since its last start. */
  get output(): string {
    return this.#output.join('');
  }

  /** Resolves when `/readyz` answers 200; rejects with the output when the process ends first. */
  async start(): Promise<void> {
    this.#output = [];
    const child = spawn(launcher, [], {
      cwd: this.directory,
      env: {
        ...process.env,
        QDRANT__SERVICE__HTTP_PORT: String(this.port),
        QDRANT__SERVICE__HOST: '127.0.0.1',
        QDRANT__LOG_LEVEL: 'warn',
        ...this.#environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout?.on('data', (text: Buffer) => this.#output.push(text.toString()));
    child.stderr?.on('data', (text: Buffer) => this.#output.push(text.toString()));
    await this.#ready(child);
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    return await this.#end('SIGTERM');
  }

  /** Kills what still runs and removes the directory. */
  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return await ended;
  }

  async #ready(child: ChildProcess): Promise<void> {
    const deadlineMs = Date.now() + readyMsMax;
    while (Date.now() < deadlineMs) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      const status = await fetch(`${this.url}/readyz`).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status;
        },
        () => 0,
      );
      if (status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    throw new Error(`the process is not ready; it printed:\n${this.output}`);
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
