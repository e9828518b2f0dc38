import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { defaultSettings } from './config/settings.ts';
import { Log, type LogSettings } from './log.ts';
import { isLogged, type LogLevel, parseLogFilter } from './log-filter.ts';
import { jsonLine, textLine } from './log-format.ts';

const timeMs = Date.UTC(2026, 0, 31, 8);

test('directives', () => {
  const logged = (text: string, target: string): string => {
    const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
    return levels.find((level) => isLogged(parseLogFilter(text), target, level)) ?? 'off';
  };
  const cases: readonly (readonly [string, string, string])[] = [
    ['', 'octant', 'info'],
    ['INFO', 'octant', 'info'],
    ['debug', 'octant::rest', 'debug'],
    ['debug', 'wal', 'warn'],
    ['debug', 'raft::log', 'warn'],
    ['debug', 'h2', 'error'],
    ['debug', 'rafting', 'debug'],
    ['debug,raft=info', 'raft', 'info'],
    ['debug,raft=info', 'octant', 'debug'],
    ['off', 'octant', 'off'],
    ['octant::rest=error, warn', 'octant', 'warn'],
    ['octant::rest=error,octant=debug', 'octant::rest::x', 'error'],
    ['error,octant', 'octant', 'debug'],
    ['trace', 'octant', 'debug'],
  ];
  for (const [text, target, lowest] of cases) {
    assert.equal(logged(text, target), lowest, `${text} / ${target}`);
  }
  assert.deepEqual(parseLogFilter('info,x=loud,=debug,a b=info').invalid, [
    'x=loud',
    '=debug',
    'a b=info',
  ]);
});

test('a text line', () => {
  const record = { timeMs, level: 'info', target: 'octant', message: 'hello' } as const;
  const fields = { port: 6333, who: 'a b', gone: undefined, big: 2n ** 64n, list: [1] };
  assert.equal(
    textLine({ ...record, fields }, false),
    '2026-01-31T08:00:00.000Z  INFO octant: hello port=6333 who="a b" big="18446744073709551616" list=[1]\n',
  );
  const colored = textLine({ ...record, fields: undefined }, true);
  assert.ok(colored.includes('\u001b[32m INFO\u001b[0m octant: hello\n'), JSON.stringify(colored));
});

test('what a client sends cannot forge a line', () => {
  const message = 'bad name a\n2026 ERROR b\u001b[31m';
  const line = textLine(
    { timeMs, level: 'warn', target: 't', message, fields: { x: '\r\n' } },
    false,
  );
  assert.equal(line.indexOf('\n'), line.length - 1);
  assert.ok(!line.includes('\u001b'));
});

test('a JSON line, whatever the fields are', () => {
  const loop: Record<string, unknown> = { n: 1n, error: new TypeError('x') };
  loop['self'] = loop;
  const fields = { loop, twice: [loop, loop] };
  const line = jsonLine({ timeMs, level: 'error', target: 'raft', message: 'm', fields });
  const parsed = JSON.parse(line) as Record<string, Record<string, Record<string, unknown>>>;
  assert.deepEqual(Object.keys(parsed), ['timestamp', 'level', 'fields', 'target']);
  assert.equal(parsed['timestamp'], '2026-01-31T08:00:00.000Z');
  assert.equal(parsed['level'], 'ERROR');
  assert.equal(parsed['fields']?.['message'], 'm');
  assert.equal(parsed['fields']['loop']?.['self'], '[circular]');
  assert.equal(parsed['fields']['loop']['n'], '1');
});

class Lines {
  readonly lines: string[] = [];
  write(line: string): void {
    this.lines.push(line);
  }
  flushSync(): void {
    // Nothing is held back.
  }
}

const withLogger = (logger: Partial<LogSettings['logger']>): LogSettings => ({
  log_level: 'INFO',
  logger: { ...defaultSettings.logger, ...logger },
});

test('loggers follow a changed configuration; logger.log_level wins over log_level', () => {
  const stdout = new Lines();
  const log = new Log(withLogger({}), { stdout, isTerminal: false, nowMs: () => timeMs });
  const logger = log.logger('octant');
  logger.debug('one');
  log.configure(withLogger({ log_level: 'debug', format: 'json' }));
  logger.debug('two', { a: 1 });
  log.configure({ ...withLogger({}), log_level: 'error' });
  logger.warn('three');
  assert.deepEqual(stdout.lines, [
    '{"timestamp":"2026-01-31T08:00:00.000Z","level":"DEBUG","fields":{"message":"two","a":1},"target":"octant"}\n',
  ]);
});

test('directives that say nothing are told', () => {
  const stdout = new Lines();
  new Log(withLogger({ log_level: 'info,x=loud' }), { stdout, isTerminal: false }).close();
  assert.match(stdout.lines.join(''), /WARN octant::log: Log level directives ignored: x=loud\n$/);
});

test('the log file is appended to, buffered, and independent of the console', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'octant-log-'));
  const file = path.join(folder, 'octant.log');
  const onDisk = { ...defaultSettings.logger.on_disk, enabled: true, log_file: file };
  for (const round of [1, 2]) {
    const stdout = new Lines();
    const settings = withLogger({ log_level: 'off', on_disk: { ...onDisk, log_level: 'debug' } });
    const log = new Log(settings, { stdout, isTerminal: false, nowMs: () => timeMs });
    log.logger('a').debug(`round ${round}`);
    const before = readFileSync(file, 'utf8');
    assert.ok(!before.includes(`round ${round}`), 'written although the buffer is not full');
    log.close();
    assert.deepEqual(stdout.lines, []);
  }
  assert.equal(
    readFileSync(file, 'utf8'),
    '2026-01-31T08:00:00.000Z DEBUG a: round 1\n2026-01-31T08:00:00.000Z DEBUG a: round 2\n',
  );
  rmSync(folder, { recursive: true });
});

test('a log file that cannot be opened does not stop the start', () => {
  const stdout = new Lines();
  const on_disk = { ...defaultSettings.logger.on_disk, enabled: true, log_file: '/nowhere/x.log' };
  const log = new Log(withLogger({ on_disk }), { stdout, isTerminal: false });
  log.logger('a').info('still here');
  assert.equal(stdout.lines.length, 1);
});
