// Changes to a payload: canonical text in, canonical text out. Changes of whole top-level members
// splice text; what reaches deeper goes through the exact tree. The text given is never changed.

import { ByteWriter } from '../base/bytes.ts';
import { parseJson, storedDepthMax } from '../base/json-scanner.ts';
import type { JsonObject, JsonValue } from '../base/json-value.ts';
import { jsonBytes } from '../base/json-writer.ts';
import { type PathSegment, payloadPath } from './payload-path.ts';
import { emptyPayload } from './payload-text.ts';
import { type MemberSpan, memberSpans } from './payload-walk.ts';

const emptyObject: JsonObject = new Map();

/** The exact tree of a stored payload. */
export function payloadTree(payload: Uint8Array): JsonObject {
  return parseJson(payload, { depthMax: storedDepthMax }) as JsonObject;
}

/**
 * Set: the members of `patch` replace those of `old`, a `null` removes; with `key` all this happens
 * in the object at that path, which is created if missing. Brackets in `key` address elements that
 * exist; for a missing array an empty one is created and nothing more.
 */
export function mergePayload(
  old: Uint8Array,
  patch: Uint8Array,
  key: string | null = null,
): Uint8Array {
  if (key === null) return mergeMembers(old, patch);
  return jsonBytes(mergeAt(payloadTree(old), payloadTree(patch), payloadPath(key).segments, 0));
}

/** Members keep their places, new ones are added at the end. */
function mergeMembers(old: Uint8Array, patch: Uint8Array): Uint8Array {
  const changes = new Map<string, MemberSpan>();
  for (const member of memberSpans(patch)) changes.set(member.keyText, member);
  const out = new MemberWriter(old.length + patch.length);
  const setFromPatch = (member: MemberSpan): void => {
    // Only `null` begins with an n.
    if (patch[member.valueStart] !== 0x6e) out.add(patch, member);
  };
  for (const member of memberSpans(old)) {
    const change = changes.get(member.keyText);
    if (change === undefined) {
      out.add(old, member);
    } else {
      setFromPatch(change);
      changes.delete(member.keyText);
    }
  }
  for (const added of changes.values()) setFromPatch(added);
  return out.finish();
}

function mergeAt(
  target: JsonValue | undefined,
  patch: JsonObject,
  segments: readonly PathSegment[],
  depth: number,
): JsonValue {
  const segment = segments[depth];
  if (segment === undefined || segment.kind === 'key') {
    const object = target instanceof Map ? (target as JsonObject) : emptyObject;
    if (segment === undefined) return mergeObjects(object, patch);
    const member = mergeAt(object.get(segment.name), patch, segments, depth + 1);
    return new Map(object).set(segment.name, member);
  }
  const elements = Array.isArray(target) ? (target as readonly JsonValue[]) : [];
  return elements.map((element, index) =>
    segment.kind === 'all' || segment.index === index
      ? mergeAt(element, patch, segments, depth + 1)
      : element,
  );
}

function mergeObjects(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map(target);
  for (const [key, value] of patch) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  return merged;
}

/**
 * Delete keys: removes what the paths address; what is not there is no error. A path that ends in
 * `[N]` removes nothing: done twice, as a replay may, it would remove two elements.
 */
export function deletePayloadKeys(old: Uint8Array, keys: readonly string[]): Uint8Array {
  const paths = keys.map((key) => payloadPath(key).segments);
  if (paths.every((segments) => segments.length === 1)) {
    const names = topLevelNames(paths);
    return keepMembers(old, (member) => !names.has(member.keyText));
  }
  let tree: JsonValue = payloadTree(old);
  for (const segments of paths) tree = removeAt(tree, segments, 0);
  return jsonBytes(tree);
}

/** Removing all elements leaves an empty array; a single element cannot be removed. */
function removeAt(target: JsonValue, segments: readonly PathSegment[], depth: number): JsonValue {
  const segment = segments[depth];
  const isLast = depth === segments.length - 1;
  if (segment?.kind === 'key') {
    const member = target instanceof Map ? (target as JsonObject).get(segment.name) : undefined;
    if (member === undefined) return target;
    const changed = new Map(target as JsonObject);
    if (isLast) changed.delete(segment.name);
    else changed.set(segment.name, removeAt(member, segments, depth + 1));
    return changed;
  }
  if (segment === undefined || !Array.isArray(target)) return target;
  const elements = target as readonly JsonValue[];
  const isMeant = (index: number): boolean => segment.kind === 'all' || segment.index === index;
  if (isLast) return segment.kind === 'all' ? [] : elements;
  return elements.map((element, index) =>
    isMeant(index) ? removeAt(element, segments, depth + 1) : element,
  );
}

/**
 * Output selection: keeps what the paths address, in its nesting. Inside arrays only `[]` selects:
 * `a[].b` keeps every element's `b`, while `a.b` and `a[0].b` leave an empty array.
 */
export function includePayload(payload: Uint8Array, keys: readonly string[]): Uint8Array {
  if (keys.length === 0) return emptyPayload;
  const paths = keys.map((key) => payloadPath(key).segments);
  if (paths.every((segments) => segments.length === 1)) {
    const names = topLevelNames(paths);
    return keepMembers(payload, (member) => names.has(member.keyText));
  }
  return jsonBytes(includeFrom(payloadTree(payload), paths, 0));
}

/** Keeps the parts of `value` under the paths that have led here, of which none is at its end. */
function includeFrom(
  value: JsonValue,
  paths: readonly (readonly PathSegment[])[],
  depth: number,
): JsonValue {
  if (value instanceof Map) {
    const kept = new Map<string, JsonValue>();
    for (const [key, member] of value as JsonObject) {
      const onward = paths.filter((path) => isKey(path[depth], key));
      if (onward.length > 0) kept.set(key, includeNext(member, onward, depth + 1));
    }
    return kept;
  }
  if (!Array.isArray(value)) return value;
  const onward = paths.filter((path) => path[depth]?.kind === 'all');
  if (onward.length === 0) return [];
  const elements = value as readonly JsonValue[];
  return elements.map((element) => includeNext(element, onward, depth + 1));
}

function includeNext(
  value: JsonValue,
  paths: readonly (readonly PathSegment[])[],
  depth: number,
): JsonValue {
  const isAddressed = paths.some((path) => path.length === depth);
  return isAddressed ? value : includeFrom(value, paths, depth);
}

function isKey(segment: PathSegment | undefined, key: string): boolean {
  return segment?.kind === 'key' && segment.name === key;
}

/** Output selection: removes what the paths address; inside arrays only `[]` does. */
export function excludePayload(payload: Uint8Array, keys: readonly string[]): Uint8Array {
  if (keys.length === 0) return payload;
  const paths = keys.map((key) => payloadPath(key).segments);
  if (paths.every((segments) => segments.length === 1)) {
    const names = topLevelNames(paths);
    return keepMembers(payload, (member) => !names.has(member.keyText));
  }
  const effective = paths.filter((path) => path.every((segment) => segment.kind !== 'index'));
  let tree: JsonValue = payloadTree(payload);
  for (const segments of effective) tree = removeAt(tree, segments, 0);
  return jsonBytes(tree);
}

/** Key texts as `MemberSpan.keyText` has them. */
function topLevelNames(paths: readonly (readonly PathSegment[])[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [segment] of paths) {
    // A path cannot name a key that is written with escapes, except for control characters.
    if (segment?.kind === 'key') names.add(JSON.stringify(segment.name).slice(1, -1));
  }
  return names;
}

function keepMembers(payload: Uint8Array, keeps: (member: MemberSpan) => boolean): Uint8Array {
  const members = memberSpans(payload);
  if (members.every(keeps)) return payload;
  const out = new MemberWriter(payload.length);
  for (const member of members) if (keeps(member)) out.add(payload, member);
  return out.finish();
}

/** Puts an object together from members of other objects' texts. */
class MemberWriter {
  readonly #out: ByteWriter;

  constructor(capacityBytes: number) {
    this.#out = new ByteWriter(capacityBytes + 2);
    this.#out.u8(0x7b);
  }

  add(text: Uint8Array, member: MemberSpan): void {
    if (this.#out.length > 1) this.#out.u8(0x2c);
    this.#out.span(text, member.keyStart, member.end);
  }

  finish(): Uint8Array {
    if (this.#out.length === 1) return emptyPayload;
    this.#out.u8(0x7d);
    return this.#out.toBytes();
  }
}
