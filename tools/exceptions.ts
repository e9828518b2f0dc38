// Findings that are accepted, one line each with its reason, in tools/exceptions.json. The list may
// only shrink: an entry that no finding needs any more is itself a finding.

import { readFileSync } from 'node:fs';

/** One complaint of a tool. */
export interface Finding {
  /** Short name of the rule, e.g. `max-params`. */
  readonly rule: string;
  /** Path from the root of the repository. */
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export interface Exception {
  readonly rule: string;
  readonly file: string;
  readonly reason: string;
}

export function loadExceptions(path: string): readonly Exception[] {
  const entries = JSON.parse(readFileSync(path, 'utf8')) as readonly Exception[];
  for (const entry of entries) {
    if (!entry.rule || !entry.file || !entry.reason) {
      throw new Error(
        `${path}: an exception needs rule, file and reason: ${JSON.stringify(entry)}`,
      );
    }
  }
  return entries;
}

/** The findings that no exception covers. */
export function unexcused(
  findings: readonly Finding[],
  exceptions: readonly Exception[],
): readonly Finding[] {
  return findings.filter((finding) => !exceptions.some((exception) => covers(exception, finding)));
}

/** The exceptions that none of the findings needs; `findings` is what all tools found. */
export function unneeded(
  findings: readonly Finding[],
  exceptions: readonly Exception[],
): readonly Exception[] {
  return exceptions.filter((exception) => !findings.some((finding) => covers(exception, finding)));
}

function covers(exception: Exception, finding: Finding): boolean {
  return exception.rule === finding.rule && exception.file === finding.file;
}
