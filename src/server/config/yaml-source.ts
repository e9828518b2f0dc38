// One YAML text as a configuration tree. Empty text is an empty tree; several documents in one
// text, a key given twice, or a top level that is no table is an error.

import type { YAMLError } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments } from 'yaml';
import type { ConfigNode, ConfigTable, Scalar } from './config-tree.ts';
import { tableOf } from './config-tree.ts';

export type YamlOutcome =
  | { readonly kind: 'tree'; readonly tree: ConfigTable }
  | { readonly kind: 'broken'; readonly reason: string };

/** `origin` is the file's name as the user knows it. */
export function yamlTree(source: string, origin: string): YamlOutcome {
  const documents = parseAllDocuments(source, { intAsBigInt: true, prettyErrors: true });
  if (!Array.isArray(documents)) return { kind: 'tree', tree: tableOf([], origin) };
  if (documents.length > 1) {
    return broken('more than one YAML document', origin);
  }
  const document = documents[0];
  if (document === undefined) return { kind: 'tree', tree: tableOf([], origin) };
  const error = document.errors[0];
  if (error !== undefined) return broken(firstLine(error), origin);
  // An alias may stand for a structure that contains other aliases, and so on: the limit is against
  // a small file that means a huge one.
  const node = nodeOf(document.contents, { origin, resolve, aliasesLeft: { count: 100 } });
  function resolve(alias: Node): Node | undefined {
    return isAlias(alias) ? alias.resolve(document as NonNullable<typeof document>) : undefined;
  }
  if (node === null) return broken('too many or broken aliases', origin);
  if (node.kind === 'leaf' && node.value === null)
    return { kind: 'tree', tree: tableOf([], origin) };
  if (node.kind !== 'table') return broken('the top level is not a map of keys', origin);
  return { kind: 'tree', tree: node };
}

interface Walk {
  readonly origin: string;
  readonly resolve: (alias: Node) => Node | undefined;
  readonly aliasesLeft: { count: number };
}

function nodeOf(node: unknown, walk: Walk): ConfigNode | null {
  if (node === null || node === undefined) return leaf(null, walk);
  if (isAlias(node)) {
    walk.aliasesLeft.count -= 1;
    const target = walk.aliasesLeft.count < 0 ? undefined : walk.resolve(node);
    return target === undefined ? null : nodeOf(target, walk);
  }
  if (isScalar(node)) return leaf(scalarOf(node.value), walk);
  if (isSeq(node)) {
    const items = node.items.map((item) => nodeOf(item, walk));
    if (items.some((item) => item === null)) return null;
    return { kind: 'list', items: items as ConfigNode[], origin: walk.origin };
  }
  if (!isMap(node)) return null;
  const entries = new Map<string, ConfigNode>();
  for (const pair of node.items) {
    const value = nodeOf(pair.value, walk);
    if (value === null) return null;
    const key: unknown = pair.key;
    entries.set(String(isScalar(key) ? key.value : key), value);
  }
  return { kind: 'table', entries, origin: walk.origin };
}

function leaf(value: Scalar, walk: Walk): ConfigNode {
  return { kind: 'leaf', value, origin: walk.origin };
}

function scalarOf(value: unknown): Scalar {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    default:
      return value === null || value === undefined ? null : String(value as Date);
  }
}

function firstLine(error: YAMLError): string {
  return (error.message.split('\n')[0] ?? error.code).replace(/:$/, '');
}

function broken(reason: string, origin: string): YamlOutcome {
  return { kind: 'broken', reason: `${reason} in ${origin}` };
}
