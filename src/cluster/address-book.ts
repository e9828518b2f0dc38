// Where the peers are: kept for the network, and on disk for the next start. From the agreed state,
// or, before there is one, from what was said when this peer joined. Who was removed stays
// reachable for a while, because it shall hear of it.

import type { PeerId } from '../base/ids.ts';
import type { ClusterState, PeerState } from '../model/cluster-state.ts';
import type { ClusterNodePorts, Identity } from './node-types.ts';
import { silenceWhileBusyTicksMax } from './timing.ts';

const provisionalCountMax = 64;

export class AddressBook {
  readonly #ports: ClusterNodePorts;
  #identity: Identity;
  #usedPeers: ClusterState['peers'] | null = null;
  #isStale = false;
  readonly #leaving = new Map<PeerId, { readonly uri: string; readonly untilTick: number }>();
  /** Said by the peers themselves, and not agreed yet. */
  readonly #provisional = new Map<PeerId, string>();
  #saving: Promise<void> = Promise.resolve();

  constructor(identity: Identity, ports: ClusterNodePorts) {
    this.#identity = identity;
    this.#ports = ports;
    ports.network.useCluster(identity.clusterId);
  }

  get clusterId(): string | null {
    return this.#identity.clusterId;
  }

  get ownUri(): string | null {
    return this.#identity.ownUri;
  }

  /**
   * A peer says that it has moved. It may be needed to agree on that, so it is believed at once.
   */
  hear(peerId: PeerId, uri: string): void {
    if (this.of(peerId) === uri) return;
    for (const oldest of this.#provisional.keys()) {
      if (this.#provisional.size < provisionalCountMax) break;
      this.#provisional.delete(oldest);
    }
    this.#provisional.set(peerId, uri);
    this.#isStale = true;
  }

  /** Where this peer would call it. */
  of(peerId: PeerId): string | null {
    return this.#provisional.get(peerId) ?? this.#usedPeers?.get(peerId)?.uri ?? null;
  }

  use(state: ClusterState, tick: number): void {
    const isForgetting = this.#forgetLeaving(tick) || this.#isStale;
    if (state.peers === this.#usedPeers && !isForgetting) return;
    this.#isStale = false;
    for (const [id, { uri }] of this.#usedPeers ?? []) {
      if (state.peers.has(id)) continue;
      this.#leaving.set(id, { uri, untilTick: tick + silenceWhileBusyTicksMax });
    }
    const isChanged = state.peers !== this.#usedPeers;
    this.#usedPeers = state.peers;
    const known = this.#known(state);
    const others = new Map([...this.#leaving].map(([id, { uri }]) => [id, uri]));
    for (const [id, uri] of known) others.set(id, uri);
    for (const [id, uri] of this.#provisional) {
      // Unknown: a newer member, which this peer has not heard of by the log yet.
      if (known.get(id) === uri) this.#provisional.delete(id);
      else others.set(id, uri);
    }
    others.delete(this.#identity.peerId);
    this.#ports.network.useAddresses(others);
    if (isChanged) this.#save(state, known);
  }

  /** For a peer that is no member: itself alone. */
  whoIsKnown(state: ClusterState, version: string): ReadonlyMap<PeerId, PeerState> {
    const { peerId, ownUri } = this.#identity;
    const uri = state.peers.get(peerId)?.uri ?? ownUri;
    return new Map(uri === null ? [] : [[peerId, { uri, version }]]);
  }

  /** Resolves when what was known last is on disk, or could not be put there. */
  saved(): Promise<void> {
    return this.#saving;
  }

  #forgetLeaving(tick: number): boolean {
    let isForgetting = false;
    for (const [id, { untilTick }] of this.#leaving) {
      if (tick >= untilTick) isForgetting = this.#leaving.delete(id) || isForgetting;
    }
    return isForgetting;
  }

  #known(state: ClusterState): Map<PeerId, string> {
    if (state.peers.size === 0) return new Map(this.#identity.addresses);
    return new Map([...state.peers].map(([id, { uri }]) => [id, uri]));
  }

  #save(state: ClusterState, known: ReadonlyMap<PeerId, string>): void {
    const { addresses, clusterId } = this.#identity;
    const isSame =
      (state.clusterId === null || state.clusterId === clusterId) &&
      known.size === addresses.size &&
      [...known].every(([id, uri]) => addresses.get(id) === uri);
    if (isSame) return;
    const identity = {
      ...this.#identity,
      clusterId: state.clusterId ?? clusterId,
      addresses: known,
    };
    this.#identity = identity;
    this.#saving = this.#saving
      .then(() => this.#ports.identity.save(identity))
      .catch(
        // It only makes the next start harder; the log has it all.
        (error: unknown) =>
          this.#ports.log.warn('Cannot save the addresses of the peers', { error }),
      );
  }
}
