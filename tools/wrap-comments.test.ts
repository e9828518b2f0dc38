import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { wrapComments } from './wrap-comments.ts';

const words = (count: number): string => Array.from({ length: count }, () => 'word').join(' ');

test('words move down within their paragraph', () => {
  const text = `// ${words(20)} end\n// next\n// - item\ncode();\n`;
  assert.equal(wrapComments(text), `// ${words(19)}\n// word end next\n// - item\ncode();\n`);
});

test('an overlong comment on one line becomes several', () => {
  const wrapped = `  /**\n   * ${words(19)}\n   * word\n   */\n`;
  assert.equal(wrapComments(`  /** ${words(20)} */\n`), wrapped);
});

test('a list item is not joined, and what has no blank stays', () => {
  const item = `// ${words(20)}\n// - item\n`;
  assert.equal(wrapComments(item), `// ${words(19)}\n// word\n// - item\n`);
  const url = `// ${'x'.repeat(120)}\nconst a = '${'y '.repeat(60)}';\n`;
  assert.equal(wrapComments(url), url);
});

test('wrapping keeps all words, and twice is as once', () => {
  const word = fc.stringMatching(/^[a-z]{1,12}$/);
  const line = fc
    .array(word, { minLength: 1, maxLength: 40 })
    .map((list) => `// ${list.join(' ')}`);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      const wrapped = wrapComments(lines.join('\n'));
      const plain = (text: string) => text.replaceAll(/\n\/\/ |^\/\/ /g, ' ').trim();
      assert.equal(plain(wrapped), plain(lines.join('\n')));
      assert.equal(wrapComments(wrapped), wrapped);
      assert.ok(wrapped.split('\n').every((one) => one.length <= 100));
    }),
  );
});
