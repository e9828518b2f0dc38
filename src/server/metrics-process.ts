// Numbers about the process itself: memory from Node, the rest from Linux' `/proc`. Where that does
// not exist the numbers are absent, never invented.

import { readdir, readFile } from 'node:fs/promises';

export interface MemoryNumbers {
  readonly active_bytes: number;
  readonly allocated_bytes: number;
  readonly metadata_bytes: number;
  readonly resident_bytes: number;
  readonly retained_bytes: number;
}

/** The reference tells its allocator's numbers; these are the nearest that Node knows. */
export function memoryNumbers(): MemoryNumbers {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return {
    active_bytes: heapTotal + external,
    allocated_bytes: heapUsed + external,
    metadata_bytes: 0,
    resident_bytes: rss,
    retained_bytes: 0,
  };
}

/** Name → value; what cannot be read is left out. */
export async function processNumbers(): Promise<ReadonlyMap<string, number>> {
  const numbers = new Map<string, number>();
  const [status, maps, mapsMax, fds, limits, stat] = await Promise.all([
    text('/proc/self/status'),
    text('/proc/self/maps'),
    text('/proc/sys/vm/max_map_count'),
    readdir('/proc/self/fd').catch(() => null),
    text('/proc/self/limits'),
    text('/proc/self/stat'),
  ]);
  const set = (name: string, value: string | number | undefined) => {
    if (value !== undefined && Number.isFinite(Number(value))) numbers.set(name, Number(value));
  };
  set('process_threads', /^Threads:\s+(\d+)/m.exec(status)?.[1]);
  if (maps !== '') set('process_open_mmaps', maps.split('\n').length - 1);
  if (mapsMax !== '') set('system_max_mmaps', mapsMax.trim());
  set('process_open_fds', fds?.length);
  set('process_max_fds', /^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  // The name of the program, in parentheses, may hold blanks; the fields behind it are numbered 3
  // on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  set('process_minor_page_faults_total', fields[7]);
  set('process_major_page_faults_total', fields[9]);
  return numbers;
}

function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
