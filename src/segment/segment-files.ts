// From a segment's directory to a segment that can be published: every column is read straight into
// shared memory and verified; damage is a `CorruptFileError` that names file and byte. Also adds
// the index of one field to a segment that exists already.

import { assert } from '../base/assert.ts';
import { bitsetWordCount } from '../base/bitset.ts';
import { sharedBytes } from '../index/payload/index-columns.ts';
import type { Disk } from '../io/ports.ts';
import {
  applyAbsent,
  createVectorMemory,
  sections,
  type VectorMemory,
} from '../kernels/vector-memory.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';
import { type ColumnHeader, openColumn, verifyColumn } from '../storage/column-file.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';
import { joinPath } from '../storage/file-path.ts';
import { buildIndexColumns } from './build-field-index.ts';
import { fixedColumns, indexColumnKind, vectorColumnKinds } from './column-names.ts';
import { allocateIdColumns, type IdColumns } from './id-column.ts';
import { type PayloadColumns, PayloadReader } from './payload-column.ts';
import {
  type FieldIndexFiles,
  readMetadata,
  type SegmentMetadata,
  type VectorFiles,
  writeMetadata,
} from './segment-metadata.ts';
import type { Pause } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { SharedFieldIndex, SharedSegment, SharedVectors } from './shared-segment.ts';
import { publishedSpec } from './vector-spec.ts';

export interface LoadOptions {
  readonly slotCount: number;
  readonly onDiskPayload: boolean;
  /** Whether the rows of a vector name stay on disk; asked for every name of the segment. */
  readonly onDiskVectors: (name: string) => boolean;
  /** Also reads and checks the columns that stay on disk. */
  readonly verifyAll: boolean;
}

/** `null` when the directory holds no complete segment: a build that did not finish. */
export async function loadSegment(
  disk: Disk,
  directory: string,
  options: LoadOptions,
): Promise<SharedSegment | null> {
  const metadata = await readMetadata(disk, directory);
  if (metadata === null) return null;
  return new Loader(disk, directory, options).load(metadata);
}

class Loader {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #options: LoadOptions;

  constructor(disk: Disk, directory: string, options: LoadOptions) {
    this.#disk = disk;
    this.#directory = directory;
    this.#options = options;
  }

  async load(metadata: SegmentMetadata): Promise<SharedSegment> {
    const { id, offsetCount, indexed, stats, files } = metadata;
    const ids = await this.#ids(metadata);
    const versions = await this.#shared(fixedColumns.versions, offsetCount * 8);
    const payloads = await this.#payloads(metadata);
    const vectors: SharedVectors[] = [];
    for (const part of metadata.vectors) vectors.push(await this.#vectors(part, offsetCount));
    const fieldIndexes: SharedFieldIndex[] = [];
    for (const part of metadata.fieldIndexes) fieldIndexes.push(await this.#fieldIndex(part));
    const tombstones = new SharedArrayBuffer(bitsetWordCount(offsetCount) * 4);
    const counters = new SharedArrayBuffer(4);
    return {
      id,
      offsetCount,
      indexed,
      ids,
      versions,
      payloads,
      vectors,
      tombstones,
      counters,
      fieldIndexes,
      stats,
      files,
    };
  }

  async #ids({ offsetCount, integerCount }: SegmentMetadata): Promise<IdColumns> {
    const columns = allocateIdColumns(integerCount, offsetCount - integerCount);
    await this.#into(fixedColumns.integers, new Uint8Array(columns.integers));
    await this.#into(fixedColumns.uuids, new Uint8Array(columns.uuids));
    return columns;
  }

  async #payloads({ offsetCount, payload }: SegmentMetadata): Promise<PayloadColumns> {
    const { wide, byteCount } = payload;
    const startsBytes = (offsetCount + 1) * (wide ? 8 : 4);
    const starts = await this.#shared(fixedColumns.payloadStarts, startsBytes);
    const { name, kind } = fixedColumns.payload;
    if (this.#options.onDiskPayload) {
      await this.#check(name, kind, byteCount);
      return { wide, starts, byteCount, bytes: null, file: this.#path(name) };
    }
    const bytes = await this.#shared(fixedColumns.payload, byteCount);
    return { wide, starts, byteCount, bytes, file: null };
  }

  async #vectors(files: VectorFiles, pointCount: number): Promise<SharedVectors> {
    const { config, presentCount, withGraph } = files;
    if (files.rows === null) return { config, presentCount, memory: null, rowsFile: null };
    const memory = this.#allocate(files, pointCount);
    const { keepVectors } = memory.layout.spec;
    const parts = sections(memory);
    const rowsBytes = pointCount * memory.layout.rowBytes;
    if (keepVectors) await this.#vectorPart(files.rows, vectorColumnKinds.rows, parts.vectors);
    else await this.#check(files.rows, vectorColumnKinds.rows, rowsBytes);
    if (withGraph) {
      await this.#vectorPart(files.codes, vectorColumnKinds.codes, parts.codes);
      await this.#vectorPart(files.graph, vectorColumnKinds.graph, parts.graph);
    }
    if (files.absent !== null) {
      await this.#vectorPart(files.absent, vectorColumnKinds.absent, parts.absent);
      applyAbsent(memory);
    }
    return { config, presentCount, memory, rowsFile: keepVectors ? null : this.#path(files.rows) };
  }

  #allocate({ config, withGraph }: VectorFiles, pointCount: number): VectorMemory {
    const { slotCount, onDiskVectors } = this.#options;
    const request = { config, pointCount, withGraph, slotCount };
    for (const keepVectors of onDiskVectors(config.name) ? [false] : [true, false]) {
      const made = createVectorMemory(publishedSpec({ ...request, keepVectors }));
      if (made.kind === 'created') return made.vectorMemory;
    }
    throw new RangeError(`no memory for ${pointCount} vectors of ${config.dimension} dimensions`);
  }

  /** A file may be shorter than the memory it goes into: the end of the graph is not written. */
  async #vectorPart(name: string | null, kind: string, target: Uint8Array): Promise<void> {
    assert(name !== null, () => `no file of kind ${kind} in ${this.#directory}`);
    const path = this.#path(name);
    const column = openColumn(this.#disk, path, kind);
    try {
      const { dataBytes } = column.header;
      if (dataBytes > target.length) {
        throw new CorruptFileError(path, 0, `${dataBytes} bytes, room for ${target.length}`);
      }
      await column.readAll(target.subarray(0, dataBytes));
    } finally {
      column.close();
    }
  }

  async #fieldIndex({ field, schema, columns }: FieldIndexFiles): Promise<SharedFieldIndex> {
    const read = [];
    for (const { name, file, bytes } of columns) {
      const target = sharedBytes(bytes);
      await this.#into({ name: file, kind: indexColumnKind }, target);
      read.push({ name, bytes: target });
    }
    return { field, schema, columns: read };
  }

  async #shared(
    column: { readonly name: string; readonly kind: string },
    bytes: number,
  ): Promise<SharedArrayBuffer> {
    const buffer = new SharedArrayBuffer(bytes);
    await this.#into(column, new Uint8Array(buffer));
    return buffer;
  }

  async #into(
    { name, kind }: { readonly name: string; readonly kind: string },
    target: Uint8Array,
  ): Promise<void> {
    const column = openColumn(this.#disk, this.#path(name), kind);
    try {
      this.#checkSize(name, column.header, target.length);
      await column.readAll(target);
    } finally {
      column.close();
    }
  }

  /** For a column that stays on disk. */
  async #check(name: string, kind: string, bytes: number): Promise<void> {
    const path = this.#path(name);
    const column = openColumn(this.#disk, path, kind);
    column.close();
    this.#checkSize(name, column.header, bytes);
    if (this.#options.verifyAll) await verifyColumn(this.#disk, path);
  }

  #checkSize(name: string, { dataBytes }: ColumnHeader, expected: number): void {
    if (dataBytes === expected) return;
    throw new CorruptFileError(this.#path(name), 8, `${dataBytes} bytes, expected ${expected}`);
  }

  #path(name: string): string {
    return joinPath(this.#directory, name);
  }
}

export interface IndexRequest {
  readonly shared: SharedSegment;
  readonly directory: string;
  readonly field: string;
  readonly schema: PayloadFieldSchema;
}

/**
 * Builds the index of one field, stores it beside the other files, and returns the segment with it.
 * The result shares everything else, tombstones included. An earlier index of the field is
 * replaced; its files stay until the segment goes. One change of a segment's files at a time.
 */
export async function addFieldIndex(
  request: IndexRequest,
  ports: { readonly disk: Disk; readonly pause: Pause },
): Promise<SharedSegment> {
  const { shared, directory, field, schema } = request;
  const { disk, pause } = ports;
  const payloads = new PayloadReader(shared.payloads, disk);
  let index: SharedFieldIndex;
  try {
    const { offsetCount } = shared;
    const source = { offsetCount, payloadAt: (offset: number) => payloads.at(offset) };
    index = await buildIndexColumns(source, field, schema, pause);
  } finally {
    payloads.close();
  }
  const metadata = await knownMetadata(disk, directory);
  const writer = new SegmentWriter(disk, directory);
  const generation = Math.max(0, ...metadata.fieldIndexes.map((known) => known.generation)) + 1;
  const files = await writer.fieldIndex(index, generation);
  await disk.syncDir(directory);
  const addedBytes = writer.files.reduce((sum, file) => sum + file.bytes, 0);
  const stats = {
    ...metadata.stats,
    memoryBytes: metadata.stats.memoryBytes + addedBytes,
    diskBytes: metadata.stats.diskBytes + addedBytes,
  };
  const next = {
    ...metadata,
    stats,
    fieldIndexes: [...metadata.fieldIndexes.filter((known) => known.field !== field), files],
    files: [...metadata.files, ...writer.files],
  };
  await writeMetadata(disk, directory, next);
  const others = shared.fieldIndexes.filter((known) => known.field !== field);
  return { ...shared, fieldIndexes: [...others, index], files: next.files, stats };
}

/** Forgets the index of a field; its files stay until the segment goes. */
export async function dropFieldIndex(
  { shared, directory, field }: Omit<IndexRequest, 'schema'>,
  { disk }: { readonly disk: Disk },
): Promise<SharedSegment> {
  const metadata = await knownMetadata(disk, directory);
  const keep = (known: { readonly field: string }) => known.field !== field;
  const fieldIndexes = metadata.fieldIndexes.filter(keep);
  await writeMetadata(disk, directory, { ...metadata, fieldIndexes });
  return { ...shared, fieldIndexes: shared.fieldIndexes.filter(keep) };
}

async function knownMetadata(disk: Disk, directory: string): Promise<SegmentMetadata> {
  const metadata = await readMetadata(disk, directory);
  assert(metadata !== null, () => `${directory} holds no complete segment`);
  return metadata;
}
