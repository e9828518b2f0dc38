// Shows in `raft_state.json` where consensus stands, for people and tools that look at a node from
// outside. A second behind at most, and never read back: the log has the truth.

import { parseJson } from '../base/json-scanner.ts';
import type { JsonObject, JsonValue } from '../base/json-value.ts';
import type { ClusterNode } from '../cluster/cluster-node.ts';
import type { Logger, Timers } from '../io/ports.ts';
import type { ClusterState } from '../model/cluster-state.ts';
import {
  confState,
  jsonPeerId,
  type PeerIdentityFile,
  type ShownMembers,
} from './peer-identity.ts';

const pauseMs = 1_000;

type Metadata = ClusterState['metadata'];

export class StateFileView {
  readonly #file: PeerIdentityFile;
  readonly #timers: Timers;
  readonly #log: Logger;
  #isWaiting = false;
  /** Parsed once for as long as it stays the same: it may be large. */
  #metadata: { readonly source: Metadata; readonly document: JsonObject } | null = null;

  constructor(file: PeerIdentityFile, ports: { readonly timers: Timers; readonly log: Logger }) {
    this.#file = file;
    this.#timers = ports.timers;
    this.#log = ports.log;
  }

  /** Soon, and once for all calls until then. */
  show(node: ClusterNode): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#timers.setTimeout(() => {
      this.#isWaiting = false;
      this.#file
        .show(members(node, this.#documentOf(node.state().metadata)))
        .catch((error: unknown) => {
          this.#log.warn('cannot show the state of consensus', { error: String(error) });
        });
    }, pauseMs);
  }

  #documentOf(source: Metadata): JsonObject {
    if (this.#metadata?.source !== source) {
      this.#metadata = { source, document: metadataObject(source) };
    }
    return this.#metadata.document;
  }
}

function members(node: ClusterNode, metadata: JsonObject): ShownMembers {
  const { term, commitIndex, appliedIndex } = node.status();
  const { peers, firstPeer } = node.state();
  const { hardState, membership } = node.inspect().driver.raftStatus;
  const all: readonly (readonly [string, JsonValue | undefined])[] = [
    [
      'state',
      object([
        [
          'hard_state',
          object([
            ['term', term],
            ['vote', hardState.vote === null ? 0 : jsonPeerId(hardState.vote)],
            ['commit', commitIndex],
          ]),
        ],
        [
          'conf_state',
          confState(membership.voters.map(jsonPeerId), membership.learners.map(jsonPeerId)),
        ],
      ]),
    ],
    ['apply_progress_queue', [appliedIndex + 1, commitIndex]],
    ...(firstPeer === null ? [] : [['first_voter', jsonPeerId(firstPeer)] as const]),
    [
      'peer_metadata_by_id',
      object(
        [...peers].flatMap(([id, { version }]) =>
          version === null ? [] : [[String(id), object([['version', version]])] as const],
        ),
      ),
    ],
    ['cluster_metadata', metadata.size === 0 ? undefined : metadata],
  ];
  return new Map(all);
}

function object(entries: readonly (readonly [string, JsonValue])[]): JsonObject {
  return new Map(entries);
}

function metadataObject(metadata: Metadata): JsonObject {
  const encoder = new TextEncoder();
  return object([...metadata].map(([key, text]) => [key, parseJson(encoder.encode(text))]));
}
