// The second half of `npm run format`: wraps comments in place, after the formatter has run.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { sourceTexts } from './tidy.ts';
import { wrapComments } from './wrap-comments.ts';

const root = path.resolve(import.meta.dirname, '..');

for (const [file, text] of sourceTexts(root)) {
  const wrapped = wrapComments(text);
  if (wrapped === text) continue;
  writeFileSync(path.join(root, file), wrapped);
  console.log(`wrapped comments: ${file}`);
}
