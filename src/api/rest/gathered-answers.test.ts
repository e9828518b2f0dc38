import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { GatheredAnswers } from './gathered-answers.ts';

/** Responses that note in `written` what they were ended with. */
function responseInto(written: string[]): ServerResponse {
  const response = { end: (text: string) => written.push(text) };
  return response as unknown as ServerResponse;
}

test('answers of one turn are written in order when it is over', async () => {
  const written: string[] = [];
  const gathered = new GatheredAnswers(() => 0);
  for (const text of ['a', 'b', 'c']) gathered.end(responseInto(written), text);
  assert.deepEqual(written, []);
  await turn();
  assert.deepEqual(written, ['a', 'b', 'c']);
});

test('a crowd of answers is written without waiting for its end, each once', async () => {
  const written: string[] = [];
  const gathered = new GatheredAnswers(() => 0);
  const texts = Array.from({ length: 11 }, (_, at) => String(at));
  for (const text of texts) gathered.end(responseInto(written), text);
  assert.deepEqual(written, texts.slice(0, 8));
  await turn();
  assert.deepEqual(written, texts);
});

test('an answer that has waited for a while takes no more others with it', () => {
  const written: string[] = [];
  let nowMs = 0;
  const gathered = new GatheredAnswers(() => nowMs);
  gathered.end(responseInto(written), 'first');
  nowMs = 5;
  gathered.end(responseInto(written), 'second');
  assert.deepEqual(written, ['first', 'second']);
});
