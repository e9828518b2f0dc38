// One open file on node:fs. Small reads and writes are made synchronously: a write(2) into the page
// cache costs less than a trip through the thread pool. Syncs and large reads go through the pool.
// Invariant: after a failed sync the file is poisoned; see `DiskFile`.
import * as fs from 'node:fs';
import { assert } from '../../base/assert.ts';
import { DiskError, type DiskFile } from '../ports.ts';
import { diskErrorFrom } from './native-error.ts';

/** libuv takes at most 2^31 − 1 bytes a call. */
const callBytesMax = 1 << 30;
/** IOV_MAX of Linux. */
const vectorCountMax = 1024;

export class NativeFile implements DiskFile {
  readonly path: string;
  #fd: number;
  #syncError: DiskError | null = null;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  size(): number {
    return this.#try(() => fs.fstatSync(this.#openFd()).size);
  }

  readNow(at: number, into: Uint8Array): number {
    const fd = this.#openFd();
    let done = 0;
    try {
      while (done < into.length) {
        const bytes = Math.min(into.length - done, callBytesMax);
        const count = fs.readSync(fd, into, done, bytes, at + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw diskErrorFrom(error, this.path);
    }
    return done;
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const bytes = Math.min(into.length - done, callBytesMax);
      const count = await this.#readOnce(at + done, into, done, bytes);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  writeNow(at: number, bytes: Uint8Array): void {
    const fd = this.#writableFd();
    let done = 0;
    try {
      while (done < bytes.length) {
        const count = Math.min(bytes.length - done, callBytesMax);
        done += fs.writeSync(fd, bytes, done, count, at + done);
      }
    } catch (error) {
      throw diskErrorFrom(error, this.path);
    }
  }

  writeManyNow(at: number, chunks: readonly Uint8Array[]): void {
    let position = at;
    for (let first = 0; first < chunks.length; first += vectorCountMax) {
      position += this.#writeVector(position, chunks.slice(first, first + vectorCountMax));
    }
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      done += await this.#writeOnce(at + done, bytes, done);
    }
  }

  truncateNow(bytes: number): void {
    assert(Number.isSafeInteger(bytes) && bytes >= 0, `cannot truncate to ${bytes} bytes`);
    this.#try(() => fs.ftruncateSync(this.#writableFd(), bytes));
  }

  dataSync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#writableFd(), (error) => {
        if (error === null) resolve();
        else reject(this.#poison(error));
      });
    });
  }

  dataSyncNow(): void {
    const fd = this.#writableFd();
    try {
      fs.fdatasyncSync(fd);
    } catch (error) {
      throw this.#poison(error);
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#try(() => fs.closeSync(fd));
  }

  /** Whole chunks in one writev(2); the rest of a short write is finished chunk by chunk. */
  #writeVector(at: number, chunks: readonly Uint8Array[]): number {
    const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const fd = this.#writableFd();
    let written = this.#try(() => fs.writevSync(fd, chunks, at));
    if (written === total) return total;
    let chunkStart = 0;
    for (const chunk of chunks) {
      const chunkEnd = chunkStart + chunk.length;
      if (written < chunkEnd) {
        this.writeNow(at + written, chunk.subarray(written - chunkStart));
        written = chunkEnd;
      }
      chunkStart = chunkEnd;
    }
    return total;
  }

  #readOnce(at: number, into: Uint8Array, offset: number, bytes: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#openFd(), into, offset, bytes, at, (error, count) => {
        if (error === null) resolve(count);
        else reject(diskErrorFrom(error, this.path));
      });
    });
  }

  #writeOnce(at: number, bytes: Uint8Array, offset: number): Promise<number> {
    const count = Math.min(bytes.length - offset, callBytesMax);
    return new Promise((resolve, reject) => {
      fs.write(this.#writableFd(), bytes, offset, count, at, (error, written) => {
        if (error === null) resolve(written);
        else reject(diskErrorFrom(error, this.path));
      });
    });
  }

  #openFd(): number {
    if (this.#fd < 0) throw new DiskError('closed', this.path, 'the file is closed');
    return this.#fd;
  }

  #writableFd(): number {
    if (this.#syncError !== null) throw this.#syncError;
    return this.#openFd();
  }

  #poison(cause: unknown): DiskError {
    this.#syncError ??= diskErrorFrom(cause, this.path);
    return this.#syncError;
  }

  #try<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw diskErrorFrom(error, this.path);
    }
  }
}
