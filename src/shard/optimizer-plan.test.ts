import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  defaultSegmentNumber,
  isMemoryFull,
  type PlanRules,
  planOptimizations,
  rulesAtRest,
  type SegmentFacts,
} from './optimizer-plan.ts';

const MiB = 1024 * 1024;

const rules: PlanRules = {
  enabled: true,
  indexingBytesMin: 10 * MiB,
  segmentBytesMax: Infinity,
  segmentPointsMax: 10_000_000,
  sealVectorBytes: 32 * MiB,
  sealPayloadBytes: 64 * MiB,
  sealLogBytes: 32 * MiB,
  segmentCountMax: 2,
  graphCountMax: 8,
  growthFactorMax: 3,
  deletedShareMax: 0.2,
  vacuumPointsMin: 1000,
};

function facts(id: string, mebibytes: number, more: Partial<SegmentFacts> = {}): SegmentFacts {
  return {
    id,
    stage: 'published',
    pointCount: 1 + mebibytes * 2000,
    deletedCount: 0,
    vectorBytes: mebibytes * MiB,
    indexed: false,
    fits: true,
    ...more,
  };
}

function planned(segments: readonly SegmentFacts[], changed: Partial<PlanRules> = {}): string[] {
  return planOptimizations(segments, { ...rules, ...changed }).map((job) => {
    const kind = job.withGraph ? 'graph' : 'plain';
    return `${job.optimizer}: ${job.segmentIds.join(' ')} → ${kind}`;
  });
}

test('nothing is planned for small or well indexed segments', () => {
  assert.deepEqual(planned([]), []);
  assert.deepEqual(planned([facts('a', 1)]), []);
  assert.deepEqual(planned([facts('a', 500, { indexed: true })]), []);
});

test('unindexed data gets a graph once there is enough of it, wherever it lies', () => {
  assert.deepEqual(planned([facts('a', 10)]), ['indexing: a → graph']);
  const scattered = [facts('a', 6), facts('m', 5, { stage: 'memory' })];
  assert.deepEqual(planned(scattered), ['indexing: a m → graph']);
  assert.deepEqual(planned(scattered, { indexingBytesMin: Infinity }), []);
});

test('a graph joins what is not much smaller than it', () => {
  const graph = (id: string, size: number) => facts(id, size, { indexed: true });
  assert.deepEqual(planned([graph('g', 20), facts('a', 10)]), ['indexing: a g → graph']);
  assert.deepEqual(planned([graph('g', 41), facts('a', 10)]), ['indexing: a → graph']);
  const chain = [graph('h', 90), graph('g', 20), facts('a', 10)];
  assert.deepEqual(planned(chain), ['indexing: a g h → graph']);
});

test('a shard at rest gives a graph to a remainder and joins its graphs', () => {
  const rest = (segments: readonly SegmentFacts[]) =>
    planned(segments, rulesAtRest(rules, segments));
  const graph = (id: string, size: number) => facts(id, size, { indexed: true });
  assert.deepEqual(rest([facts('a', 5)]), []);
  assert.deepEqual(rest([graph('g', 100), facts('a', 5)]), ['indexing: a → graph']);
  assert.deepEqual(rest([graph('g', 60), facts('a', 5)]), ['indexing: a g → graph']);
  assert.deepEqual(rest([graph('g', 100), graph('h', 10)]), ['merge: h g → graph']);
  assert.deepEqual(rest([graph('g', 100), graph('h', 90), graph('i', 1)]), ['merge: h g → graph']);
});

test('a segment does not grow beyond its limit', () => {
  const two = [facts('a', 30), facts('b', 30)];
  assert.deepEqual(planned(two, { segmentBytesMax: 40 * MiB }), [
    'indexing: b → graph',
    'indexing: a → graph',
  ]);
});

test('small segments are merged when there are too many', () => {
  const three = [facts('a', 1), facts('b', 1), facts('c', 1)];
  assert.deepEqual(planned(three), ['merge: a b c → plain']);
  assert.deepEqual(planned(three.slice(1)), []);
  assert.deepEqual(planned(three, { segmentBytesMax: MiB }), []);
});

test('deleted points are cleared away', () => {
  const half = facts('a', 5, { deletedCount: 10_000, pointCount: 10_000 });
  assert.deepEqual(planned([half]), ['vacuum: a → plain']);
  assert.deepEqual(planned([{ ...half, deletedCount: 100 }]), []);
  assert.deepEqual(planned([{ ...half, deletedCount: 300, pointCount: 300 }]), []);
});

test('changed settings rebuild, the largest first', () => {
  const old = [facts('a', 1, { fits: false }), facts('b', 40, { fits: false, indexed: true })];
  assert.deepEqual(planned(old), ['config mismatch: b → graph', 'config mismatch: a → plain']);
});

test('memory is full by any of its measures', () => {
  const memory = { offsetCount: 1, vectorBytes: 1, payloadBytes: 1, logBytes: 1, roomCount: 1e6 };
  assert.ok(!isMemoryFull(memory, rules));
  assert.ok(isMemoryFull({ ...memory, vectorBytes: 32 * MiB }, rules));
  assert.ok(isMemoryFull({ ...memory, payloadBytes: 64 * MiB }, rules));
  assert.ok(isMemoryFull({ ...memory, logBytes: 32 * MiB }, rules));
  assert.ok(isMemoryFull({ ...memory, roomCount: 0 }, rules));
  assert.ok(!isMemoryFull({ ...memory, offsetCount: 0, vectorBytes: 32 * MiB }, rules));
});

test('the default number of segments follows the processors', () => {
  assert.deepEqual(
    [1, 4, 9, 64].map((cpus) => defaultSegmentNumber(0, cpus)),
    [2, 2, 4, 8],
  );
  assert.equal(defaultSegmentNumber(3, 64), 3);
});

const segmentFacts = fc.record({
  stage: fc.constantFrom('published' as const, 'sealed' as const),
  pointCount: fc.integer({ min: 1, max: 100_000 }),
  deletedCount: fc.nat(100_000),
  vectorBytes: fc.nat(64 * MiB),
  indexed: fc.boolean(),
  fits: fc.boolean(),
});

test('carrying out plans comes to an end', () => {
  fc.assert(
    fc.property(fc.array(segmentFacts, { maxLength: 12 }), (parts) => {
      let segments: SegmentFacts[] = parts.map((part, at) => ({ ...part, id: `s${at}` }));
      for (let round = 0; round < 60; round += 1) {
        const jobs = planOptimizations(segments, rules);
        const used = jobs.flatMap((job) => job.segmentIds);
        assert.equal(new Set(used).size, used.length, 'a segment is in two jobs');
        const [job] = jobs;
        if (job === undefined) return;
        segments = carriedOut(segments, job, round);
      }
      assert.fail('still planning after 60 rounds');
    }),
  );
});

function carriedOut(
  segments: readonly SegmentFacts[],
  job: ReturnType<typeof planOptimizations>[number],
  round: number,
): SegmentFacts[] {
  const sources = segments.filter(({ id }) => job.segmentIds.includes(id));
  const result: SegmentFacts = {
    id: `r${round}`,
    stage: 'published',
    pointCount: sources.reduce((sum, source) => sum + source.pointCount, 0),
    deletedCount: 0,
    vectorBytes: sources.reduce((sum, source) => sum + source.vectorBytes, 0),
    indexed: job.withGraph,
    fits: true,
  };
  return [...segments.filter((segment) => !sources.includes(segment)), result];
}

test('steady growth rebuilds each point a few times only', () => {
  let segments: SegmentFacts[] = [];
  let rebuiltMiB = 0;
  for (let batch = 0; batch < 300; batch += 1) {
    segments.push(facts(`b${batch}`, 10));
    for (;;) {
      const [job] = planOptimizations(segments, rules);
      if (job === undefined) break;
      const sources = segments.filter(({ id }) => job.segmentIds.includes(id));
      rebuiltMiB += sources.reduce((sum, source) => sum + source.vectorBytes / MiB, 0);
      segments = carriedOut(segments, job, batch * 1000 + rebuiltMiB);
    }
  }
  assert.ok(rebuiltMiB / 3000 < 8, `each point was rebuilt ${rebuiltMiB / 3000} times`);
  assert.ok(segments.length <= 5, `${segments.length} segments are left`);
});
