// A real process for the checks of numbered requirements, and calls that reach every worker thread:
// each call opens a connection of its own unless told to keep one, and the kernel spreads
// connections over the threads.

import assert from 'node:assert/strict';
import { type OctantOptions, OctantProcess } from '../process/octant-process.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Numbers lose what a double cannot hold: look at `text` for those. */
  readonly json: AnswerBody;
}

interface AnswerBody {
  readonly result?: unknown;
  readonly status?: string | { readonly error: string };
}

export interface Hit {
  readonly id: number | string;
  readonly score: number;
  readonly version: number;
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly vector?: unknown;
  readonly order_value?: number;
}

export interface Info {
  readonly status: string;
  readonly optimizer_status: unknown;
  readonly points_count: number;
  readonly indexed_vectors_count: number;
  readonly segments_count: number;
  readonly warnings?: readonly { readonly message: string }[];
  readonly config: {
    readonly params: Readonly<Record<string, unknown>>;
    readonly hnsw_config: Readonly<Record<string, unknown>>;
    readonly optimizer_config: Readonly<Record<string, unknown>>;
    readonly quantization_config: unknown;
    readonly metadata?: unknown;
  };
  readonly payload_schema: Readonly<
    Record<
      string,
      { readonly data_type: string; readonly points: number; readonly params?: unknown }
    >
  >;
  readonly update_queue: { readonly length: number };
}

const pollMs = 25;
const waitMsMax = 40_000;

export class RealServer {
  readonly process: OctantProcess;
  #made = 0;

  private constructor(process: OctantProcess) {
    this.process = process;
  }

  static async start(options: OctantOptions = {}): Promise<RealServer> {
    const process = await OctantProcess.create(options);
    await process.start();
    return new RealServer(process);
  }

  /** A string goes as it is, anything else as JSON. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.process.url}${path}`, {
      method,
      headers: { connection: 'close' },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: parsed(text) };
  }

  /** The `result` of a call that must succeed. */
  async ok<Result = unknown>(method: string, path: string, body?: unknown): Promise<Result> {
    const answer = await this.call(method, path, body);
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json.result as Result;
  }

  /** `<status> <text of the error>` of a call that must fail. */
  async fails(method: string, path: string, body?: unknown): Promise<string> {
    const answer = await this.call(method, path, body);
    assert.notEqual(answer.status, 200, `${method} ${path} succeeded: ${answer.text}`);
    const { status } = answer.json;
    return `${answer.status} ${typeof status === 'object' ? status.error : answer.text}`;
  }

  /** A new collection; gives its path. */
  async collection(body: object): Promise<string> {
    this.#made += 1;
    const path = `/collections/r${this.#made}`;
    await this.ok('PUT', path, body);
    return path;
  }

  async upsert(path: string, points: readonly object[] | string): Promise<void> {
    const body = typeof points === 'string' ? points : { points };
    await this.ok('PUT', `${path}/points?wait=true`, body);
  }

  async index(path: string, field_name: string, field_schema: unknown): Promise<void> {
    await this.ok('PUT', `${path}/index?wait=true`, { field_name, field_schema });
  }

  info(path: string): Promise<Info> {
    return this.ok<Info>('GET', path);
  }

  /** Every point of the collection, by scrolling. */
  async scrollAll(path: string, body: object = {}): Promise<readonly Hit[]> {
    const found: Hit[] = [];
    let offset: unknown = null;
    do {
      const page: { readonly points: readonly Hit[]; readonly next_page_offset: unknown } =
        await this.ok('POST', `${path}/points/scroll`, { limit: 1000, ...body, offset });
      found.push(...page.points);
      offset = page.next_page_offset;
    } while (offset !== null);
    return found;
  }

  async query(path: string, body: object): Promise<readonly Hit[]> {
    const { points } = await this.ok<{ readonly points: readonly Hit[] }>(
      'POST',
      `${path}/points/query`,
      body,
    );
    return points;
  }

  async count(path: string, filter?: unknown): Promise<number> {
    const body = filter === undefined ? { exact: true } : { exact: true, filter };
    const { count } = await this.ok<{ readonly count: number }>(
      'POST',
      `${path}/points/count`,
      body,
    );
    return count;
  }

  /** Polls the information until it is as wanted; gives every status seen on the way. */
  async until(path: string, wanted: (info: Info) => boolean): Promise<ReadonlySet<string>> {
    const seen = new Set<string>();
    const deadlineMs = Date.now() + waitMsMax;
    for (;;) {
      const info = await this.info(path);
      seen.add(info.status);
      if (wanted(info)) return seen;
      assert.ok(Date.now() < deadlineMs, `${path} is still ${JSON.stringify(info)}`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** Until all is indexed and quiet. */
  untilGreen(path: string): Promise<ReadonlySet<string>> {
    return this.until(path, (info) => info.status === 'green' && info.update_queue.length === 0);
  }

  untilIndexed(path: string): Promise<ReadonlySet<string>> {
    return this.until(path, (info) => info.status === 'green' && info.indexed_vectors_count > 0);
  }

  dispose(): Promise<void> {
    return this.process.dispose();
  }
}

/** A vector of the given length that depends on the seed only. */
export function vectorOf(seed: number, dimension: number): number[] {
  let state = Math.imul(seed + 1, 2654435761) >>> 0 || 1;
  return Array.from({ length: dimension }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) % 20001) / 10000 - 1;
  });
}

export function idsOf(hits: readonly { readonly id: number | string }[]): (number | string)[] {
  return hits.map((hit) => hit.id);
}

function parsed(text: string): AnswerBody {
  try {
    return JSON.parse(text) as AnswerBody;
  } catch {
    return {};
  }
}
