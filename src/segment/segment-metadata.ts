// `segment.json`: what the column files of a segment's directory are. It is written last, so a
// directory without it is a build that did not finish. People may read it; a checksum over its
// content makes sure that nobody edits it. Formats: docs/formats.md.

import { crc32c } from '../base/crc32c.ts';
import type { Disk } from '../io/ports.ts';
import type { VectorConfig } from '../model/collection-config.ts';
import type { PayloadFieldSchema } from '../model/payload-schema.ts';
import { readJson, writeJsonAtomic } from '../storage/atomic-file.ts';
import { CorruptFileError } from '../storage/corrupt-file.ts';
import { joinPath } from '../storage/file-path.ts';
import type { SegmentStats } from './shared-segment.ts';

const formatVersion = 1;
const metadataName = 'segment.json';

/** Names are relative to the segment's directory. */
export interface VectorFiles {
  readonly config: VectorConfig;
  readonly presentCount: number;
  readonly withGraph: boolean;
  readonly rows: string | null;
  readonly codes: string | null;
  readonly graph: string | null;
  readonly absent: string | null;
}

export interface FieldIndexFiles {
  readonly field: string;
  readonly schema: PayloadFieldSchema;
  /** Distinguishes the files of several indexes, also of the same field. */
  readonly generation: number;
  readonly columns: readonly {
    readonly name: string;
    readonly file: string;
    readonly bytes: number;
  }[];
}

/** What `segment.json` says. */
export interface SegmentMetadata {
  readonly id: string;
  readonly offsetCount: number;
  readonly integerCount: number;
  readonly indexed: boolean;
  readonly payload: { readonly wide: boolean; readonly byteCount: number };
  readonly vectors: readonly VectorFiles[];
  readonly fieldIndexes: readonly FieldIndexFiles[];
  readonly stats: SegmentStats;
  readonly files: readonly SegmentFile[];
}

export interface SegmentFile {
  readonly name: string;
  readonly bytes: number;
}

/** Makes the directory a complete segment. All column files must be synced before. */
export async function writeMetadata(
  disk: Disk,
  directory: string,
  segment: SegmentMetadata,
): Promise<void> {
  const checksum = crc32c(new TextEncoder().encode(JSON.stringify(segment)));
  const path = joinPath(directory, metadataName);
  await writeJsonAtomic(disk, path, { format: formatVersion, checksum, segment });
}

/** `null` for a directory that holds no complete segment. */
export async function readMetadata(disk: Disk, directory: string): Promise<SegmentMetadata | null> {
  const path = joinPath(directory, metadataName);
  const found = await readJson(disk, path);
  if (found === null) return null;
  const { format, checksum, segment } = Object(found) as {
    readonly format?: unknown;
    readonly checksum?: unknown;
    readonly segment?: SegmentMetadata;
  };
  if (format !== formatVersion || segment === undefined) {
    throw new CorruptFileError(path, 0, `format ${String(format)}, expected ${formatVersion}`);
  }
  if (crc32c(new TextEncoder().encode(JSON.stringify(segment))) !== checksum) {
    throw new CorruptFileError(path, 0, 'checksum mismatch: it was changed by hand or is damaged');
  }
  return segment;
}
