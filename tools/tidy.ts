// The rules of the house that no ready tool knows: names with units, words that say nothing, header
// comments, TODO with an issue, and documents whose links, paths and symbols exist. Each rule is a
// pure function of one file in tidy-rules.ts; here the tree is walked.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Finding } from './exceptions.ts';
import {
  documentFindings,
  folderReadmeFindings,
  nameFindings,
  sourceFindings,
} from './tidy-rules.ts';

const sourceFolders = ['src', 'test', 'tools', 'bench', 'demo', 'assembly'];
const documentFolders = ['.', 'docs', 'src', 'test', 'tools', 'bench', 'demo'];
const skipped: ReadonlySet<string> = new Set(['node_modules', '.git', '.cache', 'testdata']);

/** All findings, in the order of paths. */
export function tidyFindings(root: string): readonly Finding[] {
  const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
  const sources = sourceFiles(root);
  const documents = documentFolders.flatMap((folder) =>
    filesUnder(root, folder, /\.md$/, folder !== '.'),
  );
  const texts = sourceTexts(root);
  const words = new Set(
    [...texts.values()].flatMap((text) => text.match(/[A-Za-z_$][\w$]*/g) ?? []),
  );
  for (const name of ['package.json', 'tsconfig.json', 'config/config.yaml']) {
    if (!existsSync(path.join(root, name))) continue;
    for (const word of read(name).match(/[A-Za-z_$][\w$]*/g) ?? []) words.add(word);
  }
  const known = {
    pathExists: (file: string) => existsSync(path.join(root, file)),
    wordExists: (word: string) => words.has(word),
  };
  const folders = readdirSync(path.join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `src/${entry.name}`);
  return [
    ...[...sources, ...documents].flatMap(nameFindings),
    ...[...texts].flatMap(([file, text]) => sourceFindings(file, text)),
    ...documents.flatMap((file) => documentFindings(file, read(file), known)),
    ...folders.flatMap((folder) => {
      const file = `${folder}/README.md`;
      return folderReadmeFindings(folder, known.pathExists(file) ? read(file) : null);
    }),
  ].toSorted((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

/** Path → text of every source file that a person writes. */
export function sourceTexts(root: string): ReadonlyMap<string, string> {
  const written = sourceFiles(root).filter((file) => !file.endsWith('.generated.ts'));
  return new Map(written.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));
}

function sourceFiles(root: string): readonly string[] {
  return sourceFolders.flatMap((folder) => filesUnder(root, folder, /\.(ts|mjs|cjs)$/));
}

function filesUnder(root: string, folder: string, name: RegExp, recursive = true): string[] {
  const absolute = path.join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) {
      return recursive && !skipped.has(entry.name) ? filesUnder(root, file, name) : [];
    }
    return entry.isFile() && name.test(entry.name) ? [file] : [];
  });
}
