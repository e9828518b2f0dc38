// A real process under requests that no sane client sends: what is asked, what must be answered,
// and what must be true afterwards.

import assert from 'node:assert/strict';
import { createKnown, expectKnown, knownDimension, Prober } from './known-collection.ts';
import { OctantProcess } from './octant-process.ts';
import { RestClient, type RestRequest } from './rest.ts';

const knownCount = 500;
export const points = '/collections/known/points';
export const upsertPath = `${points}?wait=true`;
export const vector = JSON.stringify(Array.from({ length: knownDimension }, () => 1));

export interface Case extends RestRequest {
  readonly status: number;
  /** What the answer must say. */
  readonly says?: string | RegExp;
}

export class HostileNode {
  client: RestClient;
  readonly #octant: OctantProcess;
  readonly #prober: Prober;

  private constructor(octant: OctantProcess, client: RestClient) {
    this.#octant = octant;
    this.client = client;
    this.#prober = new Prober(octant, 'known', 1000);
  }

  static async start(): Promise<HostileNode> {
    const octant = await OctantProcess.create();
    await octant.start();
    const client = new RestClient(octant.port);
    await createKnown(client, 'known', knownCount);
    return new HostileNode(octant, client);
  }

  /** Sends all of them; afterwards the known collection is as it was. */
  async expectAll(cases: readonly Case[]): Promise<void> {
    const faults: string[] = [];
    for (const expected of cases) {
      const fault = await this.#fault(expected);
      if (fault !== null) faults.push(fault);
    }
    assert.deepEqual(faults, []);
    await this.expectUnchanged();
  }

  async #fault({ status, says = '', ...request }: Case): Promise<string | null> {
    const { method, path, body } = request;
    const shown = `${method} ${path.slice(0, 80)} ${String(body).slice(0, 90)}`;
    const answer = await this.client.send(request).catch((error: unknown) => String(error));
    if (typeof answer === 'string') return `${shown}: ${answer}`;
    const fits = typeof says === 'string' ? answer.text.includes(says) : says.test(answer.text);
    if (answer.status === status && fits) return null;
    const got = `${answer.status} ${answer.text.slice(0, 300)}`;
    return `${shown}\n  expected ${status} ${String(says)}, got ${got}`;
  }

  expectUnchanged(): Promise<void> {
    return expectKnown(this.client, 'known', knownCount);
  }

  /** It lives, others were answered, and everything is as it was after a kill. */
  async end(): Promise<string> {
    const probes = await this.#prober.stop();
    assert.ok(this.#octant.isRunning);
    assert.doesNotMatch(this.#octant.output, /because of a bug|crash/i);
    this.client.close();
    await this.#octant.kill();
    await this.#octant.start();
    this.client = new RestClient(this.#octant.port);
    await this.expectUnchanged();
    return probes;
  }

  async dispose(): Promise<void> {
    this.client.close();
    await this.#octant.dispose();
  }
}
