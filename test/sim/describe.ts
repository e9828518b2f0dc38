// What a machine looks like, and what an error means, in words for whoever repeats a seed.

import { InvariantError } from '../../src/base/assert.ts';
import { Violation } from './checkers.ts';
import type { SimMachine } from './sim-machine.ts';

/** One line for the machine, and one for each peer that it leads. */
export function describe({ name, node, peerId, startError, uri }: SimMachine): string {
  if (node === null) return `${name} ${peerId} down: ${startError}`;
  const { driver } = node.inspect();
  const { role, hardState, appliedIndex, last, membership, leaderId, progress } = driver.raftStatus;
  const { voters, learners } = membership;
  return (
    `${name} ${peerId} ${driver.status.kind} ${role} of ${leaderId} term ${hardState.term} ` +
    `last ${last.term}/${last.index} committed ${hardState.commitIndex} applied ${appliedIndex} ` +
    `voters ${voters.join()} learners ${learners.join()} at ${uri} ` +
    [...node.state().peers].map(([id, peer]) => `${id}=${peer.uri}`).join() +
    [...progress].map(([id, one]) => `\n    ${id} ${JSON.stringify(one)}`).join('')
  );
}

/** An assertion that fails speaks as clearly as a checker. */
export function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error;
  if (error instanceof InvariantError) {
    return new Violation('assertion', error.stack ?? error.message);
  }
  throw error;
}
