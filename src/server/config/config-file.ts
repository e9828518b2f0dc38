// Reads configuration files from the disk for load-settings.ts.

import { readFileSync } from 'node:fs';
import type { FileOutcome } from './load-settings.ts';

export function readConfigFile(path: string): FileOutcome {
  try {
    return { kind: 'found', text: readFileSync(path, 'utf8') };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
    return { kind: 'unreadable', reason: error instanceof Error ? error.message : String(error) };
  }
}
