// One random life of a cluster: machines join, leave, die and come back, the network loses, doubles
// and splits, disks are slow and fail, clocks jump, while changes are proposed everywhere. After
// every step the checkers look at who acted; at the end, with all well again, the cluster must come
// to rest and take changes. The seed decides everything.

import type { PeerId } from '../../src/base/ids.ts';
import { Prng } from '../../src/base/prng.ts';
import type { ClusterNode, ProposalResult } from '../../src/cluster/cluster-node.ts';
import { memberIds } from '../../src/raft/membership.ts';
import { Checkers, Violation } from './checkers.ts';
import { randomCommand } from './commands.ts';
import { describe, violationOf } from './describe.ts';
import { noFaults } from './faults.ts';
import type { Life, LifeOptions } from './life.ts';
import { whatIsMissing } from './rest.ts';
import { SimMachine } from './sim-machine.ts';
import { fairWeather, SimNetwork } from './sim-network.ts';
import { type Process, VirtualTime } from './virtual-time.ts';
import { randomWeather } from './weather.ts';

export async function live(options: LifeOptions): Promise<Life> {
  const world = new World(options);
  const violation = await world.live();
  return {
    faults: world.faults,
    violation,
    stepCount: world.stepCount,
    simulatedMs: world.time.nowMs,
    traceHash: world.traceHash,
  };
}

const proposeMs = 5000;
const lastProposeMs = 3000;
const settleMs = 45_000;
const calmMs = 6000;

class World {
  readonly time = new VirtualTime();
  readonly faults = noFaults();
  stepCount = 0;
  readonly #options: LifeOptions;
  readonly #prng: Prng;
  readonly #network: SimNetwork;
  readonly #machines: SimMachine[] = [];
  readonly #checkers = new Checkers();
  readonly #byProcess = new Map<Process, SimMachine>();
  readonly #ports;
  readonly #weights: readonly (readonly [number, () => void])[];
  #answers: { readonly result: ProposalResult; readonly token: string }[] = [];
  #violation: Violation | null = null;
  #hash = 17;
  #serial = 0;
  readonly #isStormy: boolean;
  /** Until all is made well again. */
  #isStorm = true;
  /** A voter that lost its disk and is still counted, or a machine that waits to take its place. */
  #lost: SimMachine | null = null;
  #removedAtMs = Number.NEGATIVE_INFINITY;
  readonly #stepMs: number;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#prng = new Prng(options.seed);
    this.#network = new SimNetwork(this.time, this.#prng.fork(), this.faults);
    const trace = (text: string): void => {
      this.#mix(text.length);
      options.onTrace?.(`${this.time.nowMs.toFixed(1)} ${text}`);
    };
    const { time, faults } = this;
    const { defects } = options;
    this.#isStormy = options.kind === 'storm';
    const limits = {
      appendBytesMax: this.#isStormy ? 1 : this.#prng.pick([1, 500, 1e6]),
      inflightCountMax: this.#isStormy ? 1 : this.#prng.pick([1, 4, 64]),
      keptEntryCount: this.#prng.pick([0, 0, 256]),
    };
    this.#ports = {
      time,
      network: this.#network,
      prng: this.#prng,
      faults,
      defects,
      trace,
      limits,
    };
    this.#stepMs = this.#prng.pick([60, 150, 400]);
    this.#weights = options.kind === 'storm' ? this.#stormWeights() : this.#mixedWeights();
  }

  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  async live(): Promise<Violation | null> {
    try {
      await this.#begin();
      this.#scheduleStep();
      await this.#run(this.#options.stormMs);
      if (this.#violation === null) await this.#settle();
      this.faults.elections = this.#checkers.electionCount;
      return this.#violation;
    } catch (error) {
      return violationOf(error);
    }
  }

  async #begin(): Promise<void> {
    const prng = this.#prng;
    const peerCount =
      this.#options.kind === 'storm' ? prng.pick([3, 3, 5]) : prng.pick([3, 3, 4, 5]);
    for (let at = 0; at < peerCount; at += 1) this.#newMachine();
    const [first, ...others] = this.#machines;
    if (first === undefined) return;
    this.#start(first, null);
    await this.#run(300);
    for (const machine of others) this.#start(machine, first.uri);
    // Some lives begin before everybody is there.
    await this.#run(prng.pick([500, 2000, 4000]));
  }

  #newMachine(): SimMachine {
    const compactEntries = this.#prng.pick([0, 1, 3, 10, 40]);
    const name = `m${this.#machines.length}`;
    const machine = new SimMachine(name, this.#ports, compactEntries);
    this.#machines.push(machine);
    return machine;
  }

  #start(machine: SimMachine, bootstrap: string | null, uri: string | null = null): void {
    const { ownUri } = machine.identity;
    // Without a word about it, it is where others find it anyway, or where it was before.
    const isPlain = uri === null && machine.uri === (ownUri ?? `http://${machine.name}:6335/`);
    const saysUri = !isPlain || bootstrap === null || this.#prng.chance(0.5);
    machine.start({ bootstrap, uri, saysUri });
    if (machine.process !== null) this.#byProcess.set(machine.process, machine);
  }

  async #run(forMs: number): Promise<void> {
    await this.time.run(this.time.nowMs + forMs, (process) => this.#look(process));
  }

  /** After every event; false ends the life. */
  #look(process: Process | null): boolean {
    if (this.#violation !== null) return false;
    try {
      if (process === null) for (const machine of this.#machines) this.#checkMachine(machine);
      else {
        const machine = this.#byProcess.get(process);
        if (machine !== undefined) this.#checkMachine(machine);
      }
      // Whoever knew that it is committed may have ended by now: then others have to know it later.
      this.#answers = this.#answers.filter(
        ({ result, token }) => !this.#checkers.isProven(result, token),
      );
      return true;
    } catch (error) {
      this.#violation = violationOf(error);
      return false;
    }
  }

  #checkMachine(machine: SimMachine): void {
    const { node } = machine;
    if (node === null) return;
    this.#checkers.check(node);
    const status = node.inspect().driver.status;
    if (status.kind === 'stopped_with_err' && !machine.isBroken) {
      throw new Violation('no needless stop', `${machine.name}: ${status.error}`);
    }
    this.#mix(node.appliedIndex * 31 + this.#machines.indexOf(machine));
    this.#mix(this.time.nowMs * 1000);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193) ^ (this.#hash >>> 15);
  }

  #scheduleStep(): void {
    const delayMs = this.#stepMs * 2 * this.#prng.uniform();
    this.time.at(delayMs, null, () => {
      if (!this.#isStorm || this.stepCount >= this.#options.stepCount) return;
      this.stepCount += 1;
      this.#step();
      this.#scheduleStep();
    });
  }

  #step(): void {
    const weightSum = this.#weights.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#prng.uniform() * weightSum;
    for (const [weight, act] of this.#weights) {
      at -= weight;
      if (at < 0) return act();
    }
  }

  #mixedWeights(): readonly (readonly [number, () => void])[] {
    const rate = (most: number): number => most * this.#prng.uniform();
    return [
      [30, () => this.#propose()],
      [rate(6), () => this.#crash(this.#up())],
      [rate(2), () => this.#crash(this.#leaders())],
      [8, () => this.#restart()],
      [rate(4), () => this.#split()],
      [4, () => this.#network.heal()],
      [rate(5), () => this.#changeWeather()],
      [rate(4), () => this.#pause()],
      [rate(2), () => this.#jumpClock()],
      [rate(3), () => this.#slowDisk()],
      [rate(2), () => this.#failSync()],
      [rate(2), () => this.#tearWrite()],
      [rate(2), () => this.#join()],
      [rate(2.5), () => this.#remove()],
      [rate(1.5), () => this.#stopGracefully()],
      [rate(1), () => this.#changeUri()],
      [rate(1.5), () => this.#wipe()],
      [rate(1), () => this.#flipByte()],
      [rate(2), () => this.#refresh()],
    ];
  }

  #stormWeights(): readonly (readonly [number, () => void])[] {
    return [
      [12, () => this.#propose()],
      [4, () => this.#crash(this.#leaders())],
      [3, () => this.#crash(this.#up())],
      [8, () => this.#restart()],
      [3, () => this.#split()],
      [2, () => this.#network.heal()],
      [2, () => this.#changeWeather()],
      [1, () => this.#pause()],
      [2, () => this.#slowDisk()],
    ];
  }

  #up(): readonly SimMachine[] {
    return this.#machines.filter((machine) => machine.node !== null);
  }

  #leaders(): readonly SimMachine[] {
    return this.#up().filter((one) => one.node?.inspect().driver.raftStatus.role === 'leader');
  }

  #pickUp(): SimMachine | null {
    const up = this.#up();
    return up.length === 0 ? null : this.#prng.pick(up);
  }

  #newest(): ClusterNode | null {
    let newest: ClusterNode | null = null;
    for (const { node } of this.#up()) {
      if (node !== null && node.appliedIndex > (newest?.appliedIndex ?? 0)) newest = node;
    }
    return newest;
  }

  #members(): readonly PeerId[] {
    const newest = this.#newest();
    return newest === null ? [] : memberIds(newest.inspect().driver.raftStatus.membership);
  }

  #propose(): void {
    const node = this.#pickUp()?.node;
    if (node === null || node === undefined) return;
    this.#serial += 1;
    const peers = [...node.state().peers.keys()];
    const { command, token } = randomCommand(this.#prng, this.#serial, peers);
    this.faults.proposals += 1;
    void node.propose(command, this.#prng.pick([500, 2000, proposeMs])).then((result) => {
      if (result.kind === 'done') this.faults.acknowledged += 1;
      this.#answers.push({ result, token });
    });
  }

  #crash(candidates: readonly SimMachine[]): void {
    if (candidates.length === 0) return;
    const machine = this.#prng.pick(candidates);
    const mode = this.#prng.chance(0.6) ? 'power' : 'kill';
    if (mode === 'power') this.faults.powerLosses += 1;
    else this.faults.kills += 1;
    machine.crash(mode);
    if (this.#prng.chance(0.4)) this.#restartOne(machine);
  }

  #restart(): void {
    const down = this.#machines.filter((machine) => !machine.isUp);
    const broken = this.#up().filter((one) => one.isBroken && !one.node?.isWorking);
    for (const machine of broken) machine.crash('power');
    const candidates = [...down, ...broken];
    if (candidates.length > 0) this.#restartOne(this.#prng.pick(candidates));
  }

  #restartOne(machine: SimMachine): void {
    if (machine.startError?.startsWith('CorruptFileError') === true) {
      machine.wipe();
      if (this.#lost === null) this.#lost = machine;
    }
    machine.isBroken = false;
    if (machine.startError?.includes('Failed to join') === true) this.faults.joinsFailed += 1;
    // Where nobody is left to tell the new address to, people go back to the old one.
    const isLost = machine.startError?.includes('from any known peers') === true;
    this.#start(machine, this.#bootstrapFor(machine), isLost ? machine.identity.ownUri : null);
  }

  /** Only who founded the cluster may start without one while it is new. */
  #bootstrapFor(machine: SimMachine): string | null {
    const others = this.#up().filter((other) => {
      return other !== machine && (this.#isStorm || other.node?.isWorking === true);
    });
    const isNew = machine.identity.clusterId === null;
    const isFounder = machine === this.#machines[0] && this.#checkers.commitIndexMax === 0;
    if (isFounder) return null;
    if (!isNew && this.#prng.chance(0.5)) return null;
    if (others.length > 0) return this.#prng.pick(others).uri;
    return isNew ? 'http://nobody:6335/' : null;
  }

  #split(): void {
    const uris = this.#machines.map(({ uri }) => uri);
    if (this.#prng.chance(0.4)) {
      this.faults.oneWayCuts += 1;
      const from = this.#prng.pick(uris);
      for (const to of uris) if (to !== from && this.#prng.chance(0.6)) this.#network.cut(from, to);
      return;
    }
    this.faults.splits += 1;
    const side = new Map(uris.map((uri) => [uri, this.#prng.int(2)]));
    for (const from of uris) {
      for (const to of uris) if (side.get(from) !== side.get(to)) this.#network.cut(from, to);
    }
  }

  #changeWeather(): void {
    this.#network.weather = randomWeather(this.#prng, this.#isStormy);
  }

  #pause(): void {
    this.faults.pauses += 1;
    this.#pickUp()?.pause(this.#prng.pick([200, 1000, 3000, 8000]));
  }

  #jumpClock(): void {
    this.faults.wallJumps += 1;
    this.#pickUp()?.jumpWall((this.#prng.uniform() - 0.5) * 1e8);
  }

  #slowDisk(): void {
    const machine = this.#pickUp();
    if (machine === null) return;
    this.faults.slowDisks += 1;
    machine.diskMs = this.#prng.pick([0.1, 5, 60, 400, 1500]);
  }

  #failSync(): void {
    const machine = this.#pickUp();
    if (machine === null) return;
    this.faults.failedSyncs += 1;
    machine.isBroken = true;
    machine.disk.failAt(1 + this.#prng.int(3), 'io', ['sync']);
  }

  /** The machine loses power in the middle of a write. */
  #tearWrite(): void {
    const machine = this.#pickUp();
    if (machine === null) return;
    this.faults.tornWrites += 1;
    machine.isBroken = true;
    machine.disk.stopAt(1 + this.#prng.int(6));
  }

  #join(): void {
    if (this.#machines.length >= 7 || this.#lost !== null) return;
    this.faults.joins += 1;
    const machine = this.#newMachine();
    this.#start(machine, this.#bootstrapFor(machine));
  }

  #remove(): void {
    const by = this.#pickUp();
    const members = this.#members();
    if (by === null || by.node === null || members.length === 0 || this.#lost !== null) return;
    const isLeader = this.#prng.chance(0.4);
    const leader = this.#leaders()[0];
    const peerId = this.#prng.chance(0.1)
      ? 12345n
      : isLeader && leader !== undefined
        ? leader.peerId
        : this.#prng.pick(members);
    if (members.includes(peerId) && members.length <= 2 && this.#prng.chance(0.8)) return;
    this.faults.removals += 1;
    if (peerId === leader?.peerId) this.faults.leaderRemovals += 1;
    this.#removedAtMs = this.time.nowMs;
    this.#ports.trace(`${by.name} asks to remove ${peerId}`);
    void by.node.removePeer(peerId, 8000).then((result) => {
      this.#ports.trace(`removal of ${peerId}: ${result.kind}`);
    });
  }

  #stopGracefully(): void {
    const machine = this.#pickUp();
    if (machine === null) return;
    this.faults.gracefulStops += 1;
    void machine.stopGracefully();
  }

  #changeUri(): void {
    const machine = this.#pickUp();
    if (machine === null || !this.#isEverybodyWhereAgreed()) return;
    this.faults.uriChanges += 1;
    machine.crash('kill');
    this.#serial += 1;
    this.#start(machine, null, `http://${machine.name}-${this.#serial}:6335/`);
  }

  /** Two that move at once may lose each other for good. */
  #isEverybodyWhereAgreed(): boolean {
    const peers = this.#newest()?.state().peers;
    return this.#machines.every(
      ({ peerId, uri }) => peers?.get(peerId) === undefined || peers.get(peerId)?.uri === uri,
    );
  }

  /** Who was removed and is empty again, or a member that lost its disk: both join anew. */
  #wipe(): void {
    const members = this.#members();
    const stopped = this.#up().filter((one) => one.node?.status().thread.kind === 'stopped');
    if (stopped.length > 0) {
      const machine = this.#prng.pick(stopped);
      if (members.includes(machine.peerId)) return;
      this.faults.wipes += 1;
      machine.crash('kill');
      machine.wipe();
      this.#start(machine, this.#bootstrapFor(machine));
      return;
    }
    const machine = this.#pickUp();
    if (machine === null || !this.#mayLose()) return;
    this.faults.wipes += 1;
    this.#lost = machine;
    machine.crash('power');
    machine.wipe();
    this.#start(machine, this.#bootstrapFor(machine));
  }

  #mayLose(): boolean {
    if (this.#lost !== null || this.time.nowMs - this.#removedAtMs < 20_000) return false;
    if (this.#machines.some((one) => one.isStarting || one.isBroken)) return false;
    const leader = this.#leaders()[0]?.node;
    if (leader === undefined || leader === null) return false;
    return leader.inspect().driver.raftStatus.membership.voters.length >= 3;
  }

  /** Damage before the end of a file is noticed, and the machine is as good as lost. */
  #flipByte(): void {
    if (!this.#mayLose()) return;
    const machine = this.#pickUp();
    if (machine === null) return;
    machine.crash('kill');
    const names = machine.disk.list('/storage/raft').map(({ name }) => name);
    const snapshots = names.filter((name) => name.startsWith('snapshot-'));
    const name = snapshots.at(-1);
    if (name !== undefined) {
      const path = `/storage/raft/${name}`;
      const bytes = machine.disk.bytesOf(path);
      this.faults.flippedBytes += 1;
      this.#lost = machine;
      machine.isBroken = true;
      machine.disk.flip(path, this.#prng.int(bytes.length), 1 << this.#prng.int(8));
    }
    this.#start(machine, null);
  }

  #refresh(): void {
    this.faults.refreshes += 1;
    this.#pickUp()?.node?.refreshState();
  }

  /** Everything is made well; then the cluster must come to rest. */
  async #settle(): Promise<void> {
    this.#isStorm = false;
    this.#ports.trace('all is well again');
    this.#network.heal();
    this.#network.weather = fairWeather;
    for (const machine of this.#machines) {
      machine.diskMs = 0.5;
      if (machine.process !== null) machine.process.pausedUntilMs = 0;
      // What was planned to break would break later.
      if (machine.isBroken && machine.isUp) machine.crash('power');
    }
    const endMs = this.time.nowMs + settleMs;
    let missing = 'nothing';
    while (this.time.nowMs < endMs && this.#violation === null) {
      this.#restartAll();
      await this.#run(500);
      missing = whatIsMissing(this.#machines, this.#leaders());
      if (missing !== '' || this.#violation !== null) continue;
      await this.#takeLastChanges();
      await this.#stayCalm();
      for (const { token } of this.#answers) {
        this.#violation ??= new Violation('acknowledged is committed', `${token} is nowhere`);
      }
      return;
    }
    for (const machine of this.#machines) this.#ports.trace(describe(machine));
    if (this.#isBeyondRepair()) return;
    this.#violation ??= new Violation('liveness', missing);
  }

  /** A removal that had long been under way, and a disk lost meanwhile: no majority is left. */
  #isBeyondRepair(): boolean {
    if (this.#lost === null) return false;
    const newest = this.#newest();
    const voters = newest?.inspect().driver.raftStatus.membership.voters ?? [];
    const left = voters.filter((id) => this.#machines.some(({ peerId }) => peerId === id));
    return left.length <= voters.length / 2;
  }

  #restartAll(): void {
    for (const machine of this.#machines) {
      const { node, isBroken } = machine;
      if (node !== null && isBroken && !node.isWorking && node.status().thread.kind !== 'stopped') {
        machine.crash('power');
      }
      if (!machine.isUp) this.#restartOne(machine);
    }
  }

  /** Each member gets a change through; it may try again. */
  async #takeLastChanges(): Promise<void> {
    const open = new Map<string, SimMachine>();
    const members = this.#members();
    for (const machine of this.#up()) {
      if (members.includes(machine.peerId)) open.set(`last-${machine.name}-`, machine);
    }
    for (let attempt = 0; attempt < 3 && open.size > 0; attempt += 1) {
      // An orderly stop that began before all was well may have ended only now.
      this.#restartAll();
      for (const [token, { node }] of open) {
        void node?.propose({ kind: 'nop', token }, lastProposeMs).then((result) => {
          this.#answers.push({ result, token });
          if (result.kind === 'done') open.delete(token);
        });
      }
      await this.#run(lastProposeMs);
    }
    if (open.size === 0 || this.#violation !== null) return;
    for (const machine of this.#machines) this.#ports.trace(describe(machine));
    this.#violation = new Violation('liveness', `not taken: ${[...open.keys()].join(' ')}`);
  }

  /** Nobody has a reason for an election now. */
  async #stayCalm(): Promise<void> {
    const before = this.#checkers.electionCount;
    await this.#run(calmMs);
    const count = this.#checkers.electionCount - before;
    if (count === 0) return;
    this.#violation ??= new Violation('no needless election', `${count} in calm weather`);
  }
}
