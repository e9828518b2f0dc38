// A peer whose network is cut, in one direction or in both: the others go on, nobody holds needless
// elections, and whoever was cut off catches up. Real packets are lost, in network namespaces.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OctantCluster, type Peer, until } from './octant-cluster.ts';
import {
  canMakeNamespaces,
  isInsideNamespace,
  PeerNetworks,
  testInNamespace,
} from './peer-networks.ts';

const vectors = { size: 2, distance: 'Dot' };
/** Several election timeouts: whoever wants to lead would have tried by then. */
const cutMs = 8_000;

interface Cut {
  readonly name: string;
  readonly victim: 'leader' | 'follower';
  readonly isSending: boolean;
  readonly isHearing: boolean;
}

const cuts: readonly Cut[] = [
  { name: 'a follower that only hears', victim: 'follower', isSending: false, isHearing: true },
  { name: 'a follower that only speaks', victim: 'follower', isSending: true, isHearing: false },
  { name: 'a follower cut off', victim: 'follower', isSending: false, isHearing: false },
  { name: 'a leader that only hears', victim: 'leader', isSending: false, isHearing: true },
  { name: 'a leader that only speaks', victim: 'leader', isSending: true, isHearing: false },
  { name: 'a leader cut off', victim: 'leader', isSending: false, isHearing: false },
];

if (isInsideNamespace()) {
  test('the other two go on, the cut one comes back', async (t) => {
    using networks = PeerNetworks.create(3);
    const cluster = await OctantCluster.start(3, { place: (index) => networks.place(index) });
    try {
      for (const [index, cut] of cuts.entries()) {
        await t.test(cut.name, () => live(cluster, networks, { ...cut, name: `c${index}` }));
      }
    } finally {
      await cluster.dispose();
    }
  });
} else {
  test('network cuts, in namespaces of their own', async (t) => {
    if (!canMakeNamespaces()) {
      t.skip('SKIPPED: no network namespaces here');
      return;
    }
    const { code, output } = await testInNamespace(import.meta.filename);
    t.diagnostic(output);
    assert.equal(code, 0, output);
  });
}

async function live(cluster: OctantCluster, networks: PeerNetworks, cut: Cut): Promise<void> {
  const leader = await cluster.leader();
  const follower = cluster.peers.find((peer) => peer !== leader);
  assert.ok(follower !== undefined);
  const victim = cut.victim === 'leader' ? leader : follower;
  const others = cluster.peers.filter((peer) => peer !== victim);
  const termBefore = await termOf(leader);
  const directions = cutDirections(cluster, victim, cut);
  for (const [from, to] of directions) networks.cut(from, to);
  const startedMs = performance.now();
  try {
    await until(() => leadAmong(others), 10_000);
    const path = `/collections/${cut.name}?timeout=4`;
    await others[0]?.result('PUT', path, { vectors, shard_number: 1 });
    assert.ok((await others[1]?.collections())?.includes(cut.name));
    // The victim answers, with what it knows.
    assert.equal((await victim.call('GET', '/collections')).status, 200);
    await new Promise((resolve) => {
      setTimeout(resolve, Math.max(0, startedMs + cutMs - performance.now()));
    });
  } finally {
    for (const [from, to] of directions) networks.heal(from, to);
  }
  const termCut = await termOf(others[0] as Peer);
  await cluster.untilFormed();
  await until(async () => {
    const names = await victim.collections();
    return names.includes(cut.name) ? null : names.join();
  });
  const termAfter = await termOf(victim);
  assert.ok(termAfter === termCut, `the return of ${cut.name} led to term ${termAfter}`);
  const electionsMax = cut.victim === 'leader' ? 3 : 0;
  assert.ok(termCut - termBefore <= electionsMax, `terms ${termBefore} to ${termCut}`);
}

function cutDirections(
  { peers }: OctantCluster,
  victim: Peer,
  { isSending, isHearing }: Cut,
): readonly (readonly [number, number])[] {
  const at = peers.indexOf(victim);
  return peers.flatMap((peer, other): (readonly [number, number])[] => {
    if (peer === victim) return [];
    return [
      ...(isSending ? [] : [[at, other] as const]),
      ...(isHearing ? [] : [[other, at] as const]),
    ];
  });
}

async function termOf(peer: Peer): Promise<number> {
  return (await peer.info()).raft_info.term;
}

async function leadAmong(peers: readonly Peer[]): Promise<string | null> {
  const infos = await Promise.all(peers.map((peer) => peer.info()));
  const ids = infos.map(({ peer_id }) => peer_id);
  const { leader } = infos[0]?.raft_info ?? {};
  const isAgreed = infos.every(({ raft_info }) => raft_info.leader === leader);
  return isAgreed && ids.includes(leader ?? 0) ? null : JSON.stringify(infos);
}
