// The truth of a compiled filter for one point. This is the meaning of a filter: bitmaps, estimates
// and plans are tested against it.

import type { JsonObject, JsonValue } from '../../base/json-value.ts';
import { extractValues, valuesAtPath } from '../../model/payload-path.ts';
import { indexedValuesOf, presenceOf, testIndexedValues } from '../payload/field-values.ts';
import type { CompiledFilter, FilterNode, IndexedNode, NestedNode } from './compiled-filter.ts';
import { testPayloadValues } from './payload-test.ts';
import type { PointSource } from './point-source.ts';

export function matchesFilter(
  filter: CompiledFilter,
  source: PointSource,
  offset: number,
): boolean {
  return matchesNode(filter.root, source, offset);
}

export function matchesNode(node: FilterNode, source: PointSource, offset: number): boolean {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'and':
      for (const child of node.children) if (!matchesNode(child, source, offset)) return false;
      return true;
    case 'or':
      for (const child of node.children) if (matchesNode(child, source, offset)) return true;
      return false;
    case 'not':
      return !matchesNode(node.child, source, offset);
    case 'at_least':
      return reaches(node.count, node.children, (child) => matchesNode(child, source, offset));
    case 'has_id':
      return node.ids.has(source.idAt(offset));
    case 'has_vector':
      return source.hasVectorAt(node.name, offset);
    case 'indexed':
      return matchesIndexed(node, source, offset);
    case 'payload':
      return testPayloadValues(node.test, extractValues(source.payloadAt(offset), node.path));
    case 'nested':
      return someElementMatches(node, extractValues(source.payloadAt(offset), node.path));
  }
}

/** Where the segment has no such index (yet), its payload is read as the index would read it. */
function matchesIndexed(node: IndexedNode, source: PointSource, offset: number): boolean {
  const index = source.fieldIndex(node.key);
  if (index !== null && index.dataType === node.dataType) {
    const truth = index.matchesAt(node.test, offset);
    if (truth !== null) return truth;
  }
  const values = extractValues(source.payloadAt(offset), node.path);
  return testIndexedValues(node.test, indexedValuesOf(node.dataType, values), presenceOf(values));
}

/** Elements that are no objects are skipped (R36). */
function someElementMatches(node: NestedNode, elements: readonly JsonValue[]): boolean {
  for (const element of elements) {
    if (element instanceof Map && matchesElement(node.element, element)) return true;
  }
  return false;
}

/** As `matchesNode`, for an object inside a nested array. */
function matchesElement(node: FilterNode, element: JsonObject): boolean {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'and':
      return node.children.every((child) => matchesElement(child, element));
    case 'or':
      return node.children.some((child) => matchesElement(child, element));
    case 'not':
      return !matchesElement(node.child, element);
    case 'at_least':
      return reaches(node.count, node.children, (child) => matchesElement(child, element));
    case 'payload':
      return testPayloadValues(node.test, valuesAtPath(element, node.path));
    case 'nested':
      return someElementMatches(node, valuesAtPath(element, node.path));
    case 'has_id':
    case 'has_vector':
    case 'indexed':
      // `compileFilter` puts none of these inside `nested`.
      return false;
  }
}

function reaches(
  count: number,
  children: readonly FilterNode[],
  matches: (child: FilterNode) => boolean,
): boolean {
  let found = 0;
  for (const child of children) {
    if (matches(child)) found += 1;
    if (found >= count) return true;
  }
  return false;
}
