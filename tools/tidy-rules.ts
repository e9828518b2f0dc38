// The rules that tidy.ts applies, each a pure function of one file. They read text, not syntax: a
// rule must be so plain that this is enough.

import path from 'node:path';
import type { Finding } from './exceptions.ts';
import { wrapComments } from './wrap-comments.ts';

/** What the documents may name. */
export interface Known {
  readonly pathExists: (file: string) => boolean;
  readonly wordExists: (word: string) => boolean;
}

const folderReadmeLinesMax = 40;

const emptyWords = /(^|[-_/])(utils?|helpers?|common|managers?|misc)([-_./]|$)/;
const emptyNames =
  /\b(?:class|interface|type|function|const)\s+(\w*(?:Util|Utils|Helper|Helpers|Manager|Misc)|util|utils|helper|helpers|manager|misc)\b/;

/** A name that ends like this counts something, and must say what. */
const unitless =
  /(?:^|[a-z])(?:[tT]imeout|[iI]nterval|[dD]elay|[dD]uration|[eE]lapsed|[lL]atency|[pP]eriod|[lL]ifetime|[bB]ackoff|[dD]eadline|[tT]tl|Size)$/;
const numericDeclaration =
  /\b([a-z]\w*)\??\s*(?::\s*(?:number|bigint)\b(?!\[)|=(?![=>])\s*-?\d[\d_.]*\b)/g;

const toggles = /\b(?:oxlint-disable|eslint-disable|biome-ignore|knip-ignore)\b/;
const ownRules: ReadonlySet<string> = new Set([
  'tools/tidy.ts',
  'tools/tidy-rules.ts',
  'tools/tidy-rules.test.ts',
]);

/** Rules for a file's path. */
export function nameFindings(file: string): readonly Finding[] {
  const findings: Finding[] = [];
  const report = (rule: string, message: string): void => {
    findings.push({ rule, file, line: 1, message });
  };
  if (emptyWords.test(file))
    report('empty-word', 'util, helper, common, manager, misc say nothing');
  const base = path.posix.basename(file);
  const kebab = file.endsWith('.md') || /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)+$/.test(base);
  if (!kebab) report('file-name', 'file names are in kebab-case');
  return findings;
}

/** Rules for the text of a source file. */
export function sourceFindings(file: string, text: string): readonly Finding[] {
  if (ownRules.has(file)) return [];
  const findings: Finding[] = [];
  const lines = text.split('\n');
  const report = (rule: string, at: number, message: string): void => {
    findings.push({ rule, file, line: at + 1, message });
  };
  const isTest = /\.(test|contract|long)\.ts$/.test(file) || file.startsWith('test/');
  const first = lines.find((line) => line.trim() !== '' && !line.startsWith('#!')) ?? '';
  if (!isTest && !/^\/[/*]/.test(first)) {
    report('header', 0, 'the first lines say what the file owns');
  }
  if (wrapComments(text) !== text) {
    report('columns', 0, 'comments wider than 100 columns: run npm run format');
  }
  for (const [at, line] of lines.entries()) {
    if (/\b(TODO|FIXME|XXX)\b(?!\s*\(#\d+\))/.test(line)) {
      report('todo', at, 'TODO needs the number of an issue: TODO (#12)');
    }
    if (toggles.test(line)) {
      report('toggle', at, 'exceptions go to tools/exceptions.json with their reason');
    }
    const empty = emptyNames.exec(line);
    if (empty !== null) report('empty-word', at, `${empty[1]} says nothing: name what it does`);
    if (!isTest)
      for (const name of unitlessNames(line)) {
        report('unit', at, `${name}: put the unit last (Ms, Sec, Bytes, Count)`);
      }
  }
  return findings;
}

function unitlessNames(line: string): readonly string[] {
  const code = line.replace(/(^|\s)(\/\/|\*|\/\*).*$/, '').replaceAll(/'[^']*'/g, "''");
  return [...code.matchAll(numericDeclaration)]
    .map((match) => match[1] ?? '')
    .filter((name) => unitless.test(name));
}

/** A folder of src/ has a README that fits on one screen. */
export function folderReadmeFindings(folder: string, text: string | null): readonly Finding[] {
  const file = `${folder}/README.md`;
  if (text === null) {
    return [{ rule: 'readme', file, line: 1, message: 'every folder of src/ says what it is for' }];
  }
  const lineCount = text.trimEnd().split('\n').length;
  if (lineCount <= folderReadmeLinesMax) return [];
  const message = `${lineCount} lines; at most ${folderReadmeLinesMax}`;
  return [{ rule: 'readme', file, line: 1, message }];
}

/** Links, paths and symbols that a document names must exist. */
export function documentFindings(file: string, text: string, known: Known): readonly Finding[] {
  const findings: Finding[] = [];
  const folder = path.posix.dirname(file);
  let fenced = false;
  for (const [at, line] of text.split('\n').entries()) {
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
    else if (!fenced) {
      for (const message of lineComplaints(line, folder, known)) {
        findings.push({ rule: 'document', file, line: at + 1, message });
      }
    }
  }
  return findings;
}

function lineComplaints(line: string, folder: string, known: Known): readonly string[] {
  const complaints: string[] = [];
  const withoutCode = line.replaceAll(/`[^`]*`/g, '``');
  for (const match of withoutCode.matchAll(/\]\(([^)\s]+)\)/g)) {
    const target = (match[1] ?? '').replace(/#.*$/, '');
    if (target === '' || /^[a-z]+:/.test(target)) continue;
    if (!known.pathExists(path.posix.join(folder, target)))
      complaints.push(`broken link: ${target}`);
  }
  for (const match of line.matchAll(/`([^`]+)`/g)) {
    const complaint = codeComplaint(match[1] ?? '', folder, known);
    if (complaint !== null) complaints.push(complaint);
  }
  return complaints;
}

/** Only what is certainly a path of this repository, or certainly a symbol, is looked up. */
function codeComplaint(code: string, folder: string, known: Known): string | null {
  const isPath =
    /^(src|test|tools|docs|bench|demo|assembly|config)\/[\w./-]*$/.test(code) ||
    /^[\w-]+(\/[\w.-]+)+\.(ts|md|json|yaml|txt)$/.test(code);
  if (isPath) {
    const places = [code, path.posix.join('src', code), path.posix.join(folder, code)];
    return places.some(known.pathExists) ? null : `no such path: ${code}`;
  }
  const symbol =
    /^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*(\(\))?$/.test(code) && /[a-z][A-Z]/.test(code);
  if (!symbol) return null;
  const missing = code
    .replace('()', '')
    .split('.')
    .filter((word) => !known.wordExists(word));
  return missing.length === 0 ? null : `no such symbol: ${missing.join(', ')}`;
}
