// One machine of the simulated cluster: its disk and identity outlive its processes, of which at
// most one runs. Start, stop, kill, power loss, pause, wipe.

import type { PeerId } from '../../src/base/ids.ts';
import type { Prng } from '../../src/base/prng.ts';
import { ClusterNode } from '../../src/cluster/cluster-node.ts';
import type { ClusterNodePorts, Identity, OpenedLog } from '../../src/cluster/node-types.ts';
import type { RaftLimits } from '../../src/cluster/timing.ts';
import type { Disk, Logger } from '../../src/io/ports.ts';
import type { SafetyRules } from '../../src/raft/quorum.ts';
import { RaftLog } from '../../src/storage/raft-log.ts';
import { FakeDisk } from '../fakes/fake-disk.ts';
import type { Faults } from './faults.ts';
import type { Port, SimNetwork } from './sim-network.ts';
import type { Process, VirtualTime } from './virtual-time.ts';

/** Ways to build it wrong. */
export interface Defects {
  readonly rules: SafetyRules | null;
  readonly forgetsVote: boolean;
  readonly skipsSync: boolean;
}

export interface SimPorts {
  readonly time: VirtualTime;
  readonly network: SimNetwork;
  readonly prng: Prng;
  readonly faults: Faults;
  readonly defects: Defects;
  readonly trace: (text: string) => void;
  readonly limits: RaftLimits;
}

export interface StartFlags {
  readonly bootstrap: string | null;
  /** A new address, or `null`. */
  readonly uri: string | null;
  /** Without, others find out by who called. */
  readonly saysUri: boolean;
  readonly isReinit?: boolean;
}

export const tickMs = 100;
export const raftDirectory = '/storage/raft';

export class SimMachine {
  readonly name: string;
  readonly compactEntries: number;
  readonly #ports: SimPorts;
  readonly #prng: Prng;
  #peerId: PeerId;
  #uri: string;
  disk: FakeDisk;
  #identity: Identity;
  #process: Process | null = null;
  #port: Port | null = null;
  /** Disk operations take this long, in the mean. */
  diskMs = 0.5;
  node: ClusterNode | null = null;
  /** The process ended by itself: why. */
  startError: string | null = null;
  isStarting = false;
  /** Its disk was broken on purpose, so it may have stopped with an error. */
  isBroken = false;

  constructor(name: string, ports: SimPorts, compactEntries: number) {
    this.name = name;
    this.#ports = ports;
    this.#prng = ports.prng.fork();
    this.compactEntries = compactEntries;
    this.#uri = `http://${name}:6335/`;
    this.#peerId = 0n;
    this.disk = this.#newDisk();
    this.#identity = this.#newIdentity();
  }

  get peerId(): PeerId {
    return this.#peerId;
  }

  get uri(): string {
    return this.#uri;
  }

  get isUp(): boolean {
    return this.#process !== null;
  }

  get process(): Process | null {
    return this.#process;
  }

  get identity(): Identity {
    return this.#identity;
  }

  start(flags: StartFlags): void {
    const { time, network, trace } = this.#ports;
    const process: Process = {
      isAlive: true,
      pausedUntilMs: 0,
      wallOffsetMs: this.#prng.int(1000),
    };
    this.#process = process;
    this.startError = null;
    this.isStarting = true;
    trace(`${this.name} starts`);
    if (flags.uri !== null) this.#uri = flags.uri;
    const port: Port = {
      peerId: this.#peerId,
      uri: this.#uri,
      process,
      clusterId: null,
      endpoint: null,
      addresses: new Map(),
    };
    this.#port = port;
    const disk = this.disk.mount();
    const log = this.#logger(process);
    const ports: ClusterNodePorts = {
      clock: time.clock(process),
      timers: time.timers(process),
      random: this.#random(),
      disk,
      log,
      network: network.open(port),
      identity: {
        load: () => Promise.resolve(this.#identity),
        save: async (identity) => {
          await this.#turn(process);
          this.#identity = identity;
        },
      },
      openLog: (directory) => this.#openLog(directory, disk, log),
    };
    const { rules } = this.#ports.defects;
    const options = {
      uri: flags.saysUri ? this.#uri : null,
      bootstrap: flags.bootstrap,
      isReinit: flags.isReinit === true,
      p2pPort: 6335,
      scheme: 'http',
      version: '0.1.0',
      directory: raftDirectory,
      tickMs,
      compactEntries: this.compactEntries,
      inboxCountMax: 100,
      joinTimeoutMs: 18_000,
      limits: this.#ports.limits,
      ...(rules === null ? {} : { rules }),
    } as const;
    ClusterNode.start(options, ports).then(
      (node) => this.#started(process, port, node),
      (error: unknown) => this.#failed(process, error),
    );
  }

  #started(process: Process, port: Port, node: ClusterNode): void {
    if (!process.isAlive) return;
    this.isStarting = false;
    this.node = node;
    port.endpoint = node;
  }

  #failed(process: Process, error: unknown): void {
    if (!process.isAlive) return;
    const name = error instanceof Error ? error.name : 'Error';
    this.startError = `${name}: ${error instanceof Error ? error.message : String(error)}`;
    this.#ports.trace(`${this.name} cannot start: ${this.startError}`);
    this.#end();
    this.disk.crash('kill');
  }

  /** `kill`: what was written stays. `power`: what was not synced may go. */
  crash(mode: 'kill' | 'power'): void {
    this.#ports.trace(`${this.name} ${mode}`);
    this.#end();
    this.disk.crash(mode);
  }

  async stopGracefully(): Promise<void> {
    const { node } = this;
    const process = this.#process;
    this.#ports.trace(`${this.name} stops`);
    await node?.handOver(1000);
    if (process !== this.#process) return;
    this.node = null;
    if (this.#port !== null) this.#port.endpoint = null;
    await node?.stop();
    if (process === null || process !== this.#process) return;
    this.#end();
    this.disk.crash('kill');
  }

  pause(forMs: number): void {
    if (this.#process === null) return;
    this.#process.pausedUntilMs = this.#ports.time.nowMs + forMs;
    this.#ports.trace(`${this.name} stands still`);
  }

  jumpWall(byMs: number): void {
    if (this.#process !== null) this.#process.wallOffsetMs += byMs;
  }

  /** An empty disk: a new peer at the same address. */
  wipe(): void {
    this.#ports.trace(`${this.name} is wiped`);
    this.disk = this.#newDisk();
    this.#identity = this.#newIdentity();
    this.isBroken = false;
  }

  #end(): void {
    if (this.#process !== null) this.#process.isAlive = false;
    this.#process = null;
    this.#port = null;
    this.node = null;
    this.isStarting = false;
  }

  #newDisk(): FakeDisk {
    const disk = new FakeDisk({
      seed: this.#prng.u32(),
      turn: () => this.#turn(this.#process),
    });
    disk.makeDir('/storage');
    // The server sees to it that the storage directory itself is durable.
    disk.syncDir('/').catch(() => {});
    return disk;
  }

  #newIdentity(): Identity {
    this.#peerId = BigInt(1 + this.#prng.u32());
    return { peerId: this.#peerId, clusterId: null, ownUri: null, addresses: new Map() };
  }

  #turn(process: Process | null): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.time.at(this.diskMs * (0.5 + this.#prng.uniform()), process, resolve);
    });
  }

  async #openLog(directory: string, disk: Disk, log: Logger): Promise<OpenedLog> {
    const opened = await RaftLog.open({ directory }, { disk, log });
    const { forgetsVote, skipsSync } = this.#ports.defects;
    if (!forgetsVote && !skipsSync) return opened;
    const real = opened.log;
    return {
      saved: opened.saved,
      log: {
        save: ({ hardState, entries, mustSync }) =>
          real.save({
            hardState: hardState !== null && forgetsVote ? { ...hardState, vote: null } : hardState,
            entries,
            mustSync: mustSync && !skipsSync,
          }),
        installSnapshot: (snapshot, hardState) =>
          real.installSnapshot(snapshot, forgetsVote ? { ...hardState, vote: null } : hardState),
        compact: (snapshot) => real.compact(snapshot),
        close: () => real.close(),
      },
    };
  }

  #random(): ClusterNodePorts['random'] {
    const prng = this.#prng.fork();
    return {
      uint32: () => prng.u32(),
      fill: (into) => {
        for (let at = 0; at < into.length; at += 1) into[at] = prng.int(256);
      },
    };
  }

  #logger(process: Process): Logger {
    const write =
      (level: string) =>
      (message: string, fields?: Readonly<Record<string, unknown>>): void => {
        if (!process.isAlive) return;
        const error = fields?.['error'];
        const detail = error instanceof Error ? ` ${error.stack ?? error.message}` : '';
        this.#ports.trace(`${this.name} ${level}: ${message}${detail}`);
      };
    return {
      debug: () => {},
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
  }
}
