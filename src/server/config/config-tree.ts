// The configuration before anyone knows what its keys mean: tables, lists and scalars, each with
// the place it was written at, so that a complaint can name it. Later sources are laid over earlier
// ones table by table; anything that is not a table replaces what was there as a whole.

export type Scalar = null | boolean | number | bigint | string;

export interface ConfigLeaf {
  readonly kind: 'leaf';
  readonly value: Scalar;
  readonly origin: string;
}

export interface ConfigList {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
  readonly origin: string;
}

export interface ConfigTable {
  readonly kind: 'table';
  readonly entries: ReadonlyMap<string, ConfigNode>;
  readonly origin: string;
}

export type ConfigNode = ConfigLeaf | ConfigList | ConfigTable;

export function tableOf(entries: Iterable<[string, ConfigNode]>, origin: string): ConfigTable {
  return { kind: 'table', entries: new Map(entries), origin };
}

/** `below` with `above` laid over it. */
export function layOver(below: ConfigNode | undefined, above: ConfigNode): ConfigNode {
  if (below === undefined || below.kind !== 'table' || above.kind !== 'table') return above;
  const entries = new Map(below.entries);
  for (const [key, node] of above.entries) entries.set(key, layOver(entries.get(key), node));
  return { kind: 'table', entries, origin: above.origin };
}

/** The value as a complaint names it, e.g. `string "abc"`. */
export function describeNode(node: ConfigNode): string {
  if (node.kind === 'list') return 'sequence';
  if (node.kind === 'table') return 'map';
  const value = node.value;
  if (value === null) return 'null';
  if (typeof value === 'string') return `string ${JSON.stringify(value)}`;
  if (typeof value === 'boolean') return `boolean \`${value}\``;
  if (typeof value === 'bigint' || Number.isInteger(value)) return `integer \`${value}\``;
  return `floating point \`${value}\``;
}
