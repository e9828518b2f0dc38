import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CliEnvironment, parseCommandLine, type RunOptions } from './cli.ts';

function run(line: string, environment: CliEnvironment = {}): RunOptions {
  const parsed = parseCommandLine(words(line), environment, '1.19.0');
  assert.equal(parsed.kind, 'run', JSON.stringify(parsed));
  if (parsed.kind !== 'run') throw new Error('unreachable');
  return parsed.options;
}

function refused(line: string, environment: CliEnvironment = {}): string {
  const parsed = parseCommandLine(words(line), environment, '1.19.0');
  assert.equal(parsed.kind, 'refuse', JSON.stringify(parsed));
  return parsed.kind === 'refuse' ? `${parsed.exitCode} ${parsed.text.split('\n')[0] ?? ''}` : '';
}

function words(line: string): string[] {
  return line === '' ? [] : line.split(' ');
}

test('no arguments', () => {
  assert.deepEqual(run(''), {
    bootstrap: undefined,
    uri: undefined,
    snapshots: [],
    storageSnapshot: undefined,
    forceSnapshot: false,
    configPath: undefined,
    telemetryDisabled: false,
    stacktrace: false,
    reinit: false,
  });
});

test('every flag', () => {
  const line =
    '--bootstrap http://a:6335 --uri=http://b:6335 --snapshot /x/a.snapshot:one ' +
    '--collection-snapshot=b.snapshot:two --storage-snapshot full.snapshot -f ' +
    '--config-path my.yaml --disable-telemetry --stacktrace --reinit';
  assert.deepEqual(run(line), {
    bootstrap: 'http://a:6335',
    uri: 'http://b:6335',
    snapshots: [
      { path: '/x/a.snapshot', collection: 'one' },
      { path: 'b.snapshot', collection: 'two' },
    ],
    storageSnapshot: 'full.snapshot',
    forceSnapshot: true,
    configPath: 'my.yaml',
    telemetryDisabled: true,
    stacktrace: true,
    reinit: true,
  });
});

test('variables, which flags override and which may be empty', () => {
  const environment = { QDRANT_URI: 'http://env:1', QDRANT_BOOTSTRAP: '' };
  assert.equal(run('', environment).uri, 'http://env:1');
  assert.equal(run('', environment).bootstrap, undefined);
  assert.equal(run('--uri node-1:6335', environment).uri, 'node-1:6335');
  assert.match(refused('', { QDRANT_URI: 'no spaces please' }), /^2 error: invalid value/);
});

test('version and help', () => {
  for (const flag of ['-V', '--version', '-fV']) {
    const parsed = parseCommandLine([flag], {}, '1.19.0');
    assert.deepEqual(parsed, { kind: 'print', text: 'qdrant 1.19.0\n' });
  }
  const help = parseCommandLine(['--uri', 'a', '-h'], {}, '1.19.0');
  assert.match(help.kind === 'print' ? help.text : '', /--snapshot <PATH:NAME>/);
});

test('bad usage', () => {
  assert.equal(refused('--nope'), "2 error: unexpected argument '--nope' found");
  assert.equal(refused('--nope=3'), "2 error: unexpected argument '--nope' found");
  assert.equal(refused('positional'), "2 error: unexpected argument 'positional' found");
  assert.equal(refused('-x'), "2 error: unexpected argument '-x' found");
  const missing = "2 error: a value is required for '--uri <URI>' but none was supplied";
  assert.equal(refused('--uri'), missing);
  assert.equal(refused('--uri='), missing);
  assert.equal(refused('--uri --reinit'), missing);
  assert.equal(
    refused('--uri a --uri b'),
    "2 error: the argument '--uri <URI>' cannot be used multiple times",
  );
  assert.equal(refused('--reinit=1'), "2 error: unexpected value '1' for '--reinit' found");
  assert.equal(
    refused('--bootstrap http://'),
    "2 error: invalid value 'http://' for '--bootstrap <URI>': invalid uri character",
  );
});

test('a malformed snapshot ends the start', () => {
  for (const text of ['plain', 'a:b:c', ':b', 'a:']) {
    assert.match(refused(`--snapshot ${text}`), /^1 Error: snapshot ".*" is not of the form/);
  }
});

test('no arguments make it throw', () => {
  const word = fc.oneof(fc.string(), fc.constantFrom('--uri', '-f', '--', '-', '--snapshot', '='));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (args) => {
      parseCommandLine(args, {}, '1.19.0');
    }),
  );
});
