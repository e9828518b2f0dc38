// Entry of the process: flags, configuration, log, lock, threads; then it waits for a signal.
// This thread becomes control: it never sees a client's body.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { PeerId } from '../base/ids.ts';
import { NativeClock, NativeRandom, NativeTimers } from '../io/native/native-clock.ts';
import { NativeDisk } from '../io/native/native-disk.ts';
import type { Logger } from '../io/ports.ts';
import { DiskError, type DiskLock } from '../io/ports.ts';
import { CatalogStore } from '../server/catalog-store.ts';
import { PeerChanges } from '../server/cluster-changes.ts';
import { createWire, newInstanceId, normalUri, startNode } from '../server/cluster-start.ts';
import { readConfigFile } from '../server/config/config-file.ts';
import { loadSettings } from '../server/config/load-settings.ts';
import type { Settings } from '../server/config/settings.ts';
import { Log } from '../server/log.ts';
import { PeerIdentityFile } from '../server/peer-identity.ts';
import type { TransferLimits } from '../server/recovery-plan.ts';
import { optimizerOverwrites } from '../server/services/collection-defaults.ts';
import { apiVersion } from '../server/services/version.ts';
import { StandaloneChanges } from '../server/standalone-changes.ts';
import { StateFileView } from '../server/state-file-view.ts';
import { BuilderPool } from '../server/threads/builder-pool.ts';
import { Control } from '../server/threads/control.ts';
import type { WorkerStart } from '../server/threads/messages.ts';
import { servingShards } from '../server/threads/peer-calls.ts';
import { ThreadHost } from '../server/threads/thread-host.ts';
import { parseCommandLine, type RunOptions } from './cli.ts';
import { unbuiltSetting } from './unbuilt-settings.ts';

const disk = new NativeDisk();
const random = new NativeRandom();

/** As many as this process may use; a container without such a limit can say so. */
const cpuCount = Number(process.env['QDRANT_NUM_CPUS']) || availableParallelism();

/** Elsewhere a second thread cannot listen on the same port, so one has to do. */
const canSharePort = process.platform === 'linux';

async function main(): Promise<void> {
  const options = readCommandLine();
  const { configPath, telemetryDisabled } = options;
  const loaded = loadSettings({
    readFile: readConfigFile,
    environment: process.env,
    configPath,
    telemetryDisabled,
  });
  if (loaded.kind === 'fatal') return fail(loaded.reason);
  const { settings, messages } = loaded;
  const unbuilt = unbuiltSetting(settings, options);
  if (unbuilt !== null) return fail(unbuilt);
  const logs = new Log(settings);
  process.on('exit', () => logs.flush());
  const log = logs.logger('octant');
  printBanner(settings);
  for (const { level, text } of messages) log[level](text);

  const initFile = process.env['QDRANT_INIT_FILE_PATH'] ?? '.qdrant-initialized';
  if (disk.exists(initFile)) disk.remove(initFile);
  const lock = takeStorage(settings);
  await clearScratch(settings);

  const identity = await openIdentity(settings);
  const ownPeerId = identity.peerId;
  const storagePath = settings.storage.storage_path;
  const store = new CatalogStore({ storagePath, ownPeerId }, { disk, log });
  const instanceId = newInstanceId(random);
  const host = createHost(settings, { peerId: ownPeerId, instanceId }, { store, log });
  // Until the workers run, a timer may be all that this process waits for.
  const isStarting = setInterval(() => undefined, 60_000);
  const parts = { host, store, log, instanceId };
  const control = settings.cluster.enabled
    ? await createPeer({ settings, options }, identity, parts)
    : new Control(host, {
        kind: 'standalone',
        changes: new StandaloneChanges(ownPeerId, parts),
      });
  stopOnSignals(control, lock, log);
  const { port } = await control.start().catch((error: unknown) => {
    if (settings.cluster.enabled) failConsensus(error, log);
    throw error;
  });
  clearInterval(isStarting);
  log.info(`Qdrant HTTP listening on ${port}`);
  disk.open(initFile, 'create').close();
}

function openIdentity(settings: Settings): Promise<PeerIdentityFile> {
  const { peer_id: preset } = settings.cluster;
  const { storage_path: path } = settings.storage;
  return PeerIdentityFile.open(path, preset === null ? null : BigInt(preset), { disk, random });
}

interface NodeParts {
  readonly host: ThreadHost;
  readonly store: CatalogStore;
  readonly log: Logger;
  readonly instanceId: string;
}

/** Comes back once this process is part of its cluster, or ends it. */
async function createPeer(
  asked: { readonly settings: Settings; readonly options: RunOptions },
  identity: PeerIdentityFile,
  parts: NodeParts,
): Promise<Control> {
  const { settings, options } = asked;
  const { log } = parts;
  const ports = { clock: new NativeClock(), timers: new NativeTimers(), random, disk, log };
  const flags = {
    uri: options.uri === undefined ? null : normalUri(options.uri),
    bootstrap: options.bootstrap === undefined ? null : normalUri(options.bootstrap),
    isReinit: options.reinit,
  };
  // TLS files that cannot be used are a fault of the configuration, not of consensus.
  const { peerId } = identity;
  const self = { peerId, instanceId: parts.instanceId, uri: flags.uri };
  const wire = createWire(settings, self, ports);
  try {
    const node = await startNode({ settings, flags }, { wire, identity }, ports);
    const view = new StateFileView(identity, ports);
    const changes = new PeerChanges({
      ...parts,
      node,
      network: wire,
      listen: (endpoint) => wire.listen(servingShards(endpoint, parts.host)),
      close: () => wire.close(),
      clock: ports.clock,
      timers: ports.timers,
      transferLimits: transferLimits(settings),
      show: (changed) => view.show(changed),
    });
    return new Control(parts.host, { kind: 'peer', changes });
  } catch (error) {
    return failConsensus(error, log);
  }
}

/** A node in recovery mode takes nothing over by itself. */
function transferLimits({ storage }: Settings): TransferLimits | null {
  if (storage.recovery_mode !== null) return null;
  const { incoming_shard_transfers_limit: incoming, outgoing_shard_transfers_limit: outgoing } =
    storage.performance;
  return { incoming, outgoing };
}

/** What only a restart, or somebody else, can mend. */
function failConsensus(error: unknown, log: Logger): never {
  const reason = error instanceof Error ? error.message : String(error);
  log.error(`Can't initialize consensus: ${reason}`);
  process.stderr.write(`Error: Can't initialize consensus: ${reason}\n`);
  process.exit(101);
}

/** Prints and ends the process unless a node is to be run. */
function readCommandLine(): RunOptions {
  const line = parseCommandLine(process.argv.slice(2), process.env, apiVersion);
  if (line.kind === 'run') return line.options;
  if (line.kind === 'print') process.stdout.write(line.text);
  else process.stderr.write(line.text);
  process.exit(line.kind === 'print' ? 0 : line.exitCode);
}

function createHost(
  settings: Settings,
  self: { readonly peerId: PeerId; readonly instanceId: string },
  parts: { readonly store: CatalogStore; readonly log: Logger },
): ThreadHost {
  const { store, log } = parts;
  const workerCount = canSharePort ? settings.service.max_workers || cpuCount : 1;
  // One for flushes, beside those that build graphs.
  const builderCount = cpuCount + 1;
  const slotCount = workerCount + builderCount;
  const builders = new BuilderPool(
    {
      builderCount,
      spawnBuilder: (index) =>
        new Worker(new URL('./builder.ts', import.meta.url), {
          workerData: { slot: workerCount + index },
        }),
    },
    log,
  );
  return new ThreadHost(
    {
      workerCount,
      spawnWorker: (workerIndex) => {
        const start: WorkerStart = {
          workerIndex,
          ownPeerId: self.peerId,
          instanceId: self.instanceId,
          slotCount,
          cpuCount,
          settings,
        };
        return new Worker(new URL('./worker.ts', import.meta.url), { workerData: start });
      },
      toleratesLoadErrors: settings.storage.handle_collection_load_errors,
      recoveryMode: settings.storage.recovery_mode,
      optimizerOverwrites: optimizerOverwrites(settings),
      shardPath: (name, shardId) => store.shardPath(name, shardId),
      onFatal: (error) => {
        log.error(error.message);
        process.exit(1);
      },
    },
    { builders, log },
  );
}

/** One process per storage: the lock goes with the process, however it ends. */
function takeStorage(settings: Settings): DiskLock {
  const path = settings.storage.storage_path;
  try {
    disk.makeDir(path);
    return disk.lock(`${path}/.lock`);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    const used = error.kind === 'locked';
    return fail(used ? `storage ${path} is in use by another process` : error.message);
  }
}

async function clearScratch(settings: Settings): Promise<void> {
  const { storage_path: storage, snapshots_path: snapshots, temp_path: temp } = settings.storage;
  // `temp_path` may be shared with other programs, e.g. /tmp: only our folder in it is ours to
  // empty.
  const own = temp === null ? [] : [`${temp}/octant`];
  for (const path of [`${storage}/tmp`, `${snapshots}/tmp`, ...own]) {
    if (!disk.exists(path)) continue;
    for (const entry of disk.list(path)) await disk.removeTree(`${path}/${entry.name}`);
  }
}

function stopOnSignals(control: Control, lock: DiskLock, log: Logger): void {
  let stopping = false;
  const stop = (signal: string, graceful: boolean): void => {
    // A second signal does not wait for the first.
    if (stopping) process.exit(1);
    stopping = true;
    log.info(`${signal}: stopping`);
    control.stop(graceful).then(
      () => {
        lock.release();
        process.exit(0);
      },
      (error: unknown) => {
        log.error('stopping failed', { error: String(error) });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM', true));
  process.on('SIGINT', () => stop('SIGINT', false));
}

function printBanner(settings: Settings): void {
  const port = settings.service.http_port;
  process.stdout.write(
    [
      '',
      '   ____       __              __',
      '  / __ \\_____/ /_____ _____  / /_',
      ' / / / / ___/ __/ __ `/ __ \\/ __/',
      '/ /_/ / /__/ /_/ /_/ / / / / /_',
      '\\____/\\___/\\__/\\__,_/_/ /_/\\__/',
      '',
      `Version: ${apiVersion}`,
      `Access web UI at http://localhost:${port}/dashboard`,
      '',
      '',
    ].join('\n'),
  );
}

function fail(reason: string): never {
  process.stderr.write(`Error: ${reason}\n`);
  process.exit(1);
}

main().catch((error: unknown) => {
  process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
