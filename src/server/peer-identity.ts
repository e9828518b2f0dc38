// Who this node is: `<storage>/raft_state.json`, made once for a storage directory. A node that
// stands alone has a peer id as well: its replicas are known by it. People and tools read and edit
// the file, so members that are not understood here are kept.

import type { PeerId } from '../base/ids.ts';
import { parseJson } from '../base/json-scanner.ts';
import type { JsonObject, JsonValue } from '../base/json-value.ts';
import { jsonBytes } from '../base/json-writer.ts';
import type { Disk, Random } from '../io/ports.ts';
import { readText, writeTextAtomic } from '../storage/atomic-file.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';

/** Ids up to here stay exact in any JSON parser. Older storage may hold any u64. */
const newPeerIdMax = 2n ** 53n;
const peerIdMax = 2n ** 64n - 1n;

export function identityPath(storagePath: string): string {
  return `${storagePath}/raft_state.json`;
}

/** The id of this storage directory; makes and keeps one if it has none yet. */
export async function openPeerIdentity(
  storagePath: string,
  ports: { readonly disk: Disk; readonly random: Random },
): Promise<PeerId> {
  const path = identityPath(storagePath);
  const members = await readIdentityFile(ports.disk, path);
  const known = members.get('this_peer_id');
  if (known !== undefined) return peerIdOf(known, path);
  const peerId = randomPeerId(ports.random);
  await writeIdentityFile(ports.disk, path, new Map(members).set('this_peer_id', Number(peerId)));
  return peerId;
}

/** All members of the file, numbers exact; empty when there is no file. */
export async function readIdentityFile(disk: Disk, path: string): Promise<JsonObject> {
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

export async function writeIdentityFile(
  disk: Disk,
  path: string,
  members: JsonObject,
): Promise<void> {
  await writeTextAtomic(disk, path, `${new TextDecoder().decode(jsonBytes(members))}\n`);
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
