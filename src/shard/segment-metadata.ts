// What the manifest keeps about a segment besides its files: the settings it was built with (to see
// when they no longer fit) and the name of its tombstone file.

import type { ShardConfig, VectorConfig } from '../model/collection-config.ts';
import type { SegmentEntry } from '../storage/manifest.ts';

export interface SegmentMetadata {
  readonly indexed: boolean;
  /** `buildSettings` of the config it was built with. */
  readonly settings: string;
}

/** The settings a segment is built with, as text that is equal when they are. */
export function buildSettings(config: ShardConfig, indexed: boolean): string {
  const vectors = config.vectors.map((vector) => vectorSettings(vector, indexed));
  return JSON.stringify({ vectors, onDiskPayload: config.onDiskPayload });
}

function vectorSettings({ name, onDisk, hnsw }: VectorConfig, indexed: boolean): unknown[] {
  // Plain segments have no graph that could be built otherwise.
  if (!indexed) return [name, onDisk];
  return [name, onDisk, hnsw.m, hnsw.efConstruct, hnsw.fullScanThresholdKb, hnsw.payloadM];
}

export function encodeMetadata(
  metadata: SegmentMetadata,
  tombstoneFile: string | null,
): SegmentEntry['metadata'] {
  return { indexed: metadata.indexed, settings: metadata.settings, tombstoneFile };
}

export function decodeMetadata(entry: SegmentEntry): {
  readonly metadata: SegmentMetadata;
  readonly tombstoneFile: string | null;
} {
  const { indexed, settings, tombstoneFile } = entry.metadata;
  return {
    metadata: {
      indexed: indexed === true,
      settings: typeof settings === 'string' ? settings : '',
    },
    tombstoneFile: typeof tombstoneFile === 'string' ? tombstoneFile : null,
  };
}
