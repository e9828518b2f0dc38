// Decodes the bodies of upserts as a worker does, and nothing else, on this thread.

import { decodeChange } from '../../src/api/rest/decode/point-updates.ts';
import { readUpsert } from '../../src/api/rest/decode/upsert.ts';

/** Seconds for all of them; the first few warm up and are decoded again. */
export function decodeOnly(requests: readonly Buffer[]): number {
  const bodies = requests.map((request) => request.subarray(request.indexOf('\r\n\r\n') + 4));
  for (const body of bodies.slice(0, 20)) decodeChange(body, readUpsert);
  const startedAt = performance.now();
  for (const body of bodies) decodeChange(body, readUpsert);
  return (performance.now() - startedAt) / 1000;
}
