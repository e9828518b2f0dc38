// A REST server over the fake engine, and calls to it that keep every byte of the answer. Each
// answer to a documented endpoint is checked against the API's schema when that document is at
// hand.

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { request as httpRequest } from 'node:http';
import { createRestServer, type RestServer } from '../../src/api/rest/server.ts';
import { type ClusterState, emptyClusterState } from '../../src/model/cluster-state.ts';
import { defaultSettings, type Settings } from '../../src/server/config/settings.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { schemaFaults } from './openapi-check.ts';

export interface Called {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** `{}` when the body is no JSON object. */
  readonly json: JsonAnswer;
}

export interface JsonAnswer {
  readonly result?: unknown;
  readonly status?: unknown;
  readonly time?: number;
  readonly [other: string]: unknown;
}

export interface Rig {
  readonly engine: FakeEngine;
  readonly server: RestServer;
  readonly port: number;
  readonly log: readonly string[];
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: OutgoingHttpHeaders,
  ): Promise<Called>;
  /** `call` that must succeed; gives the `result`. */
  ok(method: string, path: string, body?: unknown): Promise<unknown>;
  /** `call` that must fail: `<status> <text of the error>`. */
  fails(method: string, path: string, body?: unknown): Promise<string>;
  close(): Promise<void>;
}

const nothing = () => undefined;

export const quietLogger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

export type ServiceSettings = Partial<Settings['service']>;

export async function startRig(
  service: ServiceSettings = {},
  state: ClusterState = emptyClusterState,
): Promise<Rig> {
  const settings = { ...defaultSettings, service: { ...defaultSettings.service, ...service } };
  const engine = new FakeEngine(settings, state);
  const log: string[] = [];
  const note = (message: string, fields?: object) =>
    void log.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const server = createRestServer(engine, {
    logger: { debug: note, info: note, warn: note, error: note },
    accessLog: false,
  });
  engine.requestSeries = () => server.requestSeries();
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });

  const call: Rig['call'] = async (method, path, body, headers = {}) => {
    const called = await rawCall(port, { method, path, body, headers });
    const faults = schemaFaults({ method, path, status: called.status, json: called.json });
    if (faults.length > 0) {
      throw new Error(`${method} ${path} breaks the schema: ${faults.join('; ')}\n${called.text}`);
    }
    return called;
  };
  return {
    engine,
    server,
    port,
    log,
    call,
    ok: async (method, path, body) => {
      const called = await call(method, path, body);
      if (called.status === 200) return called.json.result;
      throw new Error(`${method} ${path}: ${called.status} ${called.text}`);
    },
    fails: async (method, path, body) => {
      const called = await call(method, path, body);
      if (called.status === 200) throw new Error(`${method} ${path} succeeded: ${called.text}`);
      const status = called.json.status as { readonly error?: string } | undefined;
      return `${called.status} ${status?.error ?? called.text}`;
    },
    close: () => server.close(1_000),
  };
}

interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** Strings and buffers go as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers: OutgoingHttpHeaders;
}

function rawCall(port: number, { method, path, body, headers }: RawRequest): Promise<Called> {
  const bytes = bodyBytes(body);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        method,
        path,
        headers: { 'content-length': bytes.length, ...headers },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const status = response.statusCode ?? 0;
          resolve({ status, headers: response.headers, text, json: parsed(text) });
        });
      },
    );
    request.on('error', reject);
    request.end(bytes);
  });
}

function bodyBytes(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body);
  return Buffer.from(JSON.stringify(body));
}

function parsed(text: string): JsonAnswer {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as JsonAnswer) : {};
  } catch {
    return {};
  }
}
