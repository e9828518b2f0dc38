import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unexcused, unneeded } from './exceptions.ts';
import {
  documentFindings,
  folderReadmeFindings,
  nameFindings,
  sourceFindings,
} from './tidy-rules.ts';

const rulesOf = (text: string, file = 'src/base/x.ts'): string[] =>
  sourceFindings(file, `// Owns x.\n${text}`).map((finding) => finding.rule);

test('file names', () => {
  const rules = (file: string) => nameFindings(file).map((finding) => finding.rule);
  assert.deepEqual(rules('src/base/top-k.ts'), []);
  assert.deepEqual(rules('src/kernels/wasm-bytes.generated.ts'), []);
  assert.deepEqual(rules('docs/ARCHITECTURE.md'), []);
  assert.deepEqual(rules('src/base/utils.ts'), ['empty-word']);
  assert.deepEqual(rules('src/common/x.ts'), ['empty-word']);
  assert.deepEqual(rules('src/base/topK.ts'), ['file-name']);
});

test('a file says what it owns', () => {
  assert.deepEqual(
    sourceFindings('src/a.ts', 'export const a = 1;\n').map((one) => one.rule),
    ['header'],
  );
  assert.deepEqual(sourceFindings('src/a.test.ts', 'export const a = 1;\n'), []);
});

test('time and size names carry their unit', () => {
  assert.deepEqual(rulesOf('const flushInterval = 5;'), ['unit']);
  assert.deepEqual(rulesOf('function f(timeout: number) {}'), ['unit']);
  assert.deepEqual(rulesOf('readonly pageSize: number;'), ['unit']);
  assert.deepEqual(rulesOf('const flushIntervalMs = 5; const pageBytes = 4096;'), []);
  assert.deepEqual(rulesOf('createServer({ requestTimeout: 0 });'), []);
  assert.deepEqual(rulesOf("if (timeout === 3) throw new Error('timeout: number');"), []);
});

test('words that say nothing, open ends and switched-off rules', () => {
  assert.deepEqual(rulesOf('export class ShardManager {}'), ['empty-word']);
  assert.deepEqual(rulesOf('// TODO later'), ['todo']);
  assert.deepEqual(rulesOf('// TODO (#12) later'), []);
  assert.deepEqual(rulesOf('// oxlint-disable-next-line'), ['toggle']);
});

test('documents name what exists', () => {
  const known = {
    pathExists: (file: string) =>
      ['docs/formats.md', 'src/raft', 'src/raft/raft.ts'].includes(file),
    wordExists: (word: string) => ['planMerge', 'wal'].includes(word),
  };
  const complaints = (text: string) =>
    documentFindings('docs/a.md', text, known).map((finding) => finding.message);
  const good = '[f](formats.md#x) [w](https://x.y) `src/raft` `raft/raft.ts` `planMerge()` `npm`';
  assert.deepEqual(complaints(good), []);
  assert.deepEqual(complaints('[f](gone.md)'), ['broken link: gone.md']);
  assert.deepEqual(complaints('`src/gone`'), ['no such path: src/gone']);
  assert.deepEqual(complaints('`raft/gone.ts`'), ['no such path: raft/gone.ts']);
  assert.deepEqual(complaints('`wal.planGone`'), ['no such symbol: planGone']);
  assert.deepEqual(complaints('```\n`src/gone`\n```'), []);
});

test('a README for each folder, on one screen', () => {
  assert.equal(folderReadmeFindings('src/a', null).length, 1);
  assert.equal(folderReadmeFindings('src/a', 'x\n'.repeat(40)).length, 0);
  assert.equal(folderReadmeFindings('src/a', 'x\n'.repeat(41)).length, 1);
});

test('exceptions cover findings, and must be needed', () => {
  const finding = { rule: 'max-params', file: 'a.ts', line: 1, message: 'x' };
  const exception = { rule: 'max-params', file: 'a.ts', reason: 'hot loop' };
  assert.deepEqual(unexcused([finding], [exception]), []);
  assert.deepEqual(unexcused([finding], []), [finding]);
  assert.deepEqual(unneeded([finding], [exception]), []);
  assert.deepEqual(unneeded([], [exception]), [exception]);
});
