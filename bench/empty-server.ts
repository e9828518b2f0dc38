// The yardstick of the REST search: the same `node:http` server as the real one, on the same number
// of threads sharing the port, with a handler that reads the body and answers a fixed one. What a
// search may cost on top of this is the server's own work.
// Arguments: port, threads, bytes of the answer. Prints `ready` when all threads listen.

import { createServer } from 'node:http';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

interface Start {
  readonly port: number;
  readonly answerBytes: number;
}

function serve({ port, answerBytes }: Start): void {
  const answer = Buffer.alloc(answerBytes, 0x20);
  const server = createServer(
    { keepAliveTimeout: 65_000, maxHeaderSize: 64 * 1024, noDelay: true },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
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

async function start(): Promise<void> {
  const [port, threadCount, answerBytes] = process.argv.slice(2).map(Number);
  const entry = new URL(import.meta.url);
  const ready = Array.from({ length: threadCount ?? 1 }, () => {
    const worker = new Worker(entry, { workerData: { port, answerBytes } });
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
