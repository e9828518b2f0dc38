// Aliases: other names of collections.

import { unreachable } from '../base/assert.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import type { AliasAction } from './commands.ts';
import {
  applied,
  collectionMissing,
  isRefusal,
  type Reduction,
  type Refusal,
  refusal,
  refused,
} from './reduction.ts';

type Aliases = ClusterState['aliases'];

/** In order. Actions before one that fails stay. */
export function changeAliases(state: ClusterState, actions: readonly AliasAction[]): Reduction {
  let current = state;
  for (const action of actions) {
    const aliases = changeAlias(current, action);
    if (isRefusal(aliases)) return refused(current, aliases);
    if (aliases !== current.aliases) current = { ...current, aliases };
  }
  return applied(current, state);
}

function changeAlias(state: ClusterState, action: AliasAction): Aliases | Refusal {
  switch (action.kind) {
    case 'create':
      if (!state.collections.has(action.collection)) return collectionMissing(action.collection);
      return withAlias(state, action.alias, action.collection);
    case 'delete':
      return withoutAlias(state.aliases, action.alias);
    case 'rename': {
      const target = state.aliases.get(action.from);
      if (target === undefined) {
        return refusal('not_found', `Alias ${action.from} does not exists!`);
      }
      if (action.from === action.to) return state.aliases;
      const renamed = withAlias(state, action.to, target);
      return isRefusal(renamed) ? renamed : withoutAlias(renamed, action.from);
    }
    default:
      return unreachable(action);
  }
}

function withAlias(state: ClusterState, alias: string, collection: string): Aliases | Refusal {
  if (state.collections.has(alias)) {
    return refusal('already_exists', `Collection \`${alias}\` already exists!`);
  }
  if (state.aliases.get(alias) === collection) return state.aliases;
  return new Map(state.aliases).set(alias, collection);
}

function withoutAlias(aliases: Aliases, alias: string): Aliases {
  if (!aliases.has(alias)) return aliases;
  const rest = new Map(aliases);
  rest.delete(alias);
  return rest;
}
