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

  /** `note` explains the figure in a few words. */
  add(part: string, what: string, value: number, unit: string, goal: Goal = {}): void {
    const { atLeast, atMost } = goal;
    const met =
      (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
    const bound =
      atLeast === undefined ? (atMost === undefined ? '' : `≤ ${atMost}`) : `≥ ${atLeast}`;
    const row = { part, what, value: `${formatNumber(value)} ${unit}`.trim(), goal: bound, met };
    this.#rows.push(row);
    process.stderr.write(`  ${what}: ${row.value}${met ? '' : `  MISSES ${bound}`}\n`);
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
