// Has a simulated cluster come to rest: one leader, all members agree, who was removed knows it?

import type { ClusterNode } from '../../src/cluster/cluster-node.ts';
import { stateHash } from '../../src/cluster/state-hash.ts';
import type { SimMachine } from './sim-machine.ts';

/** Empty once it has. `leaders`: who believes that it leads. */
export function whatIsMissing(
  machines: readonly SimMachine[],
  leaders: readonly SimMachine[],
): string {
  const leader = leaders.toSorted((a, b) => termOf(b) - termOf(a))[0]?.node;
  if (leader === undefined || leader === null) return 'no leader';
  const { membership } = leader.inspect().driver.raftStatus;
  // One that lost its disk stays a learner as long as it has shards.
  const learners = membership.learners.filter((id) => machines.some((one) => one.peerId === id));
  if (learners.length > 0) return `learners ${learners.join()}`;
  for (const machine of machines) {
    const missing = membership.voters.includes(machine.peerId)
      ? differenceOf(machine, leader)
      : ignoranceOf(machine, machines);
    if (missing !== '') return `${machine.name} ${missing}`;
  }
  return '';
}

function differenceOf({ node, startError }: SimMachine, leader: ClusterNode): string {
  if (node === null) return `is down: ${startError}`;
  if (!node.isWorking) return 'has stopped';
  if (node.appliedIndex !== leader.appliedIndex) return 'is behind';
  return stateHash(node.state()) === stateHash(leader.state()) ? '' : 'differs';
}

/** Of who was removed, if it knows where anybody is who could tell it. */
function ignoranceOf({ node }: SimMachine, machines: readonly SimMachine[]): string {
  if (node === null || node.status().thread.kind === 'stopped') return '';
  const canAsk = machines.some(
    (one) =>
      one.node !== node &&
      one.node?.isWorking === true &&
      node.state().peers.get(one.peerId)?.uri === one.uri,
  );
  return canAsk ? 'does not know of its removal' : '';
}

function termOf({ node }: SimMachine): number {
  return node?.status().term ?? 0;
}
