// Random changes of the agreed state, each with a text by which its entry in the log is known.

import type { PeerId } from '../../src/base/ids.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { Command } from '../../src/cluster/commands.ts';
import { exampleConfig } from '../state/examples.ts';

export interface Tagged {
  readonly command: Command;
  readonly token: string;
}

export function randomCommand(prng: Prng, serial: number, peers: readonly PeerId[]): Tagged {
  const name = `c${prng.int(6)}`;
  const token = `token-${serial}-`;
  switch (prng.int(6)) {
    case 0:
      return { command: createCollection(name, token, prng, peers), token };
    case 1:
      return { command: { kind: 'delete_collection', name }, token: name };
    case 2: {
      const actions = [{ kind: 'create', alias: `a${prng.int(4)}`, collection: name }] as const;
      return { command: { kind: 'change_aliases', actions }, token: name };
    }
    case 3: {
      const key = `key${prng.int(5)}`;
      const value = prng.chance(0.2) ? null : JSON.stringify(token);
      const command = { kind: 'update_cluster_metadata', key, value } as const;
      return { command, token: key };
    }
    case 4: {
      const token2 = `shared-${Math.floor(serial / 4)}-`;
      return { command: { kind: 'nop', token: token2 }, token: token2 };
    }
    default:
      return { command: { kind: 'nop', token }, token };
  }
}

export function createCollection(
  name: string,
  uuid: string,
  prng: Prng,
  peers: readonly PeerId[],
): Command {
  const distribution = [0, 1].map(
    (id) => [id, peers.length > 0 ? [prng.pick(peers)] : []] as const,
  );
  return {
    kind: 'create_collection',
    name,
    uuid,
    config: exampleConfig(2),
    distribution,
    initialState: 'Initializing',
    collectionCountMax: 4,
  };
}
