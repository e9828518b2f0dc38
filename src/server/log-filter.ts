// Which records are written: `level,target=level,…`. The longest target that a record's target
// starts with decides; without one, the bare level. Some chatty targets are held back unless a
// directive names them.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Rising with importance. A filter also knows `off` and `trace`. */
const rankOf = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, off: 5 } as const;
type FilterLevel = keyof typeof rankOf;

const damped: readonly (readonly [string, FilterLevel])[] = [
  ['hyper', 'info'],
  ['h2', 'error'],
  ['tower', 'warn'],
  ['rustls', 'info'],
  ['wal', 'warn'],
  ['raft', 'warn'],
];

export interface LogFilter {
  /** Longest target first; the empty target is everything else. */
  readonly directives: readonly (readonly [target: string, rank: number])[];
  /** What the directives say of a target, once it has been asked. */
  readonly ranks: Map<string, number>;
  /** Parts of the text that say nothing. */
  readonly invalid: readonly string[];
}

const targetPattern = /^[\w:./-]+$/;

/** An empty text means `info`. */
export function parseLogFilter(text: string): LogFilter {
  const levels = new Map<string, FilterLevel>([['', 'info'], ...damped]);
  const invalid: string[] = [];
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const left = equals < 0 ? part : part.slice(0, equals).trim();
    const level = levelNamed(equals < 0 ? part : part.slice(equals + 1).trim());
    if (equals < 0 && level !== null) levels.set('', level);
    // A target alone lets all of it through.
    else if (equals < 0 && targetPattern.test(left)) levels.set(left, 'trace');
    else if (equals > 0 && level !== null && targetPattern.test(left)) levels.set(left, level);
    else invalid.push(part);
  }
  const directives = [...levels]
    .toSorted(([a], [b]) => b.length - a.length)
    .map(([target, level]) => [target, rankOf[level]] as const);
  return { directives, ranks: new Map(), invalid };
}

export function isLogged(filter: LogFilter, target: string, level: LogLevel): boolean {
  let rank = filter.ranks.get(target);
  if (rank === undefined) {
    rank = rankFor(filter, target);
    // There are few targets, all named in the code.
    filter.ranks.set(target, rank);
  }
  return rankOf[level] >= rank;
}

function rankFor({ directives }: LogFilter, target: string): number {
  const found = directives.find(([prefix]) => {
    return prefix === '' || target === prefix || target.startsWith(`${prefix}::`);
  });
  return found?.[1] ?? rankOf.off;
}

function levelNamed(word: string): FilterLevel | null {
  const name = word.toLowerCase();
  return Object.hasOwn(rankOf, name) ? (name as FilterLevel) : null;
}
