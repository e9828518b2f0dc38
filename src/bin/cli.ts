// The command line: arguments and two environment variables in, what to do out. Pure. The texts of
// usage errors follow those of the reference's parser, because scripts look at them.

import path from 'node:path';

/** Restore the snapshot at `path` as `collection` before serving. */
export interface SnapshotToRestore {
  readonly path: string;
  readonly collection: string;
}

export interface RunOptions {
  /** Peer to join on the first start. */
  readonly bootstrap: string | undefined;
  /** How other peers reach this one. */
  readonly uri: string | undefined;
  readonly snapshots: readonly SnapshotToRestore[];
  /** Wins over `snapshots`. */
  readonly storageSnapshot: string | undefined;
  /** Restoring may overwrite existing collections. */
  readonly forceSnapshot: boolean;
  readonly configPath: string | undefined;
  readonly telemetryDisabled: boolean;
  /** Print the stacks of a running instance, then exit. */
  readonly stacktrace: boolean;
  readonly reinit: boolean;
}

export type CommandLine =
  | { readonly kind: 'run'; readonly options: RunOptions }
  /** Print to stdout, exit 0. */
  | { readonly kind: 'print'; readonly text: string }
  /** Print to stderr and exit: 2 for bad usage, 1 for a value that cannot be used. */
  | { readonly kind: 'refuse'; readonly text: string; readonly exitCode: 1 | 2 };

export type CliEnvironment = Readonly<Record<string, string | undefined>>;

interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly alias?: string;
  /** Absent: a switch. */
  readonly value?: string;
  readonly environment?: string;
  readonly repeatable?: true;
  readonly check?: (value: string) => string | null;
  readonly help: string;
}

const flags: readonly Flag[] = [
  {
    name: 'bootstrap',
    value: 'URI',
    environment: 'QDRANT_BOOTSTRAP',
    check: uriFault,
    help: 'Peer to join on the first start, e.g. http://node-1:6335',
  },
  {
    name: 'uri',
    value: 'URI',
    environment: 'QDRANT_URI',
    check: uriFault,
    help: 'Address at which the other peers reach this one. Needed by the first peer',
  },
  {
    name: 'force-snapshot',
    short: 'f',
    help: 'Let --snapshot and --storage-snapshot overwrite existing collections',
  },
  {
    name: 'snapshot',
    alias: 'collection-snapshot',
    value: 'PATH:NAME',
    repeatable: true,
    help: 'Restore a collection from a snapshot before serving. May be repeated',
  },
  {
    name: 'storage-snapshot',
    value: 'PATH',
    help: 'Restore everything from a full snapshot before serving',
  },
  { name: 'config-path', value: 'PATH', help: 'Further configuration file' },
  { name: 'disable-telemetry', help: 'Do not send usage reports (Octant never does)' },
  { name: 'stacktrace', help: 'Print the stack traces of a running instance, then exit' },
  {
    name: 'reinit',
    help:
      'Forget the consensus state of this node. With --bootstrap: fetch it anew from that peer. ' +
      'Without: become the only voter',
  },
  { name: 'help', short: 'h', help: 'Print help' },
  { name: 'version', short: 'V', help: 'Print version' },
];

const usageLine = 'Usage: qdrant [OPTIONS]';

/** `version` is that of the reference whose behaviour is offered: tools parse `qdrant X.Y.Z`. */
export function parseCommandLine(
  args: readonly string[],
  environment: CliEnvironment,
  version: string,
): CommandLine {
  const given = readArguments(args);
  if (typeof given === 'string') return badUsage(given);
  if (given.has('help')) return { kind: 'print', text: helpText() };
  if (given.has('version')) return { kind: 'print', text: `qdrant ${version}\n` };

  for (const flag of flags) {
    const preset = flag.environment === undefined ? undefined : environment[flag.environment];
    // An empty variable, as container set-ups leave them, is one that was not given.
    if (preset !== undefined && preset !== '' && !given.has(flag.name)) {
      given.set(flag.name, [preset]);
    }
    for (const value of given.get(flag.name) ?? []) {
      const fault = flag.check?.(value) ?? null;
      if (fault !== null) {
        return badUsage(`invalid value '${value}' for '${spelled(flag)}': ${fault}`);
      }
    }
  }
  return runOptions(given);
}

type Given = Map<string, readonly string[]>;

function runOptions(given: Given): CommandLine {
  const snapshots: SnapshotToRestore[] = [];
  for (const text of given.get('snapshot') ?? []) {
    const snapshot = snapshotNamed(text);
    if (snapshot === null) {
      const reason = `snapshot ${JSON.stringify(text)} is not of the form PATH:COLLECTION`;
      return { kind: 'refuse', text: `Error: ${reason}\n`, exitCode: 1 };
    }
    snapshots.push(snapshot);
  }
  return {
    kind: 'run',
    options: {
      bootstrap: given.get('bootstrap')?.[0],
      uri: given.get('uri')?.[0],
      snapshots,
      storageSnapshot: given.get('storage-snapshot')?.[0],
      forceSnapshot: given.has('force-snapshot'),
      configPath: given.get('config-path')?.[0],
      telemetryDisabled: given.has('disable-telemetry'),
      stacktrace: given.has('stacktrace'),
      reinit: given.has('reinit'),
    },
  };
}

/** Flag name → its values (none for a switch); a text if the arguments are wrong. */
function readArguments(args: readonly string[]): Given | string {
  const given: Given = new Map();
  const waiting = [...args];
  for (let arg = waiting.shift(); arg !== undefined; arg = waiting.shift()) {
    if (arg === '--' && waiting.length === 0) break;
    // `-fV` is `-f -V`.
    if (/^-[A-Za-z]{2,}$/.test(arg)) {
      waiting.unshift(
        ...arg
          .slice(1)
          .split('')
          .map((letter) => `-${letter}`),
      );
      continue;
    }
    const equals = arg.startsWith('--') ? arg.indexOf('=') : -1;
    const name = equals < 0 ? arg : arg.slice(0, equals);
    const flag = flags.find((one) => spellings(one).includes(name));
    if (flag === undefined) return `unexpected argument '${name}' found`;
    const attached = equals < 0 ? undefined : arg.slice(equals + 1);
    const fault = take(flag, attached, waiting, given);
    if (fault !== null) return fault;
  }
  return given;
}

/** Puts one flag into `given`, with its value from `waiting` unless it is attached. */
function take(
  flag: Flag,
  attached: string | undefined,
  waiting: string[],
  given: Given,
): string | null {
  const before = given.get(flag.name);
  if (before !== undefined && flag.repeatable !== true) {
    return `the argument '${spelled(flag)}' cannot be used multiple times`;
  }
  if (flag.value === undefined) {
    if (attached !== undefined)
      return `unexpected value '${attached}' for '${spelled(flag)}' found`;
    given.set(flag.name, []);
    return null;
  }
  const next = waiting[0];
  const value = attached ?? (next === undefined || next.startsWith('-') ? undefined : next);
  if (value === undefined || value === '') {
    return `a value is required for '${spelled(flag)}' but none was supplied`;
  }
  if (attached === undefined) waiting.shift();
  given.set(flag.name, [...(before ?? []), value]);
  return null;
}

function spellings(flag: Flag): readonly string[] {
  return [
    `--${flag.name}`,
    ...(flag.short === undefined ? [] : [`-${flag.short}`]),
    ...(flag.alias === undefined ? [] : [`--${flag.alias}`]),
  ];
}

function spelled(flag: Flag): string {
  return flag.value === undefined ? `--${flag.name}` : `--${flag.name} <${flag.value}>`;
}

function badUsage(reason: string): CommandLine {
  const text = `error: ${reason}\n\n${usageLine}\n\nFor more information, try '--help'.\n`;
  return { kind: 'refuse', text, exitCode: 2 };
}

/** Exactly one colon, with something on both sides. */
function snapshotNamed(text: string): SnapshotToRestore | null {
  const [file, collection, ...more] = text.split(':');
  if (!file || !collection || more.length > 0) return null;
  return { path: path.normalize(file), collection };
}

function uriFault(text: string): string | null {
  const complete = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const fits = !/\s/.test(text) && URL.canParse(complete) && new URL(complete).hostname !== '';
  return fits ? null : 'invalid uri character';
}

function helpText(): string {
  const rows = flags.map((flag) => {
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
    const environment = flag.environment === undefined ? '' : ` [env: ${flag.environment}=]`;
    return `  ${short}${spelled(flag)}\n          ${flag.help}${environment}\n`;
  });
  const about = 'Octant, a distributed vector database that offers the API of Qdrant';
  return `${about}\n\n${usageLine}\n\nOptions:\n${rows.join('\n')}`;
}
