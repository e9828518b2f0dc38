// Plays one conformance script: a handful of peers on fake disks, and one queue of messages that
// are delivered when the script says so. The commands are listed where the scripts come from.

import type { PeerId } from '../../src/base/ids.ts';
import type { Membership, MembershipChange } from '../../src/raft/membership.ts';
import { emptyMembership, isVoter } from '../../src/raft/membership.ts';
import type { Message, Proposal } from '../../src/raft/messages.ts';
import { Raft, type Ready } from '../../src/raft/raft.ts';
import type { RaftOptions } from '../../src/raft/state.ts';
import { listOf, type ScriptCommand } from './data-script.ts';
import { FakeRaftDisk } from './fake-raft-disk.ts';
import {
  eventLine,
  firstVersionMark,
  type Level,
  levels,
  logLines,
  messageName,
  messageText,
  peerChangesOf,
  progressText,
  readyText,
  roleText,
} from './script-text.ts';

interface Peer {
  readonly id: PeerId;
  readonly raft: Raft;
  readonly disk: FakeRaftDisk;
}

const electionTicks = 3;
const heartbeatTicks = 1;

export class ScriptPlayer {
  readonly #peers: Peer[] = [];
  #mail: Message[] = [];
  #level: Level = 'DEBUG';
  #lines: string[] = [];
  #indent = '';

  run(command: ScriptCommand): string {
    this.#lines = [];
    this.#indent = '';
    const error = this.#act(command);
    if (error !== null) this.#lines.push(error);
    return this.#lines.length === 0 ? 'ok' : this.#lines.join('\n');
  }

  /** Returns the error that the command ends with. */
  #act(command: ScriptCommand): string | null {
    const act = this.#commands[command.name];
    if (act === undefined) throw new Error(`unknown command ${command.name}`);
    return act(command) ?? null;
  }

  readonly #commands: Record<string, (command: ScriptCommand) => string | null | void> = {
    'log-level': ({ words }) => this.#setLevel(words[0]),
    'add-nodes': (command) => this.#addPeers(command),
    campaign: ({ words }) => this.#with(words[0], ({ raft }) => raft.campaign()),
    propose: ({ words }) => this.#propose(words[0], commandOf(words[1] ?? '')),
    'propose-conf-change': (command) =>
      this.#propose(command.words[0], membershipProposalOf(command)),
    'process-ready': (command) => this.#processReady(command),
    'deliver-msgs': (command) => this.#deliverCommand(command),
    stabilize: (command) => this.#stabilize(command),
    'tick-election': ({ words }) => this.#tick(words[0], electionTicks),
    'tick-heartbeat': ({ words }) => this.#tick(words[0], heartbeatTicks),
    'set-randomized-election-timeout': ({ words, options }) =>
      this.#with(words[0], ({ raft }) => raft.setElectionDueTicks(Number(options.get('timeout')))),
    'transfer-leadership': ({ options }) =>
      this.#with(options.get('from'), ({ raft }) =>
        raft.transferLeadership(BigInt(options.get('to') ?? 0)),
      ),
    'report-unreachable': ({ words }) =>
      this.#with(words[0], ({ raft }) => raft.reportUnreachable(BigInt(words[1] ?? 0))),
    'report-snapshot': ({ words }) =>
      this.#with(words[0], ({ raft }) =>
        raft.reportSnapshot(BigInt(words[1] ?? 0), words[2] === 'ok'),
      ),
    'send-snapshot': ({ words }) => this.#sendSnapshot(words[0], words[1]),
    compact: ({ words }) => this.#compact(words[0], Number(words[1])),
    read: ({ words }) =>
      this.#with(words[0], ({ raft }) => {
        if (raft.readIndex(Number(words[1])) === 'no_leader') this.#print('no leader');
      }),
    restart: ({ words }) => this.#restart(words[0]),
    'raft-log': ({ words }) => this.#printLog(this.#peer(words[0])),
    'raft-state': () => this.#printRoles(),
    status: ({ words }) => this.#printStatus(this.#peer(words[0])),
  };

  #print(text: string): void {
    if (this.#level === 'NONE') return;
    for (const line of text.split('\n')) this.#lines.push(this.#indent + line);
  }

  #printEvents({ id, raft }: Peer): void {
    for (const event of raft.takeEvents()) {
      const line = eventLine(event, id);
      if (line === null) continue;
      const [level, text] = line;
      if (levels.indexOf(level) >= levels.indexOf(this.#level)) this.#print(`${level} ${text}`);
    }
  }

  #setLevel(name: string | undefined): void {
    const level = levels.find((one) => one === name?.toUpperCase());
    if (level === undefined) throw new Error(`no level ${name}`);
    this.#level = level;
  }

  #peer(word: string | undefined): Peer {
    const peer = this.#peers[Number(word) - 1];
    if (peer === undefined) throw new Error(`no peer ${word}`);
    return peer;
  }

  #with(word: string | undefined, act: (peer: Peer) => void): void {
    const peer = this.#peer(word);
    act(peer);
    this.#printEvents(peer);
  }

  #addPeers({ words, options }: ScriptCommand): void {
    const index = Number(options.get('index') ?? 0);
    const membership: Membership = {
      ...emptyMembership,
      voters: listOf(options.get('voters')).map(BigInt),
      learners: listOf(options.get('learners')).map(BigInt),
    };
    for (let count = Number(words[0] ?? 1); count > 0; count -= 1) {
      const id = BigInt(this.#peers.length + 1);
      const data = new Uint8Array(0);
      const disk = new FakeRaftDisk(index > 0 ? { index, term: 1, membership, data } : null);
      const raft = new Raft(optionsOf(id, options), disk.saved());
      const peer = { id, raft, disk };
      this.#peers.push(peer);
      this.#printEvents(peer);
      this.#optionsOfPeer.set(id, options);
    }
  }

  readonly #optionsOfPeer = new Map<PeerId, ReadonlyMap<string, string>>();

  /** Loses what is only in memory, and the messages under way to and from it. */
  #restart(word: string | undefined): void {
    const { id, disk } = this.#peer(word);
    const options = this.#optionsOfPeer.get(id) ?? new Map();
    disk.crash(0);
    const peer = { id, disk, raft: new Raft(optionsOf(id, options), disk.saved()) };
    this.#peers[Number(id) - 1] = peer;
    this.#mail = this.#mail.filter(({ from, to }) => from !== id && to !== id);
    this.#printEvents(peer);
  }

  #propose(word: string | undefined, proposal: Proposal): string | null {
    const peer = this.#peer(word);
    const outcome = peer.raft.propose([proposal]);
    this.#printEvents(peer);
    return outcome.kind === 'dropped' ? 'raft proposal dropped' : null;
  }

  #tick(word: string | undefined, count: number): void {
    this.#with(word, ({ raft }) => {
      for (let left = count; left > 0; left -= 1) raft.tick();
    });
  }

  #processReady({ words }: ScriptCommand): void {
    for (const word of words) {
      const peer = this.#peer(word);
      if (words.length === 1) this.#handleReady(peer);
      else {
        this.#print(`> ${word} handling Ready`);
        this.#nested(() => this.#handleReady(peer));
      }
    }
  }

  #nested(act: () => void): void {
    this.#indent += '  ';
    act();
    this.#indent = this.#indent.slice(2);
  }

  #handleReady(peer: Peer): void {
    const { raft, disk } = peer;
    const ready = raft.ready();
    this.#print(readyText(ready, mustSync(ready, disk)));
    disk.save(ready, true);
    this.#mail.push(...ready.messages);
    raft.advance();
    this.#printEvents(peer);
  }

  #deliverCommand({ words, options }: ScriptCommand): void {
    const type = options.get('type') ?? null;
    let count = 0;
    for (const word of words) count += this.#deliver(word, type, false);
    for (const word of listOf(options.get('drop'))) count += this.#deliver(word, type, true);
    if (count === 0) this.#print('no messages');
  }

  #deliver(word: string, type: string | null, isDropped: boolean): number {
    const to = BigInt(word);
    const isMeant = (message: Message): boolean =>
      message.to === to && (type === null || messageName(message) === type);
    const meant = this.#mail.filter(isMeant);
    this.#mail = this.#mail.filter((message) => !isMeant(message));
    for (const message of meant) {
      if (isDropped) {
        this.#print(`dropped: ${messageText(message)}`);
        continue;
      }
      this.#print(messageText(message));
      const peer = this.#peer(word);
      const outcome = peer.raft.step(message);
      this.#printEvents(peer);
      if (outcome === 'unknown_peer') this.#print('raft: cannot step as peer not found');
    }
    return meant.length;
  }

  #stabilize({ words, options }: ScriptCommand): void {
    const levelBefore = this.#level;
    if (options.has('log-level')) this.#setLevel(options.get('log-level'));
    const peers = words.length === 0 ? [...this.#peers] : words.map((word) => this.#peer(word));
    let isQuiet = false;
    while (!isQuiet) {
      isQuiet = true;
      for (const peer of peers) {
        if (!peer.raft.hasReady) continue;
        isQuiet = false;
        this.#print(`> ${peer.id} handling Ready`);
        this.#nested(() => this.#handleReady(peer));
      }
      for (const { id } of peers) {
        if (!this.#mail.some(({ to }) => to === id)) continue;
        isQuiet = false;
        this.#print(`> ${id} receiving messages`);
        this.#nested(() => this.#deliver(id.toString(), null, false));
      }
    }
    this.#level = levelBefore;
  }

  #sendSnapshot(fromWord: string | undefined, toWord: string | undefined): void {
    const { id, raft } = this.#peer(fromWord);
    const { term } = raft.status().hardState;
    const snapshot = raft.snapshot();
    const to = BigInt(toWord ?? 0);
    const message: Message = { from: id, to, term, kind: 'snapshot', snapshot };
    this.#mail.push(message);
    this.#print(messageText(message));
  }

  #compact(word: string | undefined, index: number): void {
    const peer = this.#peer(word);
    const { raft, disk } = peer;
    const { term } = disk.content.entries.find((entry) => entry.index === index) ?? { term: 0 };
    disk.compact({ ...raft.snapshot(), index, term });
    raft.compact(index);
    this.#printLog(peer);
  }

  #printLog({ disk }: Peer): void {
    const { entries, base } = disk.content;
    for (const line of logLines(entries, base.index + 1)) this.#print(line);
  }

  #printRoles(): void {
    for (const { id, raft } of this.#peers) {
      const { role, leaderId, hardState, membership } = raft.status();
      const part = isVoter(membership, id) ? '(Voter)' : '(Non-Voter)';
      const tail = `Term:${hardState.term} Lead:${leaderId ?? 0}`;
      this.#print(`${id}: ${roleText(role)} ${part} ${tail}`);
    }
  }

  #printStatus({ raft }: Peer): void {
    for (const [id, progress] of [...raft.status().progress].sort(([a], [b]) => Number(a - b))) {
      this.#print(`${id}: ${progressText(progress)}`);
    }
  }
}

function mustSync({ entries, hardState }: Ready, disk: FakeRaftDisk): boolean {
  if (entries.length > 0) return true;
  if (hardState === null) return false;
  const before = disk.content.hardState;
  return hardState.term !== before.term || hardState.vote !== before.vote;
}

function optionsOf(id: PeerId, options: ReadonlyMap<string, string>): RaftOptions {
  const isSet = (name: string): boolean => options.get(name) === 'true';
  return {
    id,
    electionTicks,
    heartbeatTicks,
    preVote: isSet('prevote'),
    checkQuorum: isSet('checkquorum'),
    ownRemoval: ownRemovalOf(options),
    validatesMembership: !isSet('disable-conf-change-validation'),
    appendBytesMax: Number(options.get('append-bytes') ?? Number.MAX_SAFE_INTEGER),
    inflightCountMax: Number(options.get('inflight') ?? Number.MAX_SAFE_INTEGER),
    committedBytesMax: Number(
      options.get('max-committed-size-per-ready') ?? Number.MAX_SAFE_INTEGER,
    ),
    uncommittedBytesMax: Number.MAX_SAFE_INTEGER,
    seed: Number(id),
  };
}

function ownRemovalOf(options: ReadonlyMap<string, string>): RaftOptions['ownRemoval'] {
  if (options.get('hand-over') === 'true') return 'hands_over';
  return options.get('step-down-on-removal') === 'true' ? 'steps_down' : 'stays';
}

function commandOf(text: string): Proposal {
  return { kind: 'command', data: new TextEncoder().encode(text) };
}

function membershipProposalOf({ options, body }: ScriptCommand): Proposal {
  const isFirstVersion = options.get('v1') === 'true';
  const transition = (options.get('transition') ?? 'auto') as MembershipChange['transition'];
  const changes = peerChangesOf(listOf(body.join(' ')));
  const data = new TextEncoder().encode(isFirstVersion ? firstVersionMark : '');
  return { kind: 'membership', change: { transition, changes }, data };
}
