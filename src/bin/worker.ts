// Entry of a worker thread: puts the API on top of the engine and the native ports under it.

import { parentPort, workerData } from 'node:worker_threads';
import { createRestServer } from '../api/rest/server.ts';
import { assert } from '../base/assert.ts';
import { NativeClock, NativeRandom, NativeTimers } from '../io/native/native-clock.ts';
import { NativeDisk } from '../io/native/native-disk.ts';
import { kernelSupport } from '../kernels/exports.ts';
import { PublishedSegment } from '../segment/published-segment.ts';
import { createWire } from '../server/cluster-start.ts';
import { Log } from '../server/log.ts';
import { returnMemorySoon } from '../server/threads/memory-return.ts';
import type { WorkerStart } from '../server/threads/messages.ts';
import { WirePeerClient } from '../server/threads/wire-peer-client.ts';
import { WorkerRuntime } from '../server/threads/worker-runtime.ts';

/** Running requests get this long when the node stops. */
const drainMs = 10_000;
const queueCountMaxDefault = 1_000_000;
const queueBytesMax = 256 * 1024 * 1024;

assert(parentPort !== null, 'this file is the entry of a worker thread');
const start = workerData as WorkerStart;
const { workerIndex, ownPeerId, slotCount, cpuCount, settings } = start;
const logs = new Log(settings);
const log = logs.logger('octant');
const disk = new NativeDisk();

// One thread speaks for all: they run the same engine.
if (workerIndex === 0) {
  const { relaxedSimd, reason } = kernelSupport();
  if (!relaxedSimd) log.warn(reason);
}

const ports = {
  clock: new NativeClock(),
  timers: new NativeTimers(),
  random: new NativeRandom(),
};

function createPeerClient(): WirePeerClient | null {
  if (!settings.cluster.enabled) return null;
  // Nobody tells this thread that a peer is back: it looks again soon.
  const limits = { backoffMaxMs: 500 };
  const self = { peerId: ownPeerId, instanceId: start.instanceId, uri: null, limits };
  return new WirePeerClient(createWire(settings, self, { ...ports, log }));
}

new WorkerRuntime(parentPort, {
  workerIndex,
  ownPeerId,
  settings,
  shardLimits: {
    cpuCount,
    queueCountMax: settings.storage.update_queue_size ?? queueCountMaxDefault,
    queueBytesMax,
    slot: workerIndex,
    slotCount,
  },
  createListener: (engine) => {
    const server = createRestServer(engine, { logger: log, accessLog: true });
    const { host, http_port: port } = settings.service;
    return {
      listen: () => server.listen({ host, port, reusePort: process.platform === 'linux' }),
      close: async () => {
        await server.close(drainMs);
        logs.flush();
      },
      requestSeries: () => server.requestSeries(),
    };
  },
  openReader: (segment, { schema, indexingThresholdKb }) =>
    PublishedSegment.open(segment, { slot: workerIndex, disk, schema, indexingThresholdKb }),
  shardPorts: {
    disk,
    ...ports,
    logger: log,
  },
  peers: createPeerClient(),
});
returnMemorySoon();
