// Takes out of a telemetry document what could tell whose data it is: names and ids become short
// hashes, counts keep two digits. Words of the API itself, times and versions stay.

import { createHash } from 'node:crypto';

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Members whose value names something of the user's. */
const namingMembers = new Set(['id', 'uuid', 'field_name']);
/** Members whose keys name something of the user's, if the value is a map. */
const namedMaps = new Set(['vectors', 'vector_data', 'num_vectors_by_name', 'index_schema']);
/** Whole documents that say nothing about the user. */
const keptMembers = new Set(['app', 'config', 'hnsw_config', 'optimizer_config', 'wal_config']);
const keptNumbers = new Set(['size', 'shard_number', 'replication_factor']);

export function anonymized(value: unknown, member = ''): unknown {
  if (keptMembers.has(member)) return member === 'config' ? anonymizedConfig(value) : value;
  if (typeof value === 'string') return namingMembers.has(member) ? shortHash(value) : value;
  if (typeof value === 'number') return keptNumbers.has(member) ? value : rounded(value);
  if (Array.isArray(value)) return value.map((item: unknown) => anonymized(item, member));
  if (typeof value !== 'object' || value === null) return value;
  const isNamedMap = namedMaps.has(member) && !('distance' in value);
  const members = Object.entries(value).map(([name, inner]) => [
    isNamedMap ? shortHash(name) : name,
    anonymized(inner, isNamedMap ? '' : name),
  ]);
  return Object.fromEntries(members) as unknown;
}

/** A configuration keeps its numbers but not the user's own words. */
function anonymizedConfig(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { metadata: _metadata, uuid, ...rest } = value as Record<string, unknown>;
  const members = Object.entries(rest).map(([name, inner]) => [
    name,
    name === 'params' || namedMaps.has(name) ? anonymized(inner, name) : inner,
  ]);
  const shownUuid = typeof uuid === 'string' ? { uuid: shortHash(uuid) } : {};
  return { ...(Object.fromEntries(members) as object), ...shownUuid };
}

function rounded(value: number): number {
  if (!Number.isInteger(value) || Math.abs(value) < 100) return value;
  return Number(value.toPrecision(2));
}
