// Plain REST calls for tests, on connections that are kept open.

import { Agent, request } from 'node:http';

export interface RestAnswer {
  readonly status: number;
  /** The parsed body; ids in tests stay below 2^53. */
  readonly body: unknown;
}

export class RestClient {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  call(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    const text = body === undefined ? null : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = text === null ? {} : { 'content-length': Buffer.byteLength(text) };
      const sent = request(
        { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, body: parsed(answer) });
          });
        },
      );
      sent.on('error', reject);
      sent.end(text ?? undefined);
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
