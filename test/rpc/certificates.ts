// Certificates for tests, made with the system's openssl: an authority, and certificates signed by
// it for 127.0.0.1, valid or expired. Needs no network.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TlsPaths } from '../../src/rpc/tls-material.ts';

export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

interface Wanted {
  /** What the certificate is for, as OpenSSL writes it. */
  readonly altName?: string;
  /** As OpenSSL writes times; far away when nothing is said. */
  readonly until?: string;
}

const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';

export class Authority implements Disposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'octant-tls-'));
  readonly #caPath: string;
  #count = 0;

  constructor(name: string) {
    this.#caPath = path.join(this.#folder, 'ca.pem');
    this.#openssl(`req -x509 ${newKey} -keyout ca.key -out ca.pem -days 3650 -subj /CN=${name}`);
    // `openssl ca` alone can make certificates that have expired; this is the little it needs.
    writeFileSync(
      path.join(this.#folder, 'ca.conf'),
      '[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\nnew_certs_dir=.\nserial=serial\n' +
        'default_md=sha256\npolicy=p\ncopy_extensions=copy\nunique_subject=no\n' +
        '[p]\ncommonName=supplied\n',
    );
    writeFileSync(path.join(this.#folder, 'index.txt'), '');
    writeFileSync(path.join(this.#folder, 'serial'), '1000\n');
  }

  /** Files of their own for each call. */
  issue({ altName = 'IP:127.0.0.1', until = '20991231235959Z' }: Wanted = {}): TlsPaths {
    this.#count += 1;
    const name = `peer-${this.#count}`;
    this.#openssl(
      `req -new ${newKey} -keyout ${name}.key -out ${name}.csr -subj /CN=${name} ` +
        `-addext subjectAltName=${altName}`,
    );
    this.#openssl(
      `ca -config ca.conf -batch -notext -cert ca.pem -keyfile ca.key -in ${name}.csr ` +
        `-out ${name}.pem -startdate 20200101000000Z -enddate ${until}`,
    );
    return {
      certPath: path.join(this.#folder, `${name}.pem`),
      keyPath: path.join(this.#folder, `${name}.key`),
      caPath: this.#caPath,
    };
  }

  #openssl(command: string): void {
    execFileSync('openssl', command.split(' '), { cwd: this.#folder, stdio: 'pipe' });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Puts other certificates where a node reads its own. */
export function replaceFiles(paths: TlsPaths, others: TlsPaths): void {
  copyFileSync(others.certPath, paths.certPath);
  copyFileSync(others.keyPath, paths.keyPath);
  copyFileSync(others.caPath, paths.caPath);
}
