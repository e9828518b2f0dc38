// Collects the figures of a run and prints them as one table: what, how much, and the goal where
// there is one. A figure that misses its goal is marked; the run goes on.

export interface Goal {
  readonly atLeast?: number;
  readonly atMost?: number;
}

interface Row {
  readonly part: string;
  readonly what: string;
  readonly value: string;
  readonly goal: string;
  readonly met: boolean;
}

export class Report {
  readonly #rows: Row[] = [];

  part(name: string): ReportPart {
    return new ReportPart(name, this.#rows);
  }

  text(): string {
    const heads = { part: 'part', what: 'figure', value: 'value', goal: 'goal', met: true };
    const rows = [heads, ...this.#rows];
    const widths = (['part', 'what', 'value', 'goal'] as const).map((key) =>
      Math.max(...rows.map((row) => row[key].length)),
    );
    const lines = rows.map((row) => {
      const cells = [row.part, row.what, row.value, row.goal].map((text, at) =>
        at === 2 ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0),
      );
      return `| ${cells.join(' | ')} | ${row === heads ? '  ' : markOf(row)} |`;
    });
    lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|----|`);
    return lines.join('\n');
  }
}

/** The figures under one heading. */
class ReportPart {
  readonly #name: string;
  readonly #rows: Row[];

  constructor(name: string, rows: Row[]) {
    this.#name = name;
    this.#rows = rows;
  }

  add(what: string, value: number, unit: string, goal: Goal = {}): void {
    const { atLeast = -Infinity, atMost = Infinity } = goal;
    const met = value >= atLeast && value <= atMost;
    const text = `${formatNumber(value)} ${unit}`.trim();
    const bound = boundOf(goal);
    this.#rows.push({ part: this.#name, what, value: text, goal: bound, met });
    process.stderr.write(`  ${this.#name}: ${what}: ${text}${met ? '' : `  MISSES ${bound}`}\n`);
  }
}

function boundOf({ atLeast, atMost }: Goal): string {
  if (atLeast !== undefined) return `≥ ${atLeast}`;
  return atMost === undefined ? '' : `≤ ${atMost}`;
}

function markOf({ goal, met }: Row): string {
  if (goal === '') return '  ';
  return met ? 'ok' : '✗ ';
}

function formatNumber(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
