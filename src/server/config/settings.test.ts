// Walks the whole table of keys: each kind of key takes what it should from a file and from the
// environment, and refuses what it should not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSettings } from './load-settings.ts';
import type { Entry, Section } from './section.ts';
import { defaultSettings, settingsSection } from './settings.ts';

interface Row {
  readonly path: readonly string[];
  readonly value: unknown;
}

function rowsOf(of: Section, path: readonly string[] = []): readonly Row[] {
  return Object.entries(of.shape).flatMap(([key, entry]: [string, Entry]): readonly Row[] => {
    const below = [...path, key];
    if (entry.kind === 'section') return rowsOf(entry, below);
    return entry.kind === 'field' ? [{ path: below, value: entry.default }] : [];
  });
}

function at(tree: unknown, path: readonly string[]): unknown {
  let value: unknown = tree;
  for (const key of path) value = (value as Record<string, unknown>)[key];
  return value;
}

const rows = rowsOf(settingsSection);

test('the defaults of every key stand in the settings', () => {
  assert.ok(rows.length >= 130, `${rows.length} keys`);
  for (const row of rows) assert.deepEqual(at(defaultSettings, row.path), row.value);
});

test('the defaults given again change nothing', () => {
  const outcome = loadSettings({
    readFile: (path) =>
      path === 'config/config.yaml'
        ? { kind: 'found', text: JSON.stringify(defaultSettings) }
        : { kind: 'missing' },
    environment: {},
  });
  assert.equal(outcome.kind, 'loaded');
  assert.deepEqual(outcome.kind === 'loaded' && outcome.settings, defaultSettings);
  const warnings = outcome.kind === 'loaded' ? outcome.messages.map((m) => m.text) : [];
  assert.deepEqual(warnings, ['Config file not found: config/development']);
});

test('every key with a boolean, number or text is reached by its variable', () => {
  for (const row of rows) {
    if (
      row.value === null ||
      typeof row.value === 'object' ||
      row.path.join('.') === 'logger.color'
    ) {
      continue;
    }
    const name = `QDRANT__${row.path.join('__').toUpperCase()}`;
    const bad = { [name]: 'neither a number nor a name \0' };
    const outcome = loadSettings({ readFile: () => ({ kind: 'missing' }), environment: bad });
    if (outcome.kind === 'loaded') {
      assert.equal(at(outcome.settings, row.path), bad[name], row.path.join('.'));
    } else {
      assert.ok(outcome.reason.includes(`\`${row.path.join('.')}\``), outcome.reason);
      assert.ok(outcome.reason.includes(name), outcome.reason);
    }
  }
});

test('settings may be sent to another thread', () => {
  assert.deepEqual(structuredClone(defaultSettings), defaultSettings);
});
