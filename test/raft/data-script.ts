// Reads and plays scripts: a command line, perhaps body lines, `----`, then all that happened, up
// to an empty line. With REWRITE=1 the answers are written into the file: review the difference.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

export interface ScriptCommand {
  readonly name: string;
  /** Words without a `=`. */
  readonly words: readonly string[];
  /** `key=value` and `key=(a,b)`; the parentheses are dropped. */
  readonly options: ReadonlyMap<string, string>;
  readonly body: readonly string[];
}

interface Block {
  readonly command: ScriptCommand;
  /** Its first line in the file, from 1. */
  readonly line: number;
  readonly answerFrom: number;
  readonly answerTo: number;
}

/** Plays a file; `run` answers a command. Fails at the first answer that differs. */
export function playScript(file: string, run: (command: ScriptCommand) => string): void {
  const lines = readFileSync(file, 'utf8').split('\n');
  const blocks = blocksOf(lines);
  assert(blocks.length > 0, `${file} holds no commands`);
  const answers = blocks.map((block) => {
    const answer = run(block.command).trimEnd();
    const answerLines = answer === '' ? [] : answer.split('\n').map((line) => line.trimEnd());
    if (process.env['REWRITE'] !== '1') {
      const expected = lines.slice(block.answerFrom, block.answerTo);
      assert.deepEqual(
        answerLines,
        expected.map((line) => line.trimEnd()),
        `${file}:${block.line}`,
      );
    }
    return answerLines;
  });
  if (process.env['REWRITE'] === '1') rewrite(file, { lines, blocks, answers });
}

function rewrite(
  file: string,
  from: {
    readonly lines: readonly string[];
    readonly blocks: readonly Block[];
    readonly answers: readonly (readonly string[])[];
  },
): void {
  const written: string[] = [];
  let at = 0;
  for (const [number, block] of from.blocks.entries()) {
    written.push(...from.lines.slice(at, block.answerFrom), ...(from.answers[number] ?? []));
    at = block.answerTo;
  }
  written.push(...from.lines.slice(at));
  writeFileSync(file, written.join('\n'));
}

function blocksOf(lines: readonly string[]): readonly Block[] {
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    if (line.trim() === '' || line.startsWith('#')) {
      at += 1;
      continue;
    }
    const separator = lines.indexOf('----', at);
    assert(separator !== -1, `line ${at + 1}: a command without ----`);
    let end = separator + 1;
    while (end < lines.length && lines[end] !== '') end += 1;
    const command = commandOf(line, lines.slice(at + 1, separator));
    blocks.push({ command, line: at + 1, answerFrom: separator + 1, answerTo: end });
    at = end;
  }
  return blocks;
}

function commandOf(line: string, body: readonly string[]): ScriptCommand {
  const [name = '', ...parts] = line.match(/[\w-]+=\([^)]*\)|\S+/g) ?? [];
  const words: string[] = [];
  const options = new Map<string, string>();
  for (const part of parts) {
    const match = /^([\w-]+)=(.*)$/.exec(part);
    if (match === null) words.push(part);
    else options.set(match[1] ?? '', (match[2] ?? '').replace(/^\((.*)\)$/, '$1'));
  }
  return { name, words, options, body };
}

/** `1,2` or `1 2` as words. */
export function listOf(text: string | undefined): readonly string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '');
}
