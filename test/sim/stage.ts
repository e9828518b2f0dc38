// A few simulated machines in calm weather, for stories told step by step.

import assert from 'node:assert/strict';
import { Prng } from '../../src/base/prng.ts';
import type { ClusterNode } from '../../src/cluster/cluster-node.ts';
import { usualLimits } from '../../src/cluster/timing.ts';
import { Checkers } from './checkers.ts';
import { noFaults } from './faults.ts';
import { noDefects } from './life.ts';
import { SimMachine, type StartFlags } from './sim-machine.ts';
import { SimNetwork } from './sim-network.ts';
import { VirtualTime } from './virtual-time.ts';

export class Stage {
  readonly time = new VirtualTime();
  readonly network: SimNetwork;
  readonly machines: SimMachine[] = [];
  /** Of one cluster: whoever makes another one out of it takes new ones. */
  checkers = new Checkers();
  readonly trace: string[] = [];
  readonly #ports;

  constructor(seed = 1) {
    const prng = new Prng(seed);
    const faults = noFaults();
    this.network = new SimNetwork(this.time, prng.fork(), faults);
    this.#ports = {
      time: this.time,
      network: this.network,
      prng,
      faults,
      defects: noDefects,
      trace: (text: string) => {
        this.trace.push(`${this.time.nowMs.toFixed(0)} ${text}`);
      },
      limits: usualLimits,
    };
  }

  machine(compactEntries = 0): SimMachine {
    const machine = new SimMachine(`m${this.machines.length}`, this.#ports, compactEntries);
    this.machines.push(machine);
    return machine;
  }

  /** That many voters; the first one leads. */
  async cluster(count: number, compactEntries = 0): Promise<readonly SimMachine[]> {
    const machines = Array.from({ length: count }, () => this.machine(compactEntries));
    const [first] = machines;
    assert(first !== undefined);
    first.start(plain);
    await this.run(100);
    for (const machine of machines.slice(1)) machine.start({ ...plain, bootstrap: first.uri });
    await this.until(() => machines.every(({ node }) => node?.status().isVoter === true), 20_000);
    return machines;
  }

  async run(forMs: number): Promise<void> {
    await this.time.run(this.time.nowMs + forMs, () => {
      for (const { node } of this.machines) if (node !== null) this.checkers.check(node);
      return true;
    });
  }

  async until(isTrue: () => boolean, withinMs: number): Promise<void> {
    const endMs = this.time.nowMs + withinMs;
    while (!isTrue()) {
      assert(this.time.nowMs < endMs, `not within ${withinMs} ms\n${this.trace.join('\n')}`);
      await this.run(50);
    }
  }

  /** What `promise` comes to while time passes. */
  async wait<Result>(promise: Promise<Result>, withinMs = 60_000): Promise<Result> {
    const results: Result[] = [];
    void promise.then((result) => results.push(result));
    await this.until(() => results.length > 0, withinMs);
    return results[0] as Result;
  }

  leader(): SimMachine {
    const leaders = this.machines.filter(
      ({ node }) => node?.isWorking === true && node.status().role === 'leader',
    );
    const [leader] = leaders.toSorted((a, b) => termOf(b) - termOf(a));
    assert(leader !== undefined, 'nobody leads');
    return leader;
  }
}

export const plain: StartFlags = { bootstrap: null, uri: null, saysUri: true };

export function nodeOf(machine: SimMachine | undefined): ClusterNode {
  const node = machine?.node ?? null;
  assert(node !== null, `${machine?.name} does not run: ${machine?.startError}`);
  return node;
}

function termOf({ node }: SimMachine): number {
  return node?.status().term ?? 0;
}
