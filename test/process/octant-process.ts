// A real Octant process for tests, benchmarks and the demo: started from the launcher, in its own
// directory, on a free port; killed by its process id. Waiting is for a condition with a bound,
// never for a time.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const launcher = new URL('../../octant', import.meta.url).pathname;
const readyMsMax = 60_000;
const stopMsMax = 60_000;
const pollMs = 20;

export interface OctantOptions {
  /** Made if missing, kept between restarts; a temporary one when absent. `dispose` removes it. */
  readonly directory?: string;
  /** `QDRANT__…` variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Command that runs the launcher, e.g. `strace` with its arguments. */
  readonly wrapper?: readonly string[];
  /** A free one when absent. */
  readonly port?: number;
  /** Where it listens and is reached; 127.0.0.1 when absent. */
  readonly host?: string;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Everything that it printed, on either stream. */
  readonly output: string;
}

export class OctantProcess {
  readonly directory: string;
  readonly port: number;
  readonly host: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #wrapper: readonly string[];
  #child: ChildProcess | null = null;
  #output: string[] = [];

  private constructor(directory: string, port: number, options: OctantOptions) {
    this.directory = directory;
    this.port = port;
    this.host = options.host ?? '127.0.0.1';
    this.#environment = options.environment ?? {};
    this.#wrapper = options.wrapper ?? [];
  }

  static async create(options: OctantOptions = {}): Promise<OctantProcess> {
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'octant-test-'));
    mkdirSync(directory, { recursive: true });
    return new OctantProcess(directory, options.port ?? (await freePort()), options);
  }

  get url(): string {
    return `http://${this.host}:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** What the process has printed since its last start. */
  get output(): string {
    return this.#output.join('');
  }

  /** False from the moment the process is seen to have ended. */
  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when `/readyz` answers 200; rejects with the output when the process ends first. */
  async start(...programArguments: readonly string[]): Promise<void> {
    try {
      await this.#ready(this.#spawn(programArguments));
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Starts the process and waits until it ends by itself; one that becomes ready is a failure. */
  async runToEnd(...programArguments: readonly string[]): Promise<Ended> {
    const child = this.#spawn(programArguments);
    const closed = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('close', (...ending) => resolve(ending));
    });
    const started = await this.#ready(child).then(
      () => true,
      () => false,
    );
    if (started) {
      await this.kill();
      throw new Error(`the process started where it should have ended:\n${this.output}`);
    }
    child.kill('SIGKILL');
    const [code, signal] = await closed;
    return { code, signal, output: this.output };
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGSTOP: it lives, and does nothing until `proceed`. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  proceed(): void {
    this.#child?.kill('SIGCONT');
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    return await this.#end('SIGTERM');
  }

  /** SIGINT; resolves with the exit code. */
  async interrupt(): Promise<number | null> {
    return await this.#end('SIGINT');
  }

  /** Kills what still runs and removes the directory. */
  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #spawn(programArguments: readonly string[]): ChildProcess {
    this.#output = [];
    const [command, ...parts] = [...this.#wrapper, launcher, ...programArguments];
    const child = spawn(command ?? launcher, parts, {
      cwd: this.directory,
      env: {
        ...process.env,
        QDRANT__SERVICE__HTTP_PORT: String(this.port),
        QDRANT__SERVICE__HOST: this.host,
        QDRANT__LOG_LEVEL: 'warn',
        ...this.#environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout?.on('data', (text: Buffer) => this.#output.push(text.toString()));
    child.stderr?.on('data', (text: Buffer) => this.#output.push(text.toString()));
    return child;
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, stopMsMax);
    const code = await ended;
    clearTimeout(timer);
    if (isLate) throw new Error(`${signal} did not end the process in time:\n${this.output}`);
    return code;
  }

  async #ready(child: ChildProcess): Promise<void> {
    const deadlineMs = Date.now() + readyMsMax;
    while (Date.now() < deadlineMs) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      const status = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
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
