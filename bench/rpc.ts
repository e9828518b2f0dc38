// What the wire between peers can do, run by hand: messages and calls per second, latency of a call
// alone, and MB/s of bulk while control messages go on; plain, and with TLS where openssl is there.
// The other peer is a process of its own, so that both sides have a core.
// Usage: tools/with-node bench/rpc.ts

import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { PeerId } from '../src/base/ids.ts';
import type { PeerEndpoint, PeerMessage } from '../src/cluster/peer-network.ts';
import { NativeClock, NativeRandom, NativeTimers } from '../src/io/native/native-clock.ts';
import { PeerWire } from '../src/rpc/peer-wire.ts';
import type { TlsPaths } from '../src/rpc/tls-material.ts';
import { Authority, hasOpenssl } from '../test/rpc/certificates.ts';

const bulkBytes = 256 * 1024 * 1024;
const roundMs = 2_000;
const silence = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error };

function newWire(peerId: PeerId, tls: TlsPaths | null): PeerWire {
  const wire = new PeerWire(
    {
      peerId,
      instanceId: randomUUID(),
      uri: null,
      version: '0',
      host: '127.0.0.1',
      port: 0,
      tls,
    },
    {
      clock: new NativeClock(),
      timers: new NativeTimers(),
      random: new NativeRandom(),
      log: silence,
    },
  );
  wire.useCluster('bench');
  return wire;
}

/** Counts messages; tells the count, or answers with bulk. */
async function serve(tls: TlsPaths | null): Promise<void> {
  let receivedCount = 0;
  const data = new Uint8Array(bulkBytes);
  const endpoint: PeerEndpoint = {
    receive: () => {
      receivedCount += 1;
    },
    serve: (_, request) =>
      Promise.resolve(
        request.kind === 'fetch_state'
          ? { kind: 'state', index: 1, data }
          : { kind: 'commit', index: receivedCount, term: 1 },
      ),
    unreachable: () => {},
  };
  const { port } = await newWire(2n, tls).listen(endpoint);
  process.send?.(port);
}

interface Target {
  readonly wire: PeerWire;
  readonly peerId: PeerId;
}

function vote(lastIndex: number): PeerMessage {
  const body = { kind: 'vote_request', vote: 'vote', lastTerm: 2, isTransfer: false } as const;
  return { kind: 'raft', message: { ...body, from: 1n, to: 2n, term: 3, lastIndex } };
}

async function call({ wire, peerId }: Target): Promise<number> {
  const answer = await wire.call({ peerId }, { kind: 'consensus_commit' }, 30_000);
  return answer.kind === 'commit' ? answer.index : 0;
}

/** As many as fit into the queue, then a call that comes behind them. */
async function messagesPerSecond(target: Target): Promise<number> {
  const startMs = performance.now();
  const before = await call(target);
  let sentCount = 0;
  while (performance.now() - startMs < roundMs) {
    for (let count = 0; count < 100; count += 1) {
      target.wire.send(target.peerId, vote(sentCount));
      sentCount += 1;
    }
    await call(target);
  }
  const receivedCount = (await call(target)) - before;
  if (receivedCount !== sentCount) throw new Error(`${receivedCount} of ${sentCount} arrived`);
  return (receivedCount * 1_000) / (performance.now() - startMs);
}

async function callsPerSecond(target: Target): Promise<number> {
  const startMs = performance.now();
  let count = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - startMs < roundMs) {
      await call(target);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: 64 }, caller));
  return (count * 1_000) / (performance.now() - startMs);
}

function quantile(sorted: readonly number[], part: number): string {
  return ((sorted[Math.floor(sorted.length * part)] ?? 0) * 1_000).toFixed(0);
}

async function latencies(target: Target, isOver: () => boolean): Promise<readonly number[]> {
  const taken: number[] = [];
  while (!isOver()) {
    const startMs = performance.now();
    await call(target);
    taken.push(performance.now() - startMs);
  }
  return taken.toSorted((a, b) => a - b);
}

async function measure(name: string, tls: TlsPaths | null): Promise<void> {
  const child = fork(import.meta.filename, [JSON.stringify(tls)]);
  const port = await portOf(child);
  const wire = newWire(1n, tls);
  const peerId = 2n;
  wire.useAddresses(new Map([[peerId, `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}/`]]));
  const target = { wire, peerId };
  await call(target);
  const endMs = performance.now() + roundMs;
  const alone = await latencies(target, () => performance.now() > endMs);
  console.log(`${name}: call alone ${quantile(alone, 0.5)} µs, p99 ${quantile(alone, 0.99)} µs`);
  console.log(`${name}: ${Math.round(await callsPerSecond(target))} calls/s, 64 at a time`);
  console.log(`${name}: ${Math.round(await messagesPerSecond(target))} messages/s, one way`);
  let isOver = false;
  const startMs = performance.now();
  let bulkMs = 0;
  const bulk = wire.call({ peerId }, { kind: 'fetch_state' }, 60_000).then(() => {
    bulkMs = performance.now() - startMs;
    isOver = true;
  });
  const beside = await latencies(target, () => isOver);
  await bulk;
  const speed = Math.round(bulkBytes / 1e6 / (bulkMs / 1_000));
  console.log(
    `${name}: bulk ${speed} MB/s; calls beside it ${quantile(beside, 0.5)} µs, ` +
      `p99 ${quantile(beside, 0.99)} µs, longest ${quantile(beside, 0.9999)} µs`,
  );
  await wire.close();
  child.kill();
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (port) => resolve(Number(port)));
    child.once('exit', () => reject(new Error('the other peer did not start')));
  });
}

const [role] = process.argv.slice(2);
if (role === undefined) {
  await measure('plain', null);
  if (hasOpenssl()) {
    using authority = new Authority('bench');
    await measure('TLS', authority.issue());
  }
} else {
  await serve(JSON.parse(role) as TlsPaths | null);
}
