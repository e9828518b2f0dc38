// The text of `/metrics`, in Prometheus' exposition format.

import type { Engine } from './engine.ts';
import { apiVersion } from './services/version.ts';

export interface MetricsOptions {
  readonly perCollection: boolean;
}

export async function formatMetrics(engine: Engine, _options: MetricsOptions): Promise<string> {
  await engine.processReport();
  return `app_info{name="qdrant",version="${apiVersion}"} 1\n`;
}
