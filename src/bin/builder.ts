// Entry of a builder thread.

import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { NativeDisk } from '../io/native/native-disk.ts';
import { BuilderRuntime } from '../server/threads/builder-runtime.ts';
import { yieldCpu } from './thread-priority.ts';

assert(parentPort !== null, 'this file is the entry of a worker thread');
yieldCpu();
const { slot } = workerData as { readonly slot: number };
new BuilderRuntime(parentPort, { slot, disk: new NativeDisk() });
