// The wire of the simulator: messages between addresses, on virtual time, with weather. Promises no
// more than `peer-network.ts` says: whatever may go wrong there goes wrong here.

import type { PeerId } from '../../src/base/ids.ts';
import type { Prng } from '../../src/base/prng.ts';
import {
  type PeerAnswer,
  type PeerEndpoint,
  type PeerMessage,
  type PeerNetwork,
  type PeerRequest,
  PeerUnreachable,
} from '../../src/cluster/peer-network.ts';
import type { Faults } from './faults.ts';
import type { Process, VirtualTime } from './virtual-time.ts';

/** A process that takes part in the network. */
export interface Port {
  readonly peerId: PeerId;
  readonly uri: string;
  readonly process: Process;
  clusterId: string | null;
  /** Listening. */
  endpoint: PeerEndpoint | null;
  addresses: ReadonlyMap<PeerId, string>;
}

export interface Weather {
  lossChance: number;
  doubleChance: number;
  /** Some messages take much longer, so that later ones overtake them. */
  strayChance: number;
  delayMs: number;
  /** Of messages with entries: leaders are made who cannot tell what they know. */
  largeLossChance: number;
}

export const fairWeather: Weather = {
  lossChance: 0,
  doubleChance: 0,
  strayChance: 0,
  delayMs: 1,
  largeLossChance: 0,
};

export class SimNetwork {
  readonly #time: VirtualTime;
  readonly #prng: Prng;
  readonly #faults: Faults;
  readonly #ports = new Map<string, Port>();
  /** `from→to` by address: nothing passes. */
  readonly #cut = new Set<string>();
  weather: Weather = fairWeather;

  constructor(time: VirtualTime, prng: Prng, faults: Faults) {
    this.#time = time;
    this.#prng = prng;
    this.#faults = faults;
  }

  open(port: Port): PeerNetwork {
    this.#ports.set(port.uri, port);
    return {
      send: (to, message) => this.#send(port, to, message),
      call: (to, request, timeoutMs) => this.#call(port, to, request, timeoutMs),
      addressFault: () => Promise.resolve(null),
      useAddresses: (addresses) => {
        port.addresses = addresses;
      },
      useCluster: (clusterId) => {
        port.clusterId = clusterId;
      },
      failures: () => new Map(),
    };
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}→${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  #send(from: Port, to: PeerId, message: PeerMessage): void {
    const uri = from.addresses.get(to);
    if (uri === undefined) return;
    const target = this.#ports.get(uri);
    if (target === undefined || !this.#speaks(from, target) || target.peerId !== to) {
      return this.#unreachable(from, to);
    }
    if (this.#isLost(from.uri, uri, isLarge(message))) return;
    const copies = this.#prng.chance(this.weather.doubleChance) ? 2 : 1;
    if (copies === 2) this.#faults.doubled += 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.#time.at(this.#delay(), target.process, () => {
        if (this.#ports.get(uri) !== target) return;
        target.endpoint?.receive(from.peerId, message);
      });
    }
  }

  /** Both of one cluster, both alive. */
  #speaks(from: Port, to: Port): boolean {
    return to.process.isAlive && to.endpoint !== null && from.clusterId === to.clusterId;
  }

  #unreachable(from: Port, to: PeerId): void {
    if (!this.#prng.chance(0.2)) return;
    this.#time.at(this.#delay(), from.process, () => from.endpoint?.unreachable(to));
  }

  #call(
    from: Port,
    to: { readonly peerId: PeerId } | { readonly uri: string },
    request: PeerRequest,
    timeoutMs: number,
  ): Promise<PeerAnswer> {
    const uri = 'uri' in to ? to.uri : from.addresses.get(to.peerId);
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => reject(new PeerUnreachable(reason));
      this.#time.at(timeoutMs, from.process, () => fail('deadline'));
      const target = uri === undefined ? undefined : this.#ports.get(uri);
      if (target === undefined || !target.process.isAlive || target.endpoint === null) {
        this.#time.at(this.#delay(), from.process, () => fail('connection refused'));
        return;
      }
      if (this.#isLost(from.uri, target.uri)) return;
      if (request.kind === 'install_snapshot') this.#faults.snapshots += 1;
      this.#time.at(this.#delay(), target.process, () => {
        const isForeign =
          from.clusterId !== null &&
          target.clusterId !== null &&
          from.clusterId !== target.clusterId;
        if (isForeign || target.endpoint === null) return;
        const known = from.clusterId === target.clusterId ? from.peerId : null;
        const answered = target.endpoint.serve(known, request, hostOf(from.uri)).then(
          (answer) => () => resolve(answer),
          (error: unknown) => () => fail(String(error)),
        );
        void answered.then((end) => {
          if (!target.process.isAlive || this.#isLost(target.uri, from.uri)) return;
          this.#time.at(this.#delay(), from.process, end);
        });
      });
    });
  }

  #isLost(from: string, to: string, isLargeMessage = false): boolean {
    if (this.#cut.has(`${from}→${to}`)) {
      this.#faults.cutOff += 1;
      return true;
    }
    const { lossChance, largeLossChance } = this.weather;
    const chance = isLargeMessage ? Math.max(lossChance, largeLossChance) : lossChance;
    if (!this.#prng.chance(chance)) return false;
    this.#faults.lost += 1;
    return true;
  }

  #delay(): number {
    const { delayMs, strayChance } = this.weather;
    const usual = delayMs * (0.5 + this.#prng.uniform());
    if (!this.#prng.chance(strayChance)) return usual;
    this.#faults.strayed += 1;
    return usual + this.#prng.uniform() ** 3 * 3000;
  }
}

/** `a` of `http://a:6335/`. */
function hostOf(uri: string): string {
  return uri.slice('http://'.length).split(':')[0] ?? '';
}

function isLarge(message: PeerMessage): boolean {
  return (
    message.kind === 'raft' &&
    message.message.kind === 'append' &&
    message.message.entries.length > 0
  );
}
