// From a decoded filter to one that can be evaluated: `compileFilter` settles per condition whether
// an index decides (R23, R26) and folds what is constant. Inside `nested` no index decides, ids and
// vectors are unknown (R37), and empty lists are not "absent" (R25).

import type { Condition, FieldCondition, Filter } from '../../model/filter.ts';
import { filterKey } from '../../model/filter-json.ts';
import { nestedPayloadPath, payloadPath } from '../../model/payload-path.ts';
import type { PayloadSchema } from '../../model/payload-schema.ts';
import type { CompiledFilter, FilterNode, PayloadTest } from './compiled-filter.ts';
import { indexTestOf } from './index-test.ts';
import { fieldPayloadTest } from './payload-test.ts';

interface Scope {
  /** `null` inside `nested`. */
  readonly schema: PayloadSchema | null;
  /** Per condition that names a field: the type of the index that decides it, or `-`. */
  readonly decisions: string[];
}

export function compileFilter(filter: Filter, schema: PayloadSchema): CompiledFilter {
  const scope: Scope = { schema, decisions: [] };
  const root = compileClauses(filter, scope);
  return { root, key: `${filterKey(filter)} ${scope.decisions.join(' ')}` };
}

function compileClauses(filter: Filter, scope: Scope): FilterNode {
  const clauses: FilterNode[] = [];
  const compileAll = (conditions: readonly Condition[]) =>
    conditions.map((condition) => compileCondition(condition, scope));
  if (filter.must !== null) clauses.push(...compileAll(filter.must));
  if (filter.should !== null && !isAbsent(filter.should, scope)) {
    clauses.push(anyOf(compileAll(filter.should)));
  }
  if (filter.minShould !== null && !isAbsent(filter.minShould.conditions, scope)) {
    clauses.push(atLeast(filter.minShould.minCount, compileAll(filter.minShould.conditions)));
  }
  if (filter.mustNot !== null) clauses.push(negation(anyOf(compileAll(filter.mustNot))));
  return allOf(clauses);
}

/** Outside of `nested` an empty list is as good as none. */
function isAbsent(conditions: readonly Condition[], scope: Scope): boolean {
  return conditions.length === 0 && scope.schema !== null;
}

function compileCondition(condition: Condition, scope: Scope): FilterNode {
  switch (condition.kind) {
    case 'field':
      return compileField(condition, scope);
    case 'is_empty':
    case 'is_null':
      return compilePresence(condition, scope);
    case 'has_id':
      if (scope.schema === null || condition.ids.length === 0) return constant(false);
      return { kind: 'has_id', ids: new Set(condition.ids) };
    case 'has_vector':
      if (scope.schema === null) return constant(false);
      return { kind: 'has_vector', name: condition.name };
    case 'nested': {
      const element = compileClauses(condition.filter, { schema: null, decisions: [] });
      if (element.kind === 'constant' && !element.value) return constant(false);
      return { kind: 'nested', path: nestedPayloadPath(condition.key), element };
    }
    case 'filter':
      return compileClauses(condition.filter, scope);
  }
}

function compileField(condition: FieldCondition, scope: Scope): FilterNode {
  const { key, match } = condition;
  const path = payloadPath(key);
  const field = scope.schema?.get(key);
  const test = field === undefined ? null : indexTestOf(condition, field);
  scope.decisions.push(field === undefined || test === null ? '-' : field.dataType);
  if (match?.kind === 'any' && match.values.length === 0 && hasOneTest(condition)) {
    return constant(false);
  }
  if (field === undefined || test === null) {
    return { kind: 'payload', path, test: fieldPayloadTest(condition) };
  }
  return { kind: 'indexed', key, path, dataType: field.dataType, test };
}

function hasOneTest(condition: FieldCondition): boolean {
  const { match, range, datetimeRange, valuesCount, isEmpty, isNull } = condition;
  const tests = [match, range, datetimeRange, valuesCount, isEmpty, isNull];
  return tests.filter((test) => test !== null).length === 1;
}

function compilePresence(
  condition: Extract<Condition, { kind: 'is_empty' | 'is_null' }>,
  scope: Scope,
): FilterNode {
  const { key, kind } = condition;
  const path = payloadPath(key);
  const field = scope.schema?.get(key);
  scope.decisions.push(field?.dataType ?? '-');
  const payloadTest: PayloadTest = { kind };
  if (field === undefined) return { kind: 'payload', path, test: payloadTest };
  const test = { kind: kind === 'is_empty' ? 'all_empty' : 'some_null' } as const;
  return { kind: 'indexed', key, path, dataType: field.dataType, test };
}

function constant(value: boolean): FilterNode {
  return { kind: 'constant', value };
}

function allOf(nodes: readonly FilterNode[]): FilterNode {
  const children: FilterNode[] = [];
  for (const node of nodes) {
    if (node.kind === 'and') children.push(...node.children);
    else if (node.kind !== 'constant') children.push(node);
    else if (!node.value) return node;
  }
  const [only] = children;
  if (only === undefined) return constant(true);
  return children.length === 1 ? only : { kind: 'and', children };
}

function anyOf(nodes: readonly FilterNode[]): FilterNode {
  const children: FilterNode[] = [];
  for (const node of nodes) {
    if (node.kind === 'or') children.push(...node.children);
    else if (node.kind !== 'constant') children.push(node);
    else if (node.value) return node;
  }
  const [only] = children;
  if (only === undefined) return constant(false);
  return children.length === 1 ? only : { kind: 'or', children };
}

function negation(node: FilterNode): FilterNode {
  if (node.kind === 'constant') return constant(!node.value);
  return node.kind === 'not' ? node.child : { kind: 'not', child: node };
}

function atLeast(count: number, nodes: readonly FilterNode[]): FilterNode {
  if (count <= 0) return constant(true);
  if (count > nodes.length) return constant(false);
  if (count === 1) return anyOf(nodes);
  if (count === nodes.length) return allOf(nodes);
  return { kind: 'at_least', count, children: nodes };
}
