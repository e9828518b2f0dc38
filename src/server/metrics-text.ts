// Prometheus' text format: families with help, type and samples. A family without samples is not
// printed.

export type MetricType = 'gauge' | 'counter' | 'histogram';

export type Labels = Readonly<Record<string, string>>;

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  readonly value: number;
  readonly labels?: Labels;
  /** `_bucket`, `_sum` and `_count` of a histogram. */
  readonly suffix?: string;
}

export function metricsText(families: readonly MetricFamily[], prefix: string): string {
  const lines = families
    .filter((family) => family.samples.length > 0)
    .flatMap((family) => familyLines(family, prefix + family.name));
  return `${lines.join('\n')}\n`;
}

function familyLines(family: MetricFamily, name: string): readonly string[] {
  return [
    `# HELP ${name} ${family.help}`,
    `# TYPE ${name} ${family.type}`,
    ...family.samples.map(
      ({ value, labels, suffix }) => `${name}${suffix ?? ''}${labelText(labels ?? {})} ${value}`,
    ),
  ];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
