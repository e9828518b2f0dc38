// The memory of the fake disk: files and directories in two states, as programs see them and as a
// power loss would leave them, with what happened in between as a list of steps.
// Stricter than real file systems: a step that was not synced may be lost even if a later one is
// kept.
import type { Prng } from '../../src/base/prng.ts';

type FileStep =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly bytes: number };

/** Bytes that grow. */
class Content {
  #bytes = new Uint8Array(0);
  size = 0;

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  apply(step: FileStep): void {
    if (step.kind === 'truncate') {
      if (step.bytes < this.size) this.#bytes.fill(0, step.bytes, this.size);
      this.#reserve(step.bytes);
      this.size = step.bytes;
      return;
    }
    const end = step.at + step.bytes.length;
    this.#reserve(end);
    this.#bytes.set(step.bytes, step.at);
    this.size = Math.max(this.size, end);
  }

  copyFrom(other: Content): void {
    this.#bytes = other.#bytes.slice();
    this.size = other.size;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(bytes, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

export class FakeInode {
  readonly kind = 'file';
  readonly seen = new Content();
  readonly durable = new Content();
  readonly #pending: FileStep[] = [];
  /** Steps ever made. */
  stepCount = 0;

  apply(step: FileStep): void {
    this.seen.apply(step);
    this.#pending.push(step);
    this.stepCount += 1;
  }

  /** The first `stepCount` of all steps become durable. */
  commit(stepCount: number): void {
    const settledCount = this.stepCount - this.#pending.length;
    const committed = this.#pending.splice(0, Math.max(0, stepCount - settledCount));
    for (const step of committed) this.durable.apply(step);
  }

  /** Each step is kept, dropped or, if it is a write, cut short; then nothing else is seen. */
  losePower(prng: Prng, keepChance: number): void {
    for (const step of this.#pending.splice(0)) {
      if (prng.chance(keepChance)) this.durable.apply(step);
      else if (step.kind === 'write' && prng.chance(0.3)) this.durable.apply(torn(step, prng));
    }
    this.seen.copyFrom(this.durable);
  }
}

/** A prefix, or the right length with zeros instead of the end: both happen. */
function torn(step: FileStep & { readonly kind: 'write' }, prng: Prng): FileStep {
  const kept = prng.int(step.bytes.length + 1);
  if (prng.chance(0.5)) return { kind: 'write', at: step.at, bytes: step.bytes.slice(0, kept) };
  const bytes = new Uint8Array(step.bytes.length);
  bytes.set(step.bytes.subarray(0, kept));
  return { kind: 'write', at: step.at, bytes };
}

export class FakeDirectory {
  readonly kind = 'directory';
  seen = new Map<string, FakeNode>();
  durable = new Map<string, FakeNode>();
}

export type FakeNode = FakeInode | FakeDirectory;

export interface EntryChange {
  readonly directory: FakeDirectory;
  readonly name: string;
  /** `null`: the entry goes away. */
  readonly node: FakeNode | null;
}

/**
 * All directories, and the changes of entries not yet durable, in order. A rename is one change.
 */
export class FakeTree {
  readonly root = new FakeDirectory();
  #pending: (readonly EntryChange[])[] = [];

  change(changes: readonly EntryChange[]): void {
    for (const change of changes) applyEntry(change.directory.seen, change);
    this.#pending.push(changes);
  }

  /** Whatever happened in `directory` is durable, with the earlier changes it rests on. */
  commit(directory: FakeDirectory): void {
    const wanted = new Set([directory]);
    const rest: (readonly EntryChange[])[] = [];
    const committed: (readonly EntryChange[])[] = [];
    for (const changes of this.#pending.toReversed()) {
      if (!changes.some((change) => wanted.has(change.directory))) {
        rest.unshift(changes);
        continue;
      }
      for (const change of changes) wanted.add(change.directory);
      committed.unshift(changes);
    }
    for (const changes of committed) applyDurably(changes);
    this.#pending = rest;
  }

  losePower(prng: Prng, keepChance: number): void {
    for (const changes of this.#pending.splice(0)) {
      if (prng.chance(keepChance)) applyDurably(changes);
    }
    restore(this.root, prng, keepChance);
  }

  /** Bytes of all files that can be reached. */
  usedBytes(): number {
    return usedBytes(this.root);
  }
}

function applyEntry(entries: Map<string, FakeNode>, change: EntryChange): void {
  if (change.node === null) entries.delete(change.name);
  else entries.set(change.name, change.node);
}

function applyDurably(changes: readonly EntryChange[]): void {
  for (const change of changes) applyEntry(change.directory.durable, change);
}

function restore(directory: FakeDirectory, prng: Prng, keepChance: number): void {
  directory.seen = new Map(directory.durable);
  for (const node of directory.seen.values()) {
    if (node.kind === 'directory') restore(node, prng, keepChance);
    else node.losePower(prng, keepChance);
  }
}

function usedBytes(directory: FakeDirectory): number {
  let total = 0;
  for (const node of directory.seen.values()) {
    total += node.kind === 'directory' ? usedBytes(node) : node.seen.size;
  }
  return total;
}
