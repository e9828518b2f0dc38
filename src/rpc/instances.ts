// One identity, one process: which instance of each peer is connected to this node. A second
// instance is let in only after the first has been shown to be gone.

import type { PeerId } from '../base/ids.ts';
import type { Connection } from './connection.ts';

export class Instances {
  readonly #connections = new Map<PeerId, Set<Connection>>();
  readonly #fenceMs: number;

  constructor(fenceMs: number) {
    this.#fenceMs = fenceMs;
  }

  /** Asks whoever holds this identity for a sign of life; without one it loses its connections. */
  async admits(peerId: PeerId, instanceId: string): Promise<boolean> {
    const others = this.#others(peerId, instanceId);
    if (others.length === 0) return true;
    const alive = await Promise.all(others.map((other) => other.probe(this.#fenceMs)));
    if (alive.some((isAlive) => isAlive)) return false;
    for (const other of others) {
      other.refuse(`this node gave no sign of life, and another instance of peer ${peerId} came`);
    }
    return true;
  }

  /** False: another instance was faster. */
  add(connection: Connection): boolean {
    const { peerId, instanceId } = connection.remote;
    if (this.#others(peerId, instanceId).length > 0) return false;
    const known = this.#connections.get(peerId) ?? new Set();
    known.add(connection);
    this.#connections.set(peerId, known);
    return true;
  }

  remove(connection: Connection): void {
    const { peerId } = connection.remote;
    const known = this.#connections.get(peerId);
    known?.delete(connection);
    if (known?.size === 0) this.#connections.delete(peerId);
  }

  #others(peerId: PeerId, instanceId: string): readonly Connection[] {
    const known = [...(this.#connections.get(peerId) ?? [])];
    return known.filter((one) => one.remote.instanceId !== instanceId && !one.isClosed);
  }
}

export function identityInUse(peerId: PeerId): string {
  return `peer ${peerId}: this identity is in use by another live instance`;
}
