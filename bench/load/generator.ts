// The process that sends requests: apart from the server and from whoever measures, so that each
// one's CPU can be told. It gets one `LoadRun` after the other and answers with a `LoadResult`.

import { Connection } from './connection.ts';
import { Latencies } from './latencies.ts';
import type { LoadResult, LoadRun } from './load-run.ts';
import { readRequests } from './wire.ts';

let known: { readonly path: string; readonly requests: readonly Buffer[] } | null = null;

async function run({ port, connectionCount, requestsPath, durationMs }: LoadRun): Promise<void> {
  if (known?.path !== requestsPath) {
    known = { path: requestsPath, requests: readRequests(requestsPath) };
  }
  const { requests } = known;
  const latencies = new Latencies();
  let sentCount = 0;
  let answerCount = 0;
  let answerBytes = 0;
  let failureCount = 0;
  let failureText: string | null = null;
  let endsAt = Infinity;
  const sink = {
    next: () => {
      const over = durationMs === null ? sentCount >= requests.length : performance.now() >= endsAt;
      if (over) return null;
      const request = requests[sentCount % requests.length] ?? null;
      sentCount += 1;
      return request;
    },
    answered: (_status: number, bodyBytes: number, ms: number) => {
      answerCount += 1;
      answerBytes += bodyBytes;
      latencies.add(ms);
    },
    failed: (text: string) => {
      failureCount += 1;
      failureText ??= text;
    },
  };
  const connections: Connection[] = [];
  while (connections.length < connectionCount) connections.push(await Connection.open(port, sink));
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  if (durationMs !== null) endsAt = startedAt + durationMs;
  await Promise.all(connections.map((connection) => connection.run()));
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const result: LoadResult = {
    answerCount,
    failureCount,
    failureText,
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    p50Ms: latencies.percentileMs(0.5),
    p99Ms: latencies.percentileMs(0.99),
    answerBytes: answerBytes / Math.max(1, answerCount),
  };
  process.send?.(result);
}

process.on('message', (message) => void run(message as LoadRun));
