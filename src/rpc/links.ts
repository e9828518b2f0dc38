// Whom this node calls: by peer id those of the address book, by address whoever lives there. Each
// has up to three lanes, made when first wanted and forgotten when unused. Failures are kept by
// address until something succeeds there.

import type { PeerId } from '../base/ids.ts';
import { type PeerRequest, PeerUnreachable, type SendFailure } from '../cluster/peer-network.ts';
import type { Purpose } from './codec/handshake.ts';
import type { BodyPieces } from './codec/peer-codec.ts';
import type { Connection } from './connection.ts';
import type { Dialed } from './dial.ts';
import { Lane } from './lane.ts';
import type { WireContext } from './wire-context.ts';

export interface LinksOwner {
  /** `null`: whoever lives there. */
  dial(uri: string, purpose: Purpose, expected: PeerId | null): Promise<Dialed>;
  opened(connection: Connection): string | null;
  closed(connection: Connection): void;
  unreachable(peerId: PeerId): void;
}

interface Link {
  readonly uri: string;
  readonly peerId: PeerId | null;
  readonly lanes: Map<Purpose, Lane>;
}

/** Addresses that were called once and are in no book are forgotten beyond this. */
const failuresCountMax = 1_000;

export class Links {
  readonly #owner: LinksOwner;
  readonly #context: WireContext;
  readonly #byPeer = new Map<PeerId, Link>();
  readonly #byUri = new Map<string, Link>();
  /** No longer in the book; they end once nobody waits for them. */
  readonly #retired = new Set<Link>();
  readonly #failures = new Map<string, SendFailure>();
  #addresses: ReadonlyMap<PeerId, string> = new Map();

  constructor(owner: LinksOwner, context: WireContext) {
    this.#owner = owner;
    this.#context = context;
  }

  failures(): ReadonlyMap<string, SendFailure> {
    return this.#failures;
  }

  useAddresses(addresses: ReadonlyMap<PeerId, string>): void {
    const left = new Set(this.#addresses.values());
    this.#addresses = new Map(addresses);
    for (const [peerId, link] of this.#byPeer) {
      if (addresses.get(peerId) === link.uri) continue;
      this.#byPeer.delete(peerId);
      this.#retired.add(link);
      for (const lane of link.lanes.values()) lane.retire();
    }
    for (const uri of addresses.values()) left.delete(uri);
    for (const uri of left) this.#failures.delete(uri);
  }

  /** False: its address is not known. */
  send(to: PeerId, body: BodyPieces, replaces: string | null): boolean {
    const link = this.#linkOf(to);
    if (link === null) return false;
    const bytes = body.reduce((sum, piece) => sum + piece.length, 0);
    const purpose = bytes > this.#context.limits.controlBytesMax ? 'bulk' : 'control';
    this.#laneOf(link, purpose).send(body, replaces);
    return true;
  }

  call(
    to: { readonly peerId: PeerId } | { readonly uri: string },
    kind: PeerRequest['kind'],
    body: BodyPieces,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const link = 'uri' in to ? this.#linkTo(to.uri) : this.#linkOf(to.peerId);
    if (link === null) {
      const who = 'uri' in to ? to.uri : `peer ${to.peerId}`;
      return Promise.reject(new PeerUnreachable(`the address of ${who} is not known`));
    }
    return this.#laneOf(link, this.#purposeOf(kind, body)).call(body, timeoutMs);
  }

  #purposeOf(kind: PeerRequest['kind'], body: BodyPieces): Purpose {
    if (kind === 'shard_call') return 'data';
    if (hasLargeAnswer.has(kind)) return 'bulk';
    const bytes = body.reduce((sum, piece) => sum + piece.length, 0);
    return bytes > this.#context.limits.controlBytesMax ? 'bulk' : 'control';
  }

  /** This peer has called us: it lives. */
  rouse(peerId: PeerId): void {
    for (const lane of this.#byPeer.get(peerId)?.lanes.values() ?? []) lane.rouse();
  }

  renew(): void {
    for (const lane of this.#lanes()) lane.renew();
  }

  tick(nowMs: number): void {
    for (const lane of this.#lanes()) lane.tick(nowMs);
    for (const [uri, link] of this.#byUri) {
      if (this.#isUnused(link, nowMs)) this.#byUri.delete(uri);
    }
    for (const link of this.#retired) {
      if ([...link.lanes.values()].every((lane) => lane.isIdle)) this.#retired.delete(link);
    }
  }

  excuseSilence(nowMs: number): void {
    for (const lane of this.#lanes()) lane.excuseSilence(nowMs);
  }

  close(reason: string): void {
    for (const lane of this.#lanes()) lane.close(reason);
    this.#byPeer.clear();
    this.#byUri.clear();
    this.#retired.clear();
  }

  #isUnused(link: Link, nowMs: number): boolean {
    const { unusedMs } = this.#context.limits;
    return [...link.lanes.values()].every(
      (lane) => lane.isIdle && nowMs - lane.usedMs > 2 * unusedMs,
    );
  }

  *#lanes(): Iterable<Lane> {
    for (const links of [this.#byPeer.values(), this.#byUri.values(), this.#retired.values()]) {
      for (const link of links) yield* link.lanes.values();
    }
  }

  #linkOf(peerId: PeerId): Link | null {
    const known = this.#byPeer.get(peerId);
    if (known !== undefined) return known;
    const uri = this.#addresses.get(peerId);
    if (uri === undefined) return null;
    const link: Link = { uri, peerId, lanes: new Map() };
    this.#byPeer.set(peerId, link);
    return link;
  }

  #linkTo(uri: string): Link {
    const known = this.#byUri.get(uri);
    if (known !== undefined) return known;
    const link: Link = { uri, peerId: null, lanes: new Map() };
    this.#byUri.set(uri, link);
    return link;
  }

  #laneOf(link: Link, purpose: Purpose): Lane {
    const known = link.lanes.get(purpose);
    if (known !== undefined) return known;
    const { uri, peerId } = link;
    const lane = new Lane(
      { uri, purpose },
      {
        dial: () => this.#owner.dial(uri, purpose, peerId),
        opened: (connection) => this.#owner.opened(connection),
        closed: (connection) => this.#owner.closed(connection),
        succeeded: () => this.#failures.delete(uri),
        failed: (reason, count) => this.#countFailure(uri, reason, count),
        unreachable: () => {
          if (peerId !== null) this.#owner.unreachable(peerId);
        },
      },
      this.#context,
    );
    link.lanes.set(purpose, lane);
    return lane;
  }

  #countFailure(uri: string, reason: string, count: number): void {
    const before = this.#failures.get(uri)?.count ?? 0;
    const [oldest] = this.#failures.keys();
    this.#failures.delete(uri);
    if (this.#failures.size >= failuresCountMax && oldest !== undefined) {
      this.#failures.delete(oldest);
    }
    const latestAtMs = this.#context.clock.nowMs();
    this.#failures.set(uri, { count: before + count, latestError: reason, latestAtMs });
    this.#context.log.warn(`Peer at ${uri}: ${reason}`);
  }
}

const hasLargeAnswer: ReadonlySet<PeerRequest['kind']> = new Set([
  'fetch_state',
  'install_snapshot',
  'telemetry',
]);
