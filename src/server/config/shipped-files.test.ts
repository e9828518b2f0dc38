// The files in config/ must be good and, but for what a profile is for, change nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readConfigFile } from './config-file.ts';
import { loadSettings } from './load-settings.ts';
import { defaultSettings } from './settings.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const readFile = (file: string) => readConfigFile(`${root}${file}`);

test('config.yaml and production.yaml say the defaults', () => {
  const outcome = loadSettings({ readFile, environment: { RUN_MODE: 'production' } });
  assert.equal(outcome.kind, 'loaded', JSON.stringify(outcome));
  assert.deepEqual(outcome.kind === 'loaded' && outcome.settings, defaultSettings);
  assert.deepEqual(outcome.kind === 'loaded' && outcome.messages, []);
});

test('config.yaml names every key that a user may want', () => {
  const file = readFile('config/config.yaml');
  const text = file.kind === 'found' ? file.text : '';
  const sections = { ...defaultSettings, gpu: {}, debugger: {}, feature_flags: {} };
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    for (const [key, below] of Object.entries(value)) {
      const known = new RegExp(`\\b${key}\\b`).test(text);
      const left = ['span_events', 'gpu', 'debugger', 'feature_flags'].includes(key);
      assert.ok(known || left, `config.yaml does not name ${key}`);
      visit(below);
    }
  };
  visit(sections);
});

test('a folder in place of a file stops the start, a file in place of a folder does not', () => {
  assert.equal(readConfigFile(root).kind, 'unreadable');
  assert.equal(readConfigFile(`${root}package.json/x.yaml`).kind, 'missing');
});
