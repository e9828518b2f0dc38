// A long row of random commands from a cluster of two peers, the same for the same seed.

import { Prng } from '../../src/base/prng.ts';
import type { Command } from '../../src/cluster/commands.ts';
import { reduce } from '../../src/cluster/reducer.ts';
import type { CommandOutcome } from '../../src/cluster/reduction.ts';
import { type ClusterState, emptyClusterState } from '../../src/model/cluster-state.ts';
import { RandomCommands } from './random-commands.ts';

export interface WalkStep {
  readonly before: ClusterState;
  /** `null`: a change of the membership. */
  readonly command: Command | null;
  readonly outcome: CommandOutcome | null;
  readonly after: ClusterState;
}

export const twoPeers: ClusterState = {
  ...emptyClusterState,
  clusterId: 'random',
  firstPeer: 1n,
  peers: new Map([
    [1n, { uri: 'http://peer-1:6335/', version: null }],
    [2n, { uri: 'http://peer-2:6335/', version: '1.18.3' }],
  ]),
};

export function* randomWalk(seed: number, stepCount: number): Generator<WalkStep> {
  const prng = new Prng(seed);
  const commands = new RandomCommands(prng);
  let state = twoPeers;
  for (let step = 0; step < stepCount; step += 1) {
    const before = state;
    if (prng.u32() % 12 === 0) {
      state = commands.changeMembership(before);
      yield { before, command: null, outcome: null, after: state };
      continue;
    }
    const command = commands.next(before);
    const reduction = reduce(before, command);
    state = reduction.state;
    yield { before, command, outcome: reduction.outcome, after: state };
  }
}

/** The last state of a walk. */
export function randomState(seed: number, stepCount: number): ClusterState {
  let state = twoPeers;
  for (const { after } of randomWalk(seed, stepCount)) state = after;
  return state;
}
