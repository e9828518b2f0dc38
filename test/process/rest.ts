// Plain REST calls for tests, on connections that are kept open.

import type { OutgoingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:http';

export interface RestAnswer {
  readonly status: number;
  /** The parsed body; ids in tests stay below 2^53. */
  readonly body: unknown;
  readonly text: string;
}

export interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: string | Uint8Array;
  /** These win over what the body implies. */
  readonly headers?: OutgoingHttpHeaders;
}

export class RestClient {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;
  readonly #host: string;

  constructor(port: number, host = '127.0.0.1') {
    this.#port = port;
    this.#host = host;
  }

  call(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    return this.send({
      method,
      path,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** A call whose body need not be JSON. */
  send({ method, path, body, headers: more = {} }: RestRequest): Promise<RestAnswer> {
    return new Promise((resolve, reject) => {
      const isSized = body !== undefined && more['transfer-encoding'] === undefined;
      const headers = isSized ? { 'content-length': bodyBytes(body), ...more } : more;
      const sent = request(
        { host: this.#host, port: this.#port, agent: this.#agent, method, path, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, body: parsed(text), text });
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** The `result` of a call that must succeed. */
  async result<Result>(method: string, path: string, body?: unknown): Promise<Result> {
    const answer = await this.call(method, path, body);
    if (answer.status !== 200) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return (answer.body as { readonly result: Result }).result;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function bodyBytes(body: string | Uint8Array): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
