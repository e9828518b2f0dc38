// Asks the demo's questions through the official JavaScript client and prints what a person needs
// to judge the answers: score, where the text is from, and its beginning.

import type { QdrantClient, Schemas } from '@qdrant/js-client-rest';

export interface Question {
  readonly ask: string;
  readonly note?: string;
  readonly filter?: Schemas['Filter'];
  readonly vector: readonly number[];
}

type Hit = Schemas['ScoredPoint'];

const hitsShown = 4;
const snippetCharsMax = 150;
const payloadShown = ['text', 'package', 'kind', 'length'];

/** Prints the best answers of each question; returns the checks that failed, as sentences. */
export async function askQuestions(
  client: QdrantClient,
  collection: string,
  questions: readonly Question[],
): Promise<string[]> {
  const failures: string[] = [];
  for (const question of questions) {
    const filter = question.filter === undefined ? {} : { filter: question.filter };
    const { points } = await client.query(collection, {
      query: [...question.vector],
      limit: hitsShown,
      with_payload: payloadShown,
      ...filter,
    });
    const note = question.note === undefined ? '' : ` (${question.note})`;
    process.stdout.write(`\n“${question.ask}”${note}\n`);
    for (const hit of points) process.stdout.write(`${hitLines(hit)}\n`);
    if (points.length === 0) failures.push(`“${question.ask}”${note} found nothing`);
    const broken = await brokenFilterCount(client, collection, { filter: question.filter, points });
    if (broken > 0)
      failures.push(`“${question.ask}”${note}: ${broken} hits do not pass its filter`);
  }
  return failures;
}

/** How many of the hits the filter does not let through, asked in another way: by id. */
async function brokenFilterCount(
  client: QdrantClient,
  collection: string,
  answer: { readonly filter: Schemas['Filter'] | undefined; readonly points: readonly Hit[] },
): Promise<number> {
  if (answer.filter === undefined) return 0;
  const byId = { has_id: answer.points.map(({ id }) => id) };
  const must = [answer.filter, byId];
  const { count } = await client.count(collection, { filter: { must }, exact: true });
  return answer.points.length - count;
}

function hitLines(hit: Hit): string {
  const { text, package: source, kind } = hit.payload ?? {};
  const snippet = typeof text === 'string' ? text : '(no text)';
  const cut = snippet.length > snippetCharsMax ? `${snippet.slice(0, snippetCharsMax)}…` : snippet;
  return `  ${hit.score.toFixed(3)}  ${String(source)}, ${String(kind)}\n         ${cut}`;
}
