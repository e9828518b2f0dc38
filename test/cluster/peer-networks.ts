// Network namespaces for tests, one for each peer, joined by routes of the namespace that the test
// runs in: what goes from one peer to another can be dropped, in one direction or both, silently,
// as a broken network does. Needs Linux, `unshare`, `nsenter` and `ip`; nothing outside the
// namespaces is touched.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { PeerPlace } from './octant-cluster.ts';

const insideFlag = 'OCTANT_TEST_NAMESPACE';

export function isInsideNamespace(): boolean {
  return process.env[insideFlag] === '1';
}

export function canMakeNamespaces(): boolean {
  try {
    const look = 'ip link set lo up && ip rule add iif lo to 10.77.9.9 blackhole';
    execFileSync('unshare', ['-Urn', 'sh', '-c', look], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Runs the tests of `path` in a namespace of their own; resolves with the code and the output. */
export function testInNamespace(
  path: string,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const child = spawn('unshare', ['-Urn', process.execPath, '--test', path], {
    env: { ...environment, [insideFlag]: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  child.stdout.on('data', (text: Buffer) => output.push(text.toString()));
  child.stderr.on('data', (text: Buffer) => output.push(text.toString()));
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, output: output.join('') }));
  });
}

export class PeerNetworks implements Disposable {
  readonly #holders: ChildProcess[] = [];

  static create(count: number): PeerNetworks {
    const networks = new PeerNetworks();
    ip('link set lo up');
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    for (let index = 0; index < count; index += 1) networks.#add(index);
    return networks;
  }

  place(index: number): PeerPlace {
    return { host: hostOf(index), wrapper: ['nsenter', '-t', this.#pid(index), '-n'] };
  }

  /** What `from` sends to `to` gets lost. */
  cut(from: number, to: number): void {
    ip(`rule add iif v${from} to ${hostOf(to)} blackhole`);
  }

  heal(from: number, to: number): void {
    ip(`rule del iif v${from} to ${hostOf(to)} blackhole`);
  }

  #add(index: number): void {
    // It says when it is inside, and lives until it is killed.
    const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#holders.push(holder);
    const pid = this.#pid(index);
    waitUntilInside(pid);
    const gateway = `10.77.${index + 1}.254`;
    ip(`link add dev v${index} type veth peer name w${index}`);
    ip(`addr add ${gateway}/24 dev v${index}`);
    ip(`link set v${index} up`);
    ip(`link set w${index} netns ${pid}`);
    const inside = [
      'ip link set lo up',
      `ip addr add ${hostOf(index)}/24 dev w${index}`,
      `ip link set w${index} up`,
      `ip route add default via ${gateway}`,
    ];
    execFileSync('nsenter', ['-t', pid, '-n', 'sh', '-c', inside.join(' && ')]);
  }

  #pid(index: number): string {
    const pid = this.#holders[index]?.pid;
    if (pid === undefined) throw new Error(`there is no network ${index}`);
    return String(pid);
  }

  [Symbol.dispose](): void {
    for (const holder of this.#holders) holder.kill('SIGKILL');
  }
}

function hostOf(index: number): string {
  return `10.77.${index + 1}.1`;
}

function ip(words: string): void {
  execFileSync('ip', words.split(' '));
}

/** `unshare` has changed the namespace of this process once it differs from the own one. */
function waitUntilInside(pid: string): void {
  const look = `until [ "$(readlink /proc/${pid}/ns/net)" != "$(readlink /proc/self/ns/net)" ]
    do sleep 0.01; done`;
  execFileSync('sh', ['-c', look], { timeout: 5_000 });
}
