// Certificate, key and authority for the connections between peers. The files are looked at before
// each connection, and read again when they changed; what cannot be read or used is reported and
// the old ones stay. Connections that exist keep what they began with.

import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { WireContext } from './wire-context.ts';

export interface TlsPaths {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;
}

export interface SecureParts {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
  readonly secureContext: SecureContext;
}

export const tlsVersionMin = 'TLSv1.3';

export class TlsMaterial {
  readonly #paths: TlsPaths;
  readonly #context: WireContext;
  #stamp: string;
  #parts: SecureParts;

  /**
   * Throws when the files cannot be read or used: at the start there is nothing to fall back to.
   */
  constructor(paths: TlsPaths, context: WireContext) {
    this.#paths = paths;
    this.#context = context;
    this.#stamp = stampOf(paths);
    this.#parts = load(paths);
  }

  /** The newest that could be used. */
  current(): SecureParts {
    let stamp = this.#stamp;
    try {
      stamp = stampOf(this.#paths);
      if (stamp === this.#stamp) return this.#parts;
      this.#parts = load(this.#paths);
      this.#context.counters.certificateReloads += 1;
      this.#context.log.info(`TLS certificate for peers read again: ${this.#paths.certPath}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.log.warn(`TLS certificate for peers stays as it was: ${reason}`);
      // A half-written pair is looked at again: only a set that was read counts as seen.
      return this.#parts;
    }
    this.#stamp = stamp;
    return this.#parts;
  }
}

/** Changes whenever a file does; names are resolved anew, so links may be swapped. */
function stampOf({ certPath, keyPath, caPath }: TlsPaths): string {
  return [certPath, keyPath, caPath]
    .map((path) => {
      const { ino, size, mtimeNs } = statSync(path, { bigint: true });
      return `${ino}-${size}-${mtimeNs}`;
    })
    .join(' ');
}

function load({ certPath, keyPath, caPath }: TlsPaths): SecureParts {
  const cert = readFileSync(certPath);
  const key = readFileSync(keyPath);
  const ca = readFileSync(caPath);
  // Fails when certificate and key do not belong together.
  const secureContext = createSecureContext({ cert, key, ca, minVersion: tlsVersionMin });
  return { cert, key, ca, secureContext };
}
