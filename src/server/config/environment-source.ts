// `QDRANT__SECTION__KEY=value` variables as a configuration tree. Two underscores separate levels,
// letter case does not matter, `key[0]` names an element of a list. Values stay text: what they
// mean depends on the key (field.ts).

import type { ConfigNode, ConfigTable } from './config-tree.ts';
import { layOver, tableOf } from './config-tree.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const prefix = 'qdrant__';
const indexed = /^(.*?)((?:\[\d{1,4}\])+)$/;

export function environmentTree(environment: Environment): ConfigTable {
  let tree: ConfigTable = tableOf([], 'the environment');
  // In the order of their names, so that the outcome does not depend on the shell.
  for (const name of Object.keys(environment).toSorted()) {
    const value = environment[name];
    const path = name.toLowerCase();
    if (value === undefined || !path.startsWith(prefix)) continue;
    const steps = path.slice(prefix.length).split('__').flatMap(stepsOf);
    if (steps.some((step) => step === '')) continue;
    const origin = `environment variable ${name}`;
    const merged = put(tree, steps, { kind: 'leaf', value, origin });
    if (merged.kind === 'table') tree = merged;
  }
  return tree;
}

type Step = string | number;

function stepsOf(part: string): readonly Step[] {
  const match = indexed.exec(part);
  if (match === null) return [part];
  const positions = (match[2] ?? '').slice(1, -1).split('][').map(Number);
  return [match[1] ?? '', ...positions];
}

/** `node` with `value` put at `steps`; what is in the way is replaced. */
function put(node: ConfigNode | undefined, steps: readonly Step[], value: ConfigNode): ConfigNode {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (typeof step === 'number') {
    const items = node?.kind === 'list' ? [...node.items] : [];
    // A gap is closed: element 5 of a list of two becomes its third.
    const at = Math.min(step, items.length);
    items[at] = put(items[at], rest, value);
    return { kind: 'list', items, origin: value.origin };
  }
  const below = node?.kind === 'table' ? node.entries.get(step) : undefined;
  const entry = tableOf([[step, put(below, rest, value)]], value.origin);
  return node === undefined ? entry : layOver(node, entry);
}
