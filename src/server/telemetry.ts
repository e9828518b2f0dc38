// The document of `/telemetry`. It is only ever given to who asks; nothing is sent out.

import type { Engine } from './engine.ts';
import { apiVersion } from './services/version.ts';

export interface TelemetryOptions {
  readonly detailsLevel: number;
  readonly anonymize: boolean;
  readonly perCollection: boolean;
}

export async function telemetryReport(engine: Engine, _options: TelemetryOptions): Promise<object> {
  await engine.processReport();
  return { app: { name: 'qdrant', version: apiVersion } };
}
