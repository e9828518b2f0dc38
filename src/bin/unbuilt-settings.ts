// Settings that ask for something this version does not have. Going on without it would expose data
// or promise safety that is not there, so the start is refused with the reason.

import type { Settings } from '../server/config/settings.ts';
import type { RunOptions } from './cli.ts';

/** One line that says what is not there; `null` when everything asked for is. */
export function unbuiltSetting(settings: Settings, options: RunOptions): string | null {
  const { service, storage } = settings;
  const asked: readonly (readonly [string, boolean])[] = [
    ['--snapshot', options.snapshots.length > 0],
    ['--storage-snapshot', options.storageSnapshot !== undefined],
    ['service.enable_tls', service.enable_tls],
    ['storage.node_type', storage.node_type === 'Listener'],
    ['audit.enabled', settings.audit.enabled],
  ];
  const missing = asked.filter(([, wanted]) => wanted).map(([name]) => name);
  if (missing.length === 0) return null;
  return `this version does not have yet what is asked for by ${missing.join(', ')}`;
}
