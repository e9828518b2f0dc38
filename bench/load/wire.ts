// Requests as the bytes that go over the socket, made before anything is timed, and the file that
// carries them to the process that sends them: u32 count, u32 length each, then the bytes.

import { readFileSync, writeFileSync } from 'node:fs';

export function encodeRequest(method: string, path: string, body: string): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    '',
  ].join('\r\n');
  return Buffer.from(head + body);
}

export function writeRequests(path: string, requests: readonly Buffer[]): void {
  const lengths = Uint32Array.of(requests.length, ...requests.map((request) => request.length));
  writeFileSync(path, Buffer.concat([Buffer.from(lengths.buffer), ...requests]));
}

export function readRequests(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const count = bytes.readUInt32LE(0);
  const requests: Buffer[] = [];
  let at = 4 * (count + 1);
  for (let index = 0; index < count; index += 1) {
    const length = bytes.readUInt32LE(4 * (index + 1));
    requests.push(bytes.subarray(at, at + length));
    at += length;
  }
  return requests;
}
