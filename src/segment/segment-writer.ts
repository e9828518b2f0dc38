// Writes the column files of one new segment and keeps the books: names, kinds, sizes.

import type { Disk } from '../io/ports.ts';
import { usedSections, type VectorMemory } from '../kernels/vector-memory.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import { writeColumn } from '../storage/column-file.ts';
import { joinPath } from '../storage/file-path.ts';
import { indexColumnKind, vectorColumnKinds } from './column-names.ts';
import type { FieldIndexFiles, SegmentFile, VectorFiles } from './segment-metadata.ts';
import type { SharedFieldIndex } from './shared-segment.ts';

export class SegmentWriter {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly files: SegmentFile[] = [];
  readonly vectors: VectorFiles[] = [];
  /** Bytes of shared memory of all vectors, without scratch. */
  vectorMemoryBytes = 0;
  /** Files of rows that are not kept in memory, by vector name. */
  readonly #rowsFiles = new Map<string, string>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  pathOf(name: string): string {
    return joinPath(this.#directory, name);
  }

  async column(
    column: { readonly name: string; readonly kind: string },
    chunks: Iterable<Uint8Array>,
  ): Promise<void> {
    const { name, kind } = column;
    const written = await writeColumn(this.#disk, this.pathOf(name), kind, chunks);
    this.files.push({ name, bytes: written.fileBytes });
  }

  /** The exact rows of a vector name; returns the path of the file. */
  async rows(config: VectorConfig, chunks: Iterable<Uint8Array>): Promise<string> {
    const name = this.#vectorFile('rows');
    await this.column({ name, kind: vectorColumnKinds.rows }, chunks);
    this.#rowsFiles.set(config.name, name);
    return this.pathOf(name);
  }

  /** Everything else of a vector name; rows too, when they are kept in memory. */
  async memory(config: VectorConfig, memory: VectorMemory, presentCount: number): Promise<void> {
    const { spec } = memory.layout;
    const used = usedSections(memory);
    if (spec.keepVectors) await this.rows(config, [used.vectors]);
    const rows = this.#rowsFiles.get(config.name) ?? null;
    const isAbsent = presentCount < spec.pointCapacity;
    const optional = async (part: 'codes' | 'graph' | 'absent', needed: boolean) => {
      if (!needed) return null;
      const name = this.#vectorFile(part);
      await this.column({ name, kind: vectorColumnKinds[part] }, [used[part]]);
      return name;
    };
    this.vectorMemoryBytes += used.vectors.length + used.codes.length + used.graph.length;
    const codes = await optional('codes', spec.codes);
    const graph = await optional('graph', spec.graph !== null);
    const absent = await optional('absent', isAbsent);
    this.vectors.push({
      config,
      presentCount,
      withGraph: spec.graph !== null,
      rows,
      codes,
      graph,
      absent,
    });
  }

  /** A vector name that no point has. */
  noVectors(config: VectorConfig): void {
    this.vectors.push({
      config,
      presentCount: 0,
      withGraph: false,
      rows: null,
      codes: null,
      graph: null,
      absent: null,
    });
  }

  async fieldIndex(index: SharedFieldIndex, generation: number): Promise<FieldIndexFiles> {
    const { field, schema } = index;
    const columns: { name: string; file: string; bytes: number }[] = [];
    for (const { name, bytes } of index.columns) {
      const file = `index-${generation}-${name}.column`;
      await this.column({ name: file, kind: indexColumnKind }, [bytes]);
      columns.push({ name, file, bytes: bytes.length });
    }
    return { field, schema, generation, columns };
  }

  #vectorFile(part: string): string {
    return `vector-${this.vectors.length}-${part}.column`;
  }
}
