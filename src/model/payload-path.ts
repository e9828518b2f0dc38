// Payload paths (`a.b`, `a[].b`, `"x.y"[3]`): their grammar, and the values they find in a payload.
// A dot never enters an array and brackets never enter an object, so one path means one thing.
// Values are found in the tree or, without building it, in canonical payload text.

import { JsonScanner, storedDepthMax } from '../base/json-scanner.ts';
import type { JsonObject, JsonValue } from '../base/json-value.ts';
import { jsonBytes } from '../base/json-writer.ts';
import { findMember, skipText } from './payload-walk.ts';
import { RequestError } from './request-error.ts';

export type PathSegment =
  /** `name` is data: any text, `__proto__` included. `text` is how a key reads in payload text. */
  | { readonly kind: 'key'; readonly name: string; readonly text: Uint8Array }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' };

export interface PayloadPath {
  /** As it was written. */
  readonly text: string;
  /** The first is a key. */
  readonly segments: readonly PathSegment[];
}

/** A deeper path could make a payload that nobody can read back. */
export const pathSegmentsMax = 128;

const cacheSizeMax = 1024;
const cache = new Map<string, PayloadPath>();
const segmentPattern =
  /(?:(?:^|(?!^)\.)(?:(?<bare>[\p{Alphabetic}\p{N}_-]+)|"(?<quoted>[^"\\]*)"))|\[(?<index>\d*)\]/uy;

/** Parses a path; throws `RequestError` if it is none. */
export function payloadPath(text: string): PayloadPath {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const path: PayloadPath = { text, segments: parseSegments(text) };
  if (cache.size >= cacheSizeMax) cache.clear();
  cache.set(text, path);
  return path;
}

/** The path of the elements that a `nested` condition on `text` tests: `[]` is added if missing. */
export function nestedPayloadPath(text: string): PayloadPath {
  return payloadPath(text.endsWith('[]') ? text : `${text}[]`);
}

function parseSegments(text: string): PathSegment[] {
  const segments: PathSegment[] = [];
  segmentPattern.lastIndex = 0;
  while (segmentPattern.lastIndex < text.length) {
    const groups = segmentPattern.exec(text)?.groups;
    const segment = groups === undefined ? null : segmentOf(groups);
    const misplaced = segments.length === 0 && segment?.kind !== 'key';
    if (segment === null || misplaced || segments.length === pathSegmentsMax) {
      throw invalidPath(text);
    }
    segments.push(segment);
  }
  if (segments.length === 0) throw invalidPath(text);
  return segments;
}

function segmentOf(groups: Record<string, string | undefined>): PathSegment | null {
  const name = groups.bare ?? groups.quoted;
  if (name !== undefined) return { kind: 'key', name, text: jsonBytes(name) };
  if (groups.index === '') return { kind: 'all' };
  const index = Number(groups.index);
  return Number.isSafeInteger(index) ? { kind: 'index', index } : null;
}

function invalidPath(text: string): RequestError {
  return new RequestError('bad_request', `Invalid json path: '${text}'`);
}

/** The values at `path` below `root`, in the order of the payload. */
export function valuesAtPath(root: JsonObject, path: PayloadPath): JsonValue[] {
  const found: JsonValue[] = [];
  collect(root, path.segments, 0, found);
  return found;
}

function collect(
  value: JsonValue,
  segments: readonly PathSegment[],
  depth: number,
  found: JsonValue[],
): void {
  const segment = segments[depth];
  if (segment === undefined) {
    found.push(value);
    return;
  }
  if (segment.kind === 'key') {
    const member = value instanceof Map ? (value as JsonObject).get(segment.name) : undefined;
    if (member !== undefined) collect(member, segments, depth + 1, found);
    return;
  }
  if (!Array.isArray(value)) return;
  const elements = value as readonly JsonValue[];
  if (segment.kind === 'all') {
    for (const element of elements) collect(element, segments, depth + 1, found);
  } else if (segment.index < elements.length) {
    collect(elements[segment.index] as JsonValue, segments, depth + 1, found);
  }
}

/** The same straight from canonical payload text: all other members are passed over unread. */
export function extractValues(payload: Uint8Array, path: PayloadPath): JsonValue[] {
  const extraction: Extraction = { payload, segments: path.segments, found: [] };
  extract(extraction, 0, 0);
  return extraction.found;
}

interface Extraction {
  readonly payload: Uint8Array;
  readonly segments: readonly PathSegment[];
  readonly found: JsonValue[];
}

/** Takes the value at `at` further along the path, of which `depth` segments have led here. */
function extract(extraction: Extraction, at: number, depth: number): void {
  const { payload, segments, found } = extraction;
  const segment = segments[depth];
  if (segment === undefined) {
    found.push(readValueAt(payload, at));
    return;
  }
  if (segment.kind === 'key') {
    if (payload[at] !== 0x7b) return;
    const valueAt = findMember(payload, at, segment.text);
    if (valueAt >= 0) extract(extraction, valueAt, depth + 1);
    return;
  }
  if (payload[at] !== 0x5b || payload[at + 1] === 0x5d) return;
  let elementAt = at + 1;
  for (let index = 0; ; index += 1) {
    if (segment.kind === 'all' || segment.index === index) {
      extract(extraction, elementAt, depth + 1);
      if (segment.kind === 'index') return;
    }
    const end = skipText(payload, elementAt);
    if (payload[end] !== 0x2c) return;
    elementAt = end + 1;
  }
}

function readValueAt(payload: Uint8Array, at: number): JsonValue {
  const first = payload[at];
  if (first === 0x74) return true;
  if (first === 0x66) return false;
  if (first === 0x6e) return null;
  return new JsonScanner(payload, { start: at, depthMax: storedDepthMax }).readValue();
}
