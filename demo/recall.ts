// Recall and rates, measured through the official JavaScript client: each search is repeated with
// `exact: true`, and the answers compared.

import type { QdrantClient, Schemas } from '@qdrant/js-client-rest';

export interface FilterCase {
  readonly name: string;
  readonly filter?: Schemas['Filter'];
}

export interface RecallFigures {
  readonly name: string;
  readonly keptShare: number;
  readonly recall: number;
  readonly searchesPerSec: number;
  readonly exactPerSec: number;
}

interface Target {
  readonly client: QdrantClient;
  readonly collection: string;
  readonly pointCount: number;
}

type Hits = readonly Schemas['ScoredPoint'][];

const hitCount = 10;
const queryCount = 200;
const connectionCount = 8;
/** Scores this near the tenth are a tie with it: either point is a right answer. */
const tieWidth = 1e-6;

/** One line of figures per filter. Queries are stored points: each asks for what is near to it. */
export async function measureRecall(
  target: Target,
  cases: readonly FilterCase[],
): Promise<RecallFigures[]> {
  const figures: RecallFigures[] = [];
  for (const one of cases) figures.push(await measureCase(target, one));
  return figures;
}

async function measureCase(target: Target, one: FilterCase): Promise<RecallFigures> {
  const { client, collection, pointCount } = target;
  const filter = one.filter === undefined ? {} : { filter: one.filter };
  const { count } = await client.count(collection, { exact: true, ...filter });
  const ids = queryIds(pointCount);
  const search = async (exact: boolean): Promise<{ answers: Hits[]; perSec: number }> => {
    const startedMs = performance.now();
    const answers = await inParallel(ids, async (id) => {
      const request = { query: id, limit: hitCount, params: { exact }, ...filter };
      return (await client.query(collection, request)).points;
    });
    return { answers, perSec: (ids.length * 1000) / (performance.now() - startedMs) };
  };
  await search(false);
  const found = await search(false);
  const exact = await search(true);
  const shares = exact.answers.map((truth, index) => recallOf(found.answers[index] ?? [], truth));
  return {
    name: one.name,
    keptShare: count / pointCount,
    recall: shares.reduce((sum, share) => sum + share, 0) / shares.length,
    searchesPerSec: found.perSec,
    exactPerSec: exact.perSec,
  };
}

/** Spread evenly, so that the same run asks the same points. */
function queryIds(pointCount: number): number[] {
  const count = Math.min(queryCount, pointCount);
  return Array.from({ length: count }, (_, index) => Math.floor((index * pointCount) / count));
}

function recallOf(found: Hits, truth: Hits): number {
  const last = truth.at(-1);
  if (last === undefined) return found.length === 0 ? 1 : 0;
  const right = found.filter(({ score }) => score >= last.score - tieWidth);
  return right.length / truth.length;
}

async function inParallel<In, Out>(
  items: readonly In[],
  act: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await act(item);
  };
  await Promise.all(Array.from({ length: connectionCount }, worker));
  return results;
}
