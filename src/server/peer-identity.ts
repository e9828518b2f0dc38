// Who this node is: `<storage>/raft_state.json`, made once for a storage directory. A node that
// stands alone has a peer id as well: its replicas are known by it. The identity is what counts;
// the rest of the file shows people and tools where consensus stands, and what is not understood
// here is kept. The log of consensus has the truth about everything else.
//
// Invariant: writes never overlap, and each holds all that was said before it began.

import type { PeerId } from '../base/ids.ts';
import { parseJson } from '../base/json-scanner.ts';
import type { JsonObject, JsonValue } from '../base/json-value.ts';
import { jsonBytes } from '../base/json-writer.ts';
import type { Identity, IdentityStore } from '../cluster/node-types.ts';
import type { Disk, Random } from '../io/ports.ts';
import { readText, writeTextAtomic } from '../storage/atomic-file.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';

/** Ids up to here stay exact in any JSON parser. Older storage may hold any u64. */
const newPeerIdMax = 2n ** 53n;
const peerIdMax = 2n ** 64n - 1n;

interface IdentityPorts {
  readonly disk: Disk;
  readonly random: Random;
}

/** `undefined`: the file does not have it. */
export type ShownMembers = ReadonlyMap<string, JsonValue | undefined>;

export class PeerIdentityFile implements IdentityStore {
  readonly peerId: PeerId;
  readonly #disk: Disk;
  readonly #path: string;
  #members: Map<string, JsonValue>;
  #writing: Promise<void> = Promise.resolve();
  /** What is on disk; `null`: what was there before, or nobody knows. */
  #written: string | null = null;

  /** Makes and keeps an id if there is none yet: `presetId`, or a random one. */
  static async open(
    storagePath: string,
    presetId: PeerId | null,
    { disk, random }: IdentityPorts,
  ): Promise<PeerIdentityFile> {
    const path = `${storagePath}/raft_state.json`;
    const members = await readMembers(disk, path);
    const known = members.get('this_peer_id');
    if (known !== undefined) {
      return new PeerIdentityFile(disk, path, { peerId: peerIdOf(known, path), members });
    }
    const peerId = presetId ?? randomPeerId(random);
    const file = new PeerIdentityFile(disk, path, {
      peerId,
      members: new Map([...firstMembers(peerId), ...members]),
    });
    await file.#write();
    return file;
  }

  private constructor(
    disk: Disk,
    path: string,
    content: { readonly peerId: PeerId; readonly members: JsonObject },
  ) {
    this.#disk = disk;
    this.#path = path;
    this.peerId = content.peerId;
    this.#members = new Map(content.members);
  }

  load(): Promise<Identity> {
    const clusterId = this.#members.get('cluster_id');
    const ownUri = this.#members.get('own_uri');
    const stored = this.#members.get('peer_address_by_id');
    const addresses = new Map<PeerId, string>();
    for (const [id, uri] of stored instanceof Map ? (stored as JsonObject) : []) {
      if (/^[0-9]+$/.test(id) && typeof uri === 'string') addresses.set(BigInt(id), uri);
    }
    const own = typeof ownUri === 'string' ? ownUri : (addresses.get(this.peerId) ?? null);
    return Promise.resolve({
      peerId: this.peerId,
      clusterId: typeof clusterId === 'string' ? clusterId : null,
      ownUri: own,
      addresses,
    });
  }

  save(identity: Identity): Promise<void> {
    const addresses = [...identity.addresses].map(([id, uri]) => [String(id), uri] as const);
    this.#members.set('cluster_id', identity.clusterId);
    this.#members.set('own_uri', identity.ownUri);
    this.#members.set('peer_address_by_id', new Map(addresses));
    return this.#write();
  }

  /** For people and tools: nothing here depends on it. */
  async show(members: ShownMembers): Promise<void> {
    for (const [name, value] of members) {
      if (value === undefined) this.#members.delete(name);
      else this.#members.set(name, value);
    }
    if (this.#text() !== this.#written) await this.#write();
  }

  #text(): string {
    return new TextDecoder().decode(jsonBytes(this.#members));
  }

  #write(): Promise<void> {
    const written = this.#writing.then(async () => {
      const text = this.#text();
      this.#written = null;
      await writeTextAtomic(this.#disk, this.#path, `${text}\n`);
      this.#written = text;
    });
    this.#writing = written.catch(() => undefined);
    return written;
  }
}

/** What the file says before there was any consensus. */
function firstMembers(peerId: PeerId): JsonObject {
  const id = jsonPeerId(peerId);
  const hardState = new Map([
    ['term', 0],
    ['vote', 0],
    ['commit', 0],
  ]);
  const members: readonly (readonly [string, JsonValue])[] = [
    [
      'state',
      new Map<string, JsonValue>([
        ['hard_state', hardState],
        ['conf_state', confState([id], [])],
      ]),
    ],
    [
      'latest_snapshot_meta',
      new Map([
        ['term', 0],
        ['index', 0],
      ]),
    ],
    ['apply_progress_queue', null],
    ['peer_address_by_id', new Map()],
    ['peer_metadata_by_id', new Map()],
    ['this_peer_id', id],
  ];
  return new Map(members);
}

export function confState(
  voters: readonly JsonValue[],
  learners: readonly JsonValue[],
): JsonObject {
  return new Map<string, JsonValue>([
    ['voters', voters],
    ['learners', learners],
    ['voters_outgoing', []],
    ['learners_next', []],
    ['auto_leave', false],
  ]);
}

/** A bare integer, whatever its size. */
export function jsonPeerId(peerId: PeerId): JsonValue {
  return peerId <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(peerId) : peerId;
}

/** All members of the file, numbers exact; empty when there is no file. */
async function readMembers(disk: Disk, path: string): Promise<JsonObject> {
  const text = await readText(disk, path);
  if (text === null) return new Map();
  let value: JsonValue;
  try {
    value = parseJson(new TextEncoder().encode(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CorruptFileError(path, 0, reason, { cause: error });
  }
  if (value instanceof Map) return value as JsonObject;
  throw new CorruptFileError(path, 0, 'not a JSON object');
}

function peerIdOf(value: JsonValue, path: string): PeerId {
  const id = typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : 0n;
  if (id > 0n && id <= peerIdMax) return id;
  throw new CorruptFileError(path, 0, '`this_peer_id` is not a peer id');
}

/** Uniform in 1 … 2^53. */
function randomPeerId(random: Random): PeerId {
  const bits = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
  return (bits % newPeerIdMax) + 1n;
}
