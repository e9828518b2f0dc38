// Rounds of the same load against servers in turn, A B A B …: what else the machine does meanwhile
// hits all alike, and the median of many short rounds forgets the bad ones.

import type { Load } from '../load/load.ts';
import type { LoadResult } from '../load/load-run.ts';
import { cpuSeconds } from './process-stats.ts';
import { median } from './report.ts';

export interface Target {
  readonly name: string;
  readonly pid: number;
  /** All processes that take part in the answers, if there are more than one. */
  readonly pids?: readonly number[];
  readonly port: number;
  readonly requestsPath: string;
}

export interface RoundPlan {
  readonly roundCount: number;
  readonly roundMs: number;
  readonly connectionCount: number;
}

/** Medians over the rounds of one target. */
export interface Rate {
  readonly perSecond: number;
  /** CPU of the server for one answer, µs. */
  readonly cpuUs: number;
  /** CPU of the sending process for one answer, µs. */
  readonly loadCpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly answerBytes: number;
}

interface Round extends LoadResult {
  readonly serverCpuSeconds: number;
}

/** The first round of each target warms up and does not count. */
export async function measureRates(
  load: Load,
  targets: readonly Target[],
  plan: RoundPlan,
): Promise<readonly Rate[]> {
  const rounds: Round[][] = targets.map(() => []);
  for (let round = 0; round <= plan.roundCount; round += 1) {
    for (const [at, target] of targets.entries()) {
      const measured = await measureRound(load, target, plan);
      if (round > 0) rounds[at]?.push(measured);
    }
  }
  return rounds.map(rateOf);
}

async function measureRound(load: Load, target: Target, plan: RoundPlan): Promise<Round> {
  const { port, requestsPath, pids = [target.pid] } = target;
  const { connectionCount, roundMs } = plan;
  const cpuBefore = cpuOf(pids);
  const result = await load.run({ port, connectionCount, requestsPath, durationMs: roundMs });
  return { ...result, serverCpuSeconds: cpuOf(pids) - cpuBefore };
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

function rateOf(rounds: readonly Round[]): Rate {
  const of = (figure: (round: Round) => number) => median(rounds.map(figure));
  return {
    perSecond: of((round) => round.answerCount / round.seconds),
    cpuUs: of((round) => (round.serverCpuSeconds / round.answerCount) * 1e6),
    loadCpuUs: of((round) => (round.cpuSeconds / round.answerCount) * 1e6),
    p50Ms: of((round) => round.p50Ms),
    p99Ms: of((round) => round.p99Ms),
    answerBytes: of((round) => round.answerBytes),
  };
}
