// The configuration from all its sources, in their order: built-in defaults, config/config,
// config/{RUN_MODE}, config/local, the file of --config-path, the environment. Pure but for
// `files`. What there is to say about it comes back as messages, because logging is not set up yet.

import type { ConfigTable } from './config-tree.ts';
import { layOver, tableOf } from './config-tree.ts';
import { type Environment, environmentTree } from './environment-source.ts';
import type { Findings } from './section.ts';
import { normalise, readSection } from './section.ts';
import { type Settings, settingsSection } from './settings.ts';
import { settingsWarnings } from './settings-warnings.ts';
import { yamlTree } from './yaml-source.ts';

export type FileOutcome =
  | { readonly kind: 'found'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads a file; a relative path is relative to the working directory. */
export type ReadConfigFile = (path: string) => FileOutcome;

export interface SettingsSources {
  readonly readFile: ReadConfigFile;
  readonly environment: Environment;
  /** `--config-path`. */
  readonly configPath?: string | undefined;
  /** `--disable-telemetry`. */
  readonly telemetryDisabled?: boolean | undefined;
}

export interface SettingsMessage {
  readonly level: 'warn' | 'error';
  readonly text: string;
}

export type SettingsOutcome =
  | {
      readonly kind: 'loaded';
      readonly settings: Settings;
      /** To be logged once logging works, in this order. */
      readonly messages: readonly SettingsMessage[];
      readonly runMode: string;
    }
  /** One line for stderr, without the leading `Error: `; the process then exits with 1. */
  | { readonly kind: 'fatal'; readonly reason: string };

/** What a missing file means. */
type Missing = 'silent' | SettingsMessage;

export function loadSettings(sources: SettingsSources): SettingsOutcome {
  const runMode = sources.environment['RUN_MODE'] ?? 'development';
  const messages: SettingsMessage[] = [];
  const findings: Findings = { complaints: [], fault: null };
  let tree: ConfigTable = tableOf([], 'the defaults');

  const files: [string, Missing][] = [
    ['config/config', notFound('config/config')],
    [`config/${runMode}`, notFound(`config/${runMode}`)],
    ['config/local', 'silent'],
  ];
  if (sources.configPath !== undefined) {
    const text = `Config file via --config-path is not found: ${sources.configPath}`;
    files.push([sources.configPath, { level: 'error', text }]);
  }
  for (const [name, missing] of files) {
    const file = readNamed(name, sources.readFile);
    if (file.kind === 'broken') return { kind: 'fatal', reason: file.reason };
    if (file.kind === 'tree') tree = lay(tree, file.tree, findings);
    else if (missing !== 'silent') messages.push(missing);
  }
  tree = lay(tree, environmentTree(sources.environment), findings);

  const read = readSection(settingsSection, tree, '', findings);
  if (findings.fault !== null) return { kind: 'fatal', reason: findings.fault };
  const settings =
    sources.telemetryDisabled === true ? { ...read, telemetry_disabled: true } : read;
  if (findings.complaints.length > 0) {
    messages.push(warning('Settings configuration file has validation errors:'));
    messages.push(...findings.complaints.map(warning));
  }
  messages.push(...settingsWarnings(settings).map(warning));
  return { kind: 'loaded', settings, messages, runMode };
}

function lay(below: ConfigTable, above: ConfigTable, findings: Findings): ConfigTable {
  const merged = layOver(below, normalise(settingsSection, above, '', findings));
  return merged.kind === 'table' ? merged : below;
}

type NamedOutcome =
  | { readonly kind: 'tree'; readonly tree: ConfigTable }
  | { readonly kind: 'broken'; readonly reason: string }
  | { readonly kind: 'missing' };

/** `name` as it is if it ends in `.yaml` or `.yml`, else with one of these added. */
function readNamed(name: string, readFile: ReadConfigFile): NamedOutcome {
  for (const path of candidates(name)) {
    const file = readFile(path);
    if (file.kind === 'found') return yamlTree(file.text, path);
    if (file.kind === 'unreadable') {
      return { kind: 'broken', reason: `cannot read ${path}: ${file.reason}` };
    }
  }
  return { kind: 'missing' };
}

function candidates(name: string): readonly string[] {
  const extension = /[^/\\.]\.([^/\\.]*)$/.exec(name)?.[1];
  if (extension === 'yaml' || extension === 'yml') return [name];
  return extension === undefined ? [`${name}.yaml`, `${name}.yml`] : [];
}

function notFound(name: string): SettingsMessage {
  return warning(`Config file not found: ${name}`);
}

function warning(text: string): SettingsMessage {
  return { level: 'warn', text };
}
