// Plays the conformance scripts of another Raft through ours and compares every word: decisions,
// messages, what is saved and applied, and in which order. The scripts are data outside of this
// repository; where they are missing nothing is proved, and that is said.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { comparePeerIds, type LogIndex, type PeerId } from '../../src/base/ids.ts';
import {
  changeSimply,
  emptyMembership,
  enterJoint,
  leaveJoint,
  type Membership,
  type MembershipOutcome,
  memberIds,
  type PeerChange,
} from '../../src/raft/membership.ts';
import { Progress } from '../../src/raft/progress.ts';
import { quorumIndex, quorumVote } from '../../src/raft/quorum.ts';
import { listOf, playScript, type ScriptCommand } from '../raft/data-script.ts';
import { ScriptPlayer } from '../raft/script-player.ts';
import { faultText, membershipText, peerChangesOf, progressText } from '../raft/script-text.ts';

const folder = path.resolve(import.meta.dirname, '../../../shared/raft-testdata');
const skip = existsSync(folder)
  ? false
  : `NOT CHECKED: the Raft conformance scripts are missing (${folder})`;

const interactionScripts = [
  'campaign',
  'campaign_learner_must_vote',
  'checkquorum',
  'confchange_disable_validation',
  'confchange_v1_add_single',
  'confchange_v1_remove_leader',
  'confchange_v1_remove_leader_stepdown',
  'confchange_v2_add_single_auto',
  'confchange_v2_add_single_explicit',
  'heartbeat_resp_recovers_from_probing',
  'lagging_commit',
  'prevote',
  'prevote_checkquorum',
  'probe_and_replicate',
  'replicate_pause',
  'single_node',
  'slow_follower_after_compaction',
  'snapshot_succeed_via_app_resp',
  'snapshot_succeed_via_app_resp_behind',
  // Joint membership comes with the explicit transition above, so its stories are played too.
  'confchange_v2_add_double_auto',
  'confchange_v2_add_double_implicit',
  'confchange_v2_replace_leader',
  'confchange_v2_replace_leader_stepdown',
];

for (const name of interactionScripts) {
  test(`raft script: ${name}`, { skip }, () => {
    const player = new ScriptPlayer();
    playScript(path.join(folder, 'interaction', `${name}.txt`), (command) => player.run(command));
  });
}

const quorumScripts = ['majority_commit', 'majority_vote', 'joint_commit', 'joint_vote'];

for (const name of quorumScripts) {
  test(`raft quorum: ${name}`, { skip }, () => {
    playScript(path.join(folder, 'quorum', `${name}.txt`), (command) => {
      if (command.name === 'committed') return committedText(command);
      if (command.name === 'vote') return voteText(command);
      throw new Error(`unknown command ${command.name}`);
    });
  });
}

interface Group {
  readonly membership: Membership;
  /** All voters of both halves: in this order the script gives what they say. */
  readonly ids: readonly PeerId[];
}

function groupOf({ options }: ScriptCommand): Group {
  const voters = listOf(options.get('cfg')).map(BigInt);
  const joint = options.get('cfgj') ?? '';
  const outgoingVoters = joint === 'zero' ? [] : listOf(joint).map(BigInt);
  const ids = [...new Set([...voters, ...outgoingVoters])];
  return { membership: { ...emptyMembership, voters, outgoingVoters }, ids };
}

function committedText(command: ScriptCommand): string {
  const { membership, ids } = groupOf(command);
  const words = listOf(command.options.get('idx'));
  const indices = new Map<PeerId, LogIndex>();
  for (const [at, id] of ids.entries()) {
    if (words[at] !== undefined && words[at] !== '_') indices.set(id, Number(words[at]));
  }
  const committed = quorumIndex(membership, (id) => indices.get(id) ?? 0);
  const committedWord = Number.isFinite(committed) ? `${committed}` : '∞';
  if (ids.length === 0) return `<empty majority quorum>${committedWord}`;
  return `${chartText(ids, indices)}\n${committedWord}`;
}

/** A bar per voter that is longer the more voters are behind it. */
function chartText(ids: readonly PeerId[], indices: ReadonlyMap<PeerId, LogIndex>): string {
  const count = ids.length;
  const byIndex = ids.toSorted(
    (a, b) => (indices.get(a) ?? 0) - (indices.get(b) ?? 0) || comparePeerIds(a, b),
  );
  const bars = new Map<PeerId, number>();
  for (const [at, id] of byIndex.entries()) {
    const before = byIndex[at - 1];
    const isEqual = before !== undefined && (indices.get(before) ?? 0) === (indices.get(id) ?? 0);
    bars.set(id, isEqual ? (bars.get(before) ?? 0) : at);
  }
  const lines = ids.toSorted(comparePeerIds).map((id) => {
    const index = indices.get(id);
    const barLength = bars.get(id) ?? 0;
    const bar = `${'x'.repeat(barLength)}>${' '.repeat(count - barLength)}`;
    const head = index === undefined ? `?${' '.repeat(count)}` : bar;
    return `${head} ${`${index ?? 0}`.padStart(5)}    (id=${id})`;
  });
  return [`${' '.repeat(count)}    idx`, ...lines].join('\n');
}

function voteText(command: ScriptCommand): string {
  const { membership, ids } = groupOf(command);
  const words = listOf(command.options.get('votes'));
  const result = quorumVote(membership, (id) => {
    const word = words[ids.indexOf(id)] ?? '_';
    return word === '_' ? null : word === 'y';
  });
  return { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' }[result];
}

const membershipScripts = [
  'simple_idempotency',
  'simple_promote_demote',
  'simple_safety',
  'update',
  'zero',
  'joint_autoleave',
  'joint_idempotency',
  'joint_learners_next',
  'joint_safety',
];

for (const name of membershipScripts) {
  test(`raft membership: ${name}`, { skip }, () => {
    const story = new MembershipStory();
    playScript(path.join(folder, 'confchange', `${name}.txt`), (command) => story.run(command));
  });
}

class MembershipStory {
  #membership = emptyMembership;
  #lastIndex = 0;
  readonly #progress = new Map<PeerId, Progress>();

  run(command: ScriptCommand): string {
    const changes = peerChangesOf(listOf(command.body.join(' ')));
    const outcome = this.#change(command, changes);
    const lastIndex = this.#lastIndex;
    this.#lastIndex += 1;
    if (outcome.kind === 'faulty') return faultText(outcome.fault);
    this.#use(outcome.membership, lastIndex);
    const lines = memberIds(this.#membership).map((id) => {
      const progress = this.#progress.get(id);
      return progress === undefined ? '' : `${id}: ${progressText(progress.view())}`;
    });
    return [membershipText(this.#membership), ...lines].join('\n');
  }

  #change({ name, options }: ScriptCommand, changes: readonly PeerChange[]): MembershipOutcome {
    if (name === 'simple') return changeSimply(this.#membership, changes);
    if (name === 'leave-joint') return leaveJoint(this.#membership);
    assert.equal(name, 'enter-joint');
    return enterJoint(this.#membership, changes, options.get('autoleave') === 'true');
  }

  #use(membership: Membership, lastIndex: LogIndex): void {
    this.#membership = membership;
    const ids = memberIds(membership);
    for (const id of this.#progress.keys()) if (!ids.includes(id)) this.#progress.delete(id);
    for (const id of ids) {
      const progress = this.#progress.get(id) ?? new Progress(Math.max(1, lastIndex), false, 10);
      progress.isActive = true;
      progress.isLearner = membership.learners.includes(id);
      this.#progress.set(id, progress);
    }
  }
}
