// What tests of transfers need of real processes: where shards are, what a replica holds, and
// writers that remember what was acknowledged.

import assert from 'node:assert/strict';
import { idOf, type Peer, until } from './octant-cluster.ts';

export interface Placement {
  readonly peer_id: number;
  readonly local_shards: readonly {
    readonly shard_id: number;
    readonly points_count: number;
    readonly state: string;
  }[];
  readonly remote_shards: readonly {
    readonly shard_id: number;
    readonly peer_id: number;
    readonly state: string;
  }[];
  readonly shard_transfers: readonly {
    readonly shard_id: number;
    readonly from: number;
    readonly to: number;
    readonly sync: boolean;
    readonly method: string;
    readonly comment?: string;
  }[];
}

export function placementOf(peer: Peer, name: string): Promise<Placement> {
  return peer.result<Placement>('GET', `/collections/${name}/cluster`);
}

export async function untilNoTransfers(
  peers: readonly Peer[],
  name: string,
  timeoutMs?: number,
): Promise<void> {
  await until(async () => {
    for (const peer of peers) {
      const { shard_transfers } = await placementOf(peer, name);
      if (shard_transfers.length > 0) return JSON.stringify(shard_transfers);
    }
    return null;
  }, timeoutMs);
}

export function aPoint(id: number, round: number): object {
  return { id, vector: [id, round, 1, 1], payload: { round } };
}

/** One shard on one peer, with `count` points, unless `body` says something else. */
export async function createPoints(
  peer: Peer,
  name: string,
  count: number,
  body: object = {},
): Promise<void> {
  const config = { vectors: { size: 4, distance: 'Dot' }, shard_number: 1, ...body };
  await peer.result('PUT', `/collections/${name}`, config);
  const ids = Array.from({ length: count }, (_, id) => id);
  for (let from = 0; from < count; from += 1_000) {
    const points = ids.slice(from, from + 1_000).map((id) => aPoint(id, 0));
    await peer.result('PUT', `/collections/${name}/points?wait=true`, { points });
  }
}

export async function startTransfer(
  peer: Peer,
  kind: 'move_shard' | 'replicate_shard',
  name: string,
  { source, target }: { readonly source: Peer; readonly target: Peer },
): Promise<void> {
  await peer.result('POST', `/collections/${name}/cluster`, {
    [kind]: { shard_id: 0, from_peer_id: await idOf(source), to_peer_id: await idOf(target) },
  });
}

/** Until so many more writes are acknowledged. */
export async function untilWritten(load: Load, count: number): Promise<void> {
  const goal = load.writeCount + count;
  await until(() =>
    Promise.resolve(
      load.writeCount >= goal ? null : `${load.writeCount} writes, ${load.failures.join()}`,
    ),
  );
}

/** Id → round of the last write, as this replica has it, whatever its state. */
export async function localPoints(
  peer: Peer,
  name: string,
  shardId: number,
): Promise<ReadonlyMap<number, number>> {
  const points = new Map<number, number>();
  let offset: number | null = 0;
  while (offset !== null) {
    const page: {
      readonly points: readonly { readonly id: number; readonly payload: { round: number } }[];
      readonly next_page_offset: number | null;
    } = await peer.result('POST', `/collections/${name}/shards/${shardId}/points/scroll`, {
      offset,
      limit: 5_000,
      with_payload: true,
    });
    for (const { id, payload } of page.points) {
      assert.ok(!points.has(id), `point ${id} comes twice`);
      points.set(id, payload.round);
    }
    offset = page.next_page_offset;
  }
  return points;
}

export interface Load {
  readonly writeCount: number;
  readonly failures: readonly string[];
  end(): Promise<void>;
  /** Is everything acknowledged there, and nothing else? */
  check(points: ReadonlyMap<number, number>): void;
}

/** One writer for each peer, each with ids of its own: it writes them again, and deletes some. */
export function startLoad(
  peers: readonly Peer[],
  name: string,
  preloadedCount: number,
  idsPerWriter = 400,
): Load {
  /** Id → round, `null`: deleted. Unknown while a write is under way, and after it has failed. */
  const acknowledged = new Map<number, number | null>();
  const doubtful = new Set<number>();
  const failures: string[] = [];
  let writeCount = 0;
  let isOver = false;
  for (let id = 0; id < preloadedCount; id += 1) acknowledged.set(id, 0);
  const write = async (peer: Peer, writer: number): Promise<void> => {
    const span = Math.max(1, Math.floor(preloadedCount / peers.length));
    for (let round = 1; !isOver; round += 1) {
      const isNew = round % 2 === 0;
      const step = (round * 37) % (isNew ? idsPerWriter : span);
      const id = isNew ? preloadedCount + writer * idsPerWriter + step : writer * span + step;
      const isDeletion = round % 5 === 0;
      doubtful.add(id);
      const answer = isDeletion
        ? await peer.call('POST', `/collections/${name}/points/delete?wait=true`, { points: [id] })
        : await peer.call('PUT', `/collections/${name}/points?wait=${round % 3 > 0}`, {
            points: [aPoint(id, round)],
          });
      if (answer.status !== 200) {
        failures.push(`write ${answer.text}`);
        continue;
      }
      doubtful.delete(id);
      acknowledged.set(id, isDeletion ? null : round);
      writeCount += 1;
    }
  };
  const running = peers.map((peer, writer) => write(peer, writer));
  return {
    get writeCount() {
      return writeCount;
    },
    failures,
    end: async () => {
      isOver = true;
      await Promise.all(running);
    },
    check: (points) => {
      const wrong: string[] = [];
      for (const [id, round] of acknowledged) {
        if (doubtful.has(id) || (points.get(id) ?? null) === round) continue;
        wrong.push(`${id}: ${points.get(id)} instead of ${round}`);
      }
      for (const id of points.keys()) {
        if (!acknowledged.has(id) && !doubtful.has(id)) wrong.push(`${id} from nowhere`);
      }
      assert.deepEqual(wrong.slice(0, 10), []);
    },
  };
}
