// From the CPU profiles that the threads of a server wrote to a summary: where the time went, by
// part of the program, and the functions that took the most. Waiting is told apart from working.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  /** Like `Moment`. */
  readonly startTime: number;
}

/** µs of the machine's monotonic clock, the same for all processes. */
export type Moment = number;

export function momentNow(): Moment {
  return Number(process.hrtime.bigint() / 1000n);
}

export interface ProfileSelection {
  /** Where the `*.cpuprofile` files are. */
  readonly directory: string;
  /** Only threads that run a file with such a name. */
  readonly entry: RegExp;
  readonly from: Moment;
  readonly to: Moment;
}

export interface ProfileSummary {
  /** Of all selected threads together, ms; one thread could have worked `spanMs`. */
  readonly busyMs: number;
  readonly spanMs: number;
  readonly threadCount: number;
  /** Part of the program → share of `busyMs`, biggest first. */
  readonly parts: readonly (readonly [string, number])[];
  /** Function with its place → share of `busyMs`, biggest first. */
  readonly functions: readonly (readonly [string, number])[];
}

const idleNames = new Set(['(idle)', '(root)']);

export function summarizeProfiles(selection: ProfileSelection): ProfileSummary {
  const { directory, entry, from, to } = selection;
  const byPart = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let busyUs = 0;
  let threadCount = 0;
  for (const name of readdirSync(directory)) {
    if (!name.endsWith('.cpuprofile')) continue;
    const profile = JSON.parse(readFileSync(join(directory, name), 'utf8')) as Profile;
    if (!profile.nodes.some((node) => entry.test(node.callFrame.url))) continue;
    threadCount += 1;
    for (const [node, us] of selfTimes(profile, selection)) {
      if (idleNames.has(node.callFrame.functionName)) continue;
      busyUs += us;
      add(byPart, partOf(node), us);
      add(byFunction, placeOf(node), us);
    }
  }
  const shares = (times: Map<string, number>) =>
    [...times]
      .toSorted((a, b) => b[1] - a[1])
      .map(([name, us]): [string, number] => [name, us / busyUs]);
  return {
    busyMs: busyUs / 1000,
    spanMs: (to - from) / 1000,
    threadCount,
    parts: shares(byPart),
    functions: shares(byFunction),
  };
}

/** Time spent in each function itself, without what it called. */
function selfTimes(
  { nodes, samples, timeDeltas, startTime }: Profile,
  { from, to }: ProfileSelection,
): Map<ProfileNode, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map<ProfileNode, number>();
  let now = startTime;
  for (const [at, id] of samples.entries()) {
    const node = byId.get(id);
    const us = timeDeltas[at] ?? 0;
    now += us;
    if (node === undefined || now < from || now > to) continue;
    times.set(node, (times.get(node) ?? 0) + us);
  }
  return times;
}

function partOf({ callFrame }: ProfileNode): string {
  const { functionName, url } = callFrame;
  if (functionName === '(garbage collector)') return 'garbage collector';
  if (url.startsWith('wasm:')) return 'kernels (compiled)';
  const source = /\/src\/(.+)\/[^/]+$/.exec(url)?.[1];
  if (source !== undefined) return `src/${source}`;
  if (url.startsWith('node:')) return 'node (http, net, streams)';
  if (functionName === '(program)') return 'native code (sockets, system calls)';
  return url === '' ? `native: ${functionName}` : 'packages';
}

function placeOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame;
  const short = url.replace(/^.*\/(?=src\/|node_modules\/)/, '').replace(/^file:\/\//, '');
  return `${functionName || '(anonymous)'} ${short}${url === '' ? '' : `:${lineNumber + 1}`}`;
}

function add(times: Map<string, number>, name: string, us: number): void {
  times.set(name, (times.get(name) ?? 0) + us);
}

export function summaryText(summary: ProfileSummary): string {
  const line = ([name, share]: readonly [string, number]) =>
    `  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`;
  const { busyMs, spanMs, threadCount, parts, functions } = summary;
  const share = Math.round((busyMs / spanMs / threadCount) * 100);
  return [
    `${threadCount} threads, ${Math.round(spanMs)} ms, busy ${Math.round(busyMs)} ms (${share} %)`,
    ...parts.slice(0, 14).map(line),
    'functions:',
    ...functions.slice(0, 25).map(line),
  ].join('\n');
}
