// The yardstick of the REST search: the same `node:http` server as the real one, on the same number
// of threads sharing the port, with a handler that reads the body and answers a fixed one. What a
// search may cost on top of this is the server's own work. It can also burn CPU for as long as the
// bare search takes: what is above that is the server's work around the search.
// Arguments: port, threads, bytes of the answer, µs to burn. Prints `ready` when all threads
// listen.

import { createServer } from 'node:http';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';

const calibrationUs = 400_000;

interface Start {
  readonly port: number;
  readonly answerBytes: number;
  readonly burnUs: number;
}

function serve({ port, answerBytes, burnUs }: Start): void {
  const answer = Buffer.alloc(answerBytes, 0x20);
  const turnCount = burnUs === 0 ? 0 : Math.round(burnUs * turnsPerUs());
  const server = createServer(
    { keepAliveTimeout: 65_000, maxHeaderSize: 64 * 1024, noDelay: true },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        turn(turnCount);
        response.writeHead(200, {
          'content-length': answer.length,
          'content-type': 'application/json',
        });
        response.end(answer);
      });
    },
  );
  server.listen({ host: '127.0.0.1', port, reusePort: true }, () =>
    parentPort?.postMessage('ready'),
  );
}

const scratch = Buffer.alloc(4096, 1);

/**
 * A checksum by native code: always as fast, whatever the compiler has made of this file so far.
 */
function turn(count: number): void {
  for (let at = 0; at < count; at += 1) crc32(scratch);
}

/**
 * How many turns take one µs of CPU, as things are on this machine now. The clock of a thread is
 * too coarse to be asked at each request, so it is asked about many turns at once.
 */
function turnsPerUs(): number {
  const before = process.threadCpuUsage();
  const chunk = 1000;
  for (let turns = chunk; ; turns += chunk) {
    turn(chunk);
    const { user, system } = process.threadCpuUsage(before);
    if (user + system > calibrationUs) return turns / (user + system);
  }
}

async function start(): Promise<void> {
  const [port, threadCount, answerBytes, burnUs] = process.argv.slice(2).map(Number);
  const entry = new URL(import.meta.url);
  const ready = Array.from({ length: threadCount ?? 1 }, () => {
    const worker = new Worker(entry, { workerData: { port, answerBytes, burnUs } });
    return new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  });
  await Promise.all(ready);
  process.stdout.write('ready\n');
}

if (isMainThread) await start();
else serve(workerData as Start);
