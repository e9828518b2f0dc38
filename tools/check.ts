// `npm run check`: every tool at once, each with its findings in one form, one exit code. Changes
// no file. Names of steps as arguments run only these, e.g. `npm run check -- lint tidy`.
// Accepted findings: tools/exceptions.json.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { type Finding, loadExceptions, unexcused, unneeded } from './exceptions.ts';
import { tidyFindings } from './tidy.ts';

const root = path.resolve(import.meta.dirname, '..');

interface Step {
  readonly name: string;
  /** What it makes sure of. */
  readonly about: string;
  readonly find: () => Promise<StepOutcome>;
}

interface StepOutcome {
  readonly findings: readonly Finding[];
  /** Output that is no list of findings, shown as it is; not empty means failed. */
  readonly text: string;
}

interface ToolOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool of node_modules/.bin with the Node that runs this. */
async function runTool(name: string, args: readonly string[]): Promise<ToolOutput> {
  const child = spawn(process.execPath, [path.join(root, 'node_modules/.bin', name), ...args], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

/** A tool that failed without findings has failed itself: show what it said. */
function outcomeOf(output: ToolOutput, findings: readonly Finding[]): StepOutcome {
  const failed = output.code !== 0 && findings.length === 0;
  return { findings, text: failed ? `${output.stdout}${output.stderr}`.trim() : '' };
}

function parseJson<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}

interface BiomeReport {
  readonly diagnostics: readonly {
    readonly category: string;
    readonly location?: { readonly path?: string | { readonly file: string } };
  }[];
}

async function format(): Promise<StepOutcome> {
  const output = await runTool('biome', [
    'check',
    '--linter-enabled=false',
    '--reporter=json',
    '--max-diagnostics=none',
    '.',
  ]);
  const report = parseJson<BiomeReport>(output.stdout);
  const findings = (report?.diagnostics ?? []).map((diagnostic) => {
    const where = diagnostic.location?.path;
    const file = typeof where === 'string' ? where : (where?.file ?? '?');
    const what = diagnostic.category.includes('organizeImports') ? 'imports in order' : 'layout';
    return { rule: 'format', file, line: 1, message: `${what}: run npm run format` };
  });
  return outcomeOf(output, findings);
}

async function types(): Promise<StepOutcome> {
  mkdirSync(path.join(root, 'node_modules/.cache'), { recursive: true });
  const output = await runTool('tsc', [
    '--noEmit',
    '--pretty',
    'false',
    '--incremental',
    '--tsBuildInfoFile',
    'node_modules/.cache/check.tsbuildinfo',
  ]);
  const findings = [...output.stdout.matchAll(/^(.+?)\((\d+),\d+\): error (TS\d+): (.*)$/gm)].map(
    ([, file = '', line = '1', rule = '', message = '']) => ({
      rule,
      file,
      line: Number(line),
      message,
    }),
  );
  return outcomeOf(output, findings);
}

interface LintReport {
  readonly diagnostics: readonly {
    readonly message: string;
    readonly code?: string;
    readonly help?: string;
    readonly filename: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

async function lint(): Promise<StepOutcome> {
  const output = await runTool('oxlint', ['--type-aware', '--deny-warnings', '--format', 'json']);
  const report = parseJson<LintReport>(output.stdout);
  const findings = (report?.diagnostics ?? []).map((diagnostic) => ({
    rule: /\((.+)\)/.exec(diagnostic.code ?? '')?.[1] ?? 'lint',
    file: diagnostic.filename,
    line: diagnostic.labels[0]?.span.line ?? 1,
    message: diagnostic.message,
  }));
  return outcomeOf(output, findings);
}

interface CruiseReport {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
      readonly cycle?: readonly { readonly name: string }[];
    }[];
    readonly ruleSetUsed: { readonly forbidden: readonly { name: string; comment?: string }[] };
  };
}

async function imports(): Promise<StepOutcome> {
  const folders = ['src', 'test', 'tools', 'bench', 'demo'].filter((name) =>
    existsSync(path.join(root, name)),
  );
  const output = await runTool('depcruise', [
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    ...folders,
  ]);
  const summary = parseJson<CruiseReport>(output.stdout)?.summary;
  const findings = (summary?.violations ?? []).map((violation) => {
    const rule = violation.rule.name;
    const comment = summary?.ruleSetUsed.forbidden.find((one) => one.name === rule)?.comment ?? '';
    const targets = violation.cycle?.map((module) => module.name) ?? [violation.to];
    return {
      rule,
      file: violation.from,
      line: 1,
      message: `imports ${targets.join(' → ')}: ${comment}`,
    };
  });
  return summary === undefined
    ? { findings: [], text: output.stdout + output.stderr }
    : outcomeOf(output, findings);
}

type KnipItem = { readonly name: string; readonly line?: number };

interface KnipReport {
  readonly issues: readonly ({ readonly file: string } & Readonly<
    Record<string, readonly (KnipItem | readonly KnipItem[])[]>
  >)[];
}

async function deadCode(): Promise<StepOutcome> {
  const output = await runTool('knip', ['--reporter', 'json', '--no-config-hints']);
  const report = parseJson<KnipReport>(output.stdout);
  const findings = (report?.issues ?? []).flatMap(({ file, ...kinds }) =>
    Object.entries(kinds).flatMap(([kind, items]) =>
      items.flat().map((item) => ({
        rule: `unused-${kind}`,
        file,
        line: item.line ?? 1,
        message: kind === 'files' ? 'nothing leads to this file' : `unused ${kind}: ${item.name}`,
      })),
    ),
  );
  return outcomeOf(output, findings);
}

const steps: readonly Step[] = [
  { name: 'types', about: 'TypeScript', find: types },
  { name: 'lint', about: 'promises, sizes, forbidden words', find: lint },
  { name: 'imports', about: 'the import rule', find: imports },
  { name: 'dead', about: 'unused code and packages', find: deadCode },
  { name: 'format', about: 'layout and import order', find: format },
  {
    name: 'tidy',
    about: 'names, comments, documents',
    find: () => Promise.resolve({ findings: tidyFindings(root), text: '' }),
  },
];

async function main(names: readonly string[]): Promise<number> {
  const wanted = steps.filter((step) => names.length === 0 || names.includes(step.name));
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    const known = steps.map((step) => step.name).join(', ');
    console.error(`check: no step ${unknown.join(', ')}; there are ${known}`);
    return 2;
  }
  const exceptions = loadExceptions(path.join(root, 'tools/exceptions.json'));
  const all: Finding[] = [];
  let failedCount = 0;
  const report = async (step: Step): Promise<void> => {
    const startedMs = performance.now();
    const outcome = await step.find();
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    all.push(...outcome.findings);
    const open = unexcused(outcome.findings, exceptions);
    const failed = open.length > 0 || outcome.text !== '';
    if (failed) failedCount += 1;
    const verdict = failed ? `FAILED, ${open.length} findings` : 'ok';
    console.log(`${step.name.padEnd(8)} ${verdict} (${step.about}, ${seconds} s)`);
    for (const one of open) {
      console.log(`  ${one.file}:${one.line}  ${one.message}  [${one.rule}]`);
    }
    if (outcome.text !== '') console.log(outcome.text.replaceAll(/^/gm, '  '));
  };
  await Promise.all(wanted.map(report));
  if (wanted.length === steps.length) {
    for (const exception of unneeded(all, exceptions)) {
      failedCount += 1;
      console.log(`tools/exceptions.json: no longer needed: ${exception.rule} ${exception.file}`);
    }
  }
  console.log(failedCount === 0 ? 'check: all well' : `check: ${failedCount} of them failed`);
  return failedCount === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
