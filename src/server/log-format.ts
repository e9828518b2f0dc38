// One log record as one line: for people (`text`) or for machines (`json`). A line never contains a
// raw line break or control character, so that nothing a client sends can forge a record.

import type { LogFields } from '../io/ports.ts';
import type { LogLevel } from './log-filter.ts';

export interface LogRecord {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly target: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

const colors: Readonly<Record<LogLevel, string>> = {
  debug: '34',
  info: '32',
  warn: '33',
  error: '31',
};

/** Example: `2026-01-31T08:00:00.000Z  INFO octant::rest: listening port=6333`. */
export function textLine(record: LogRecord, colored: boolean): string {
  const time = new Date(record.timeMs).toISOString();
  const level = record.level.toUpperCase().padStart(5);
  const shownTime = colored ? `\u001b[2m${time}\u001b[0m` : time;
  const shownLevel = colored ? `\u001b[${colors[record.level]}m${level}\u001b[0m` : level;
  const fields = record.fields === undefined ? '' : fieldsText(record.fields);
  const body = printable(`${record.target}: ${record.message}${fields}`);
  return `${shownTime} ${shownLevel} ${body}\n`;
}

/** Example: `{"timestamp":"…","level":"INFO","fields":{"message":"…"},"target":"octant"}`. */
export function jsonLine(record: LogRecord): string {
  const timestamp = new Date(record.timeMs).toISOString();
  const level = record.level.toUpperCase();
  const { target, message } = record;
  const fields = { message, ...record.fields };
  return `${jsonText({ timestamp, level, fields, target })}\n`;
}

function fieldsText(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${fieldText(value)}`)
    .join('');
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value);
  if (value instanceof Error) return JSON.stringify(value.stack ?? value.message);
  return jsonText(value);
}

function jsonText(value: unknown): string {
  const above: unknown[] = [];
  // Called with the object that holds the value as `this`, which tells how deep we are.
  function plain(this: unknown, _key: string, inner: unknown): unknown {
    if (typeof inner === 'bigint') return inner.toString();
    if (inner instanceof Error) {
      return { name: inner.name, message: inner.message, stack: inner.stack };
    }
    if (typeof inner !== 'object' || inner === null) return inner;
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    if (above.includes(inner)) return '[circular]';
    above.push(inner);
    return inner;
  }
  return JSON.stringify(value, plain) ?? 'undefined';
}

// oxlint forbids control characters in a pattern as they are seldom meant; here they are.
const controlCharacter = /\p{Cc}/u;

function printable(text: string): string {
  if (!controlCharacter.test(text)) return text;
  return text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}
