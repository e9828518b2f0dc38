// `npm run demo`: real text of this machine, made vectors, loaded into Octant by the official
// Python client and searched by the official JavaScript client. Ends with 0 only if all of it
// worked and recall is 0.95 or more. Everything it makes is in .demo; see README.md beside this
// file.

import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { QdrantClient } from '@qdrant/js-client-rest';
import { OctantProcess } from '../test/process/octant-process.ts';
import { preparePython, run } from './python-environment.ts';
import { askQuestions, type Question } from './questions.ts';
import { type FilterCase, measureRecall, type RecallFigures } from './recall.ts';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, '.demo');
const prepared = path.join(folder, 'prepared');
const collection = 'paragraphs';
const recallMin = 0.95;

interface Prepared {
  readonly method: string;
  readonly dimension: number;
  readonly packages: readonly { readonly name: string; readonly count: number }[];
  readonly questions: readonly Question[];
}

interface Options {
  readonly points: number;
  readonly vectors: string;
}

async function main(): Promise<number> {
  const startedMs = performance.now();
  const options = readOptions();
  const python = await preparePython(path.join(folder, 'venv'), say);
  await prepare(python, options);
  rmSync(path.join(folder, 'server'), { recursive: true, force: true });
  const octant = await OctantProcess.create({ directory: path.join(folder, 'server') });
  await octant.start();
  say(`\noctant is at ${octant.url}, process ${octant.pid}`);
  let failures: string[];
  try {
    failures = await loadAndSearch(python, octant, options);
  } catch (error) {
    say(`\nthe end of octant's log:\n${octant.output}`);
    throw error;
  } finally {
    await stopCleanly(octant);
  }
  const sec = ((performance.now() - startedMs) / 1000).toFixed(0);
  for (const failure of failures) say(`FAILED: ${failure}`);
  say(failures.length === 0 ? `\nall well, in ${sec} s` : `\nfailed, in ${sec} s`);
  return failures.length === 0 ? 0 : 1;
}

async function stopCleanly(octant: OctantProcess): Promise<void> {
  const code = await octant.stop();
  if (code !== 0) throw new Error(`octant ended with ${code}:\n${octant.output}`);
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      points: { type: 'string', default: '20000' },
      vectors: { type: 'string', default: 'auto' },
    },
  });
  const points = Number(values.points);
  if (!Number.isSafeInteger(points) || points < 100) {
    throw new Error(`--points must be a whole number from 100, not ${values.points}`);
  }
  return { points, vectors: values.vectors };
}

async function prepare(python: string, options: Options): Promise<void> {
  await runScript(python, 'prepare.py', {
    points: String(options.points),
    vectors: options.vectors,
    root,
    questions: path.join(import.meta.dirname, 'questions.json'),
    cache: path.join(folder, 'cache'),
    out: prepared,
  });
}

async function runScript(
  python: string,
  script: string,
  flags: Readonly<Record<string, string>>,
): Promise<void> {
  const file = path.join(import.meta.dirname, 'python', script);
  await run(python, [file, ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)]);
}

async function loadAndSearch(
  python: string,
  octant: OctantProcess,
  options: Options,
): Promise<string[]> {
  await runScript(python, 'load.py', { url: octant.url, collection, prepared });
  const about = JSON.parse(readFileSync(path.join(prepared, 'about.json'), 'utf8')) as Prepared;
  const client = new QdrantClient({ url: octant.url });
  say(`\nThe best answers by ${about.method}, ${about.dimension} dimensions:`);
  const failures = await askQuestions(client, collection, about.questions);
  const target = { client, collection, pointCount: options.points };
  const figures = await measureRecall(target, filterCases(about, options.points));
  printFigures(figures);
  for (const { name, recall } of figures) {
    if (recall < recallMin) failures.push(`recall of “${name}” is ${recall.toFixed(3)}`);
  }
  return failures;
}

/** Filters that keep about half, a tenth and a hundredth of the points, tied to their meaning. */
function filterCases(about: Prepared, pointCount: number): FilterCase[] {
  const near = (share: number): string => {
    const distance = (count: number): number => Math.abs(Math.log(count / (share * pointCount)));
    const [best] = about.packages.toSorted((a, b) => distance(a.count) - distance(b.count));
    return best?.name ?? '';
  };
  const ofPackage = (name: string): FilterCase => ({
    name: `package ${name}`,
    filter: { must: [{ key: 'package', match: { value: name } }] },
  });
  return [
    { name: 'no filter' },
    { name: 'has no code', filter: { must: [{ key: 'has_code', match: { value: false } }] } },
    { name: 'python', filter: { must: [{ key: 'language', match: { value: 'python' } }] } },
    ofPackage(near(0.1)),
    ofPackage(near(0.01)),
  ];
}

function printFigures(figures: readonly RecallFigures[]): void {
  say('\nRecall@10 against exact search, and searches per second over 8 connections:\n');
  say(`  ${'filter'.padEnd(28)}   kept  recall  searches/s  exact/s`);
  for (const { name, keptShare, recall, searchesPerSec, exactPerSec } of figures) {
    const kept = `${(100 * keptShare).toFixed(1)} %`.padStart(8);
    const rates = searchesPerSec.toFixed(0).padStart(10) + exactPerSec.toFixed(0).padStart(9);
    say(`  ${name.padEnd(28)} ${kept}   ${recall.toFixed(3)}  ${rates}`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
