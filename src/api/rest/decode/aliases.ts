// The body of `POST /collections/aliases`: a list of objects with one key each.

import { JsonScanner } from '../../../base/json-scanner.ts';
import type { AliasAction } from '../../../cluster/commands.ts';
import { readList, readStruct, Violations } from './struct.ts';

export function decodeAliasActions(body: Uint8Array): readonly AliasAction[] {
  const scanner = new JsonScanner(body);
  const violations = new Violations();
  let actions: readonly AliasAction[] = [];
  readStruct(
    scanner,
    'struct ChangeAliasesOperation',
    {
      actions: () => {
        actions = readList(scanner, (index) => readAction(scanner, index, violations));
      },
    },
    ['actions'],
  );
  scanner.finish();
  violations.throwIfAny();
  return actions;
}

function readAction(scanner: JsonScanner, index: number, violations: Violations): AliasAction {
  let action: AliasAction | null = null;
  const members = (names: readonly [string, string?]): readonly [string, string] => {
    const values = ['', ''];
    const fields: Record<string, () => void> = {};
    for (const [at, name] of names.entries()) {
      fields[name ?? ''] = () => {
        values[at] = scanner.readString();
        if (values[at] !== '') return;
        const path = `actions[${index}].${name}`;
        violations.add(path, 'value "" invalid, must be at least 1 characters');
      };
    }
    const required = names.filter((name) => name !== undefined);
    readStruct(scanner, 'an alias operation', fields, required);
    return [values[0] ?? '', values[1] ?? ''];
  };
  readStruct(scanner, 'enum AliasOperations', {
    create_alias: () => {
      const [collection, alias] = members(['collection_name', 'alias_name']);
      action = { kind: 'create', collection, alias };
    },
    delete_alias: () => {
      const [alias] = members(['alias_name']);
      action = { kind: 'delete', alias };
    },
    rename_alias: () => {
      const [from, to] = members(['old_alias_name', 'new_alias_name']);
      action = { kind: 'rename', from, to };
    },
  });
  if (action !== null) return action;
  return scanner.fail('data did not match any variant of untagged enum AliasOperations');
}
