// Peers that are killed or stopped, as real processes.
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { PeerId } from '../../src/base/ids.ts';
import { TestNodes, until, vote } from './wire-harness.ts';

const script = new URL('peer-process.ts', import.meta.url);
const limits = { pingIdleMs: 50, pingPatienceMs: 200 };

class PeerProcess implements Disposable {
  readonly child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
  }

  static async start(peerId: PeerId, port = 0): Promise<PeerProcess> {
    const child = fork(script, [String(peerId), String(port)]);
    const told = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [])]);
    assert.equal(typeof told[0], 'number', 'the other process listens');
    return new PeerProcess(child, Number(told[0]));
  }

  get uri(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}

describe('peers as processes', () => {
  test('killed in the middle, and back on the same port at once', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n });
    using first = await PeerProcess.start(2n);
    node.wire.useAddresses(new Map([[2n, first.uri]]));
    const health = { kind: 'health' } as const;
    assert.equal((await node.wire.call({ peerId: 2n }, health, 5_000)).kind, 'done');
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    using _second = await PeerProcess.start(2n, first.port);
    await until(() => node.endpoint.unreachablePeers.includes(2n), 'the loss to be told');
    assert.equal((await node.wire.call({ peerId: 2n }, health, 5_000)).kind, 'done');
  });

  test('stopped for a while: taken for dead, and alive again afterwards', async () => {
    await using nodes = new TestNodes();
    const node = await nodes.start({ peerId: 1n, limits });
    using other = await PeerProcess.start(2n);
    node.wire.useAddresses(new Map([[2n, other.uri]]));
    const health = { kind: 'health' } as const;
    assert.equal((await node.wire.call({ peerId: 2n }, health, 5_000)).kind, 'done');
    other.child.kill('SIGSTOP');
    node.wire.send(2n, vote(1n, 2n, 1));
    await node.log.says(/is lost: no sign of life for/);
    other.child.kill('SIGCONT');
    await until(() => {
      node.wire.send(2n, vote(1n, 2n, 2));
      return node.wire.failures().size === 0;
    }, 'the connection to be back');
    assert.equal((await node.wire.call({ peerId: 2n }, health, 5_000)).kind, 'done');
  });
});
