// Endpoints about the cluster: its peers, its metadata, readiness, and where shards are.

import type { PeerId } from '../../../base/ids.ts';
import { RequestError } from '../../../model/request-error.ts';
import { clusterDocument } from '../../../server/cluster-documents.ts';
import { clusterTelemetry } from '../../../server/cluster-telemetry.ts';
import { decodeClusterOperation } from '../decode/cluster-operation.ts';
import { collectionClusterDocument } from '../encode/collection-cluster.ts';
import { collectionName } from '../path-params.ts';
import { operationTimeoutMs, type QueryString, telemetryTimeoutMs } from '../query-string.ts';
import { plainResult, type RequestInput, type Route, textReply } from '../route.ts';

const read = { method: 'GET', access: 'read', takesBody: false, measured: false } as const;
const manage = { access: 'manage', takesBody: false, measured: false } as const;
const c = '/collections/{collection_name}';
const metadata = '/cluster/metadata/keys';

export const clusterRoutes: readonly Route[] = [
  {
    ...read,
    path: '/readyz',
    access: 'open',
    prepare: (_input, services) => async () => {
      if (await services.cluster.isReady()) return textReply(200, 'all shards are ready');
      return textReply(503, 'some shards are not ready');
    },
  },
  {
    ...read,
    path: '/cluster',
    prepare:
      (_input, { cluster, engine }) =>
      async () => {
        const status = await cluster.status();
        if (status === null) return plainResult({ status: 'disabled' });
        return plainResult(clusterDocument(engine.ownPeerId, status));
      },
  },
  {
    ...read,
    path: '/cluster/telemetry',
    prepare: ({ query }, { cluster, engine }) => {
      const detailsLevel = Math.max(2, query.unsigned('details_level') ?? 0);
      const timeoutMs = telemetryTimeoutMs(query);
      return async () => {
        const answers = await cluster.peerTelemetry(detailsLevel, timeoutMs);
        return plainResult(clusterTelemetry(engine.state(), answers, detailsLevel));
      };
    },
  },
  {
    ...manage,
    method: 'POST',
    path: '/cluster/recover',
    prepare:
      (_input, { cluster }) =>
      async () => {
        await cluster.recover();
        return plainResult(true);
      },
  },
  {
    ...manage,
    method: 'DELETE',
    path: '/cluster/peer/{peer_id}',
    prepare: (input, { cluster }) => {
      const peerId = peerIdOf(input);
      // The path matches only where the id is one.
      if (peerId === null) return () => textReply(404, '');
      const isForced = input.query.boolean('force', false);
      const timeoutMs = operationTimeoutMs(input.query);
      return async () => {
        await cluster.removePeer(peerId, isForced, timeoutMs);
        return plainResult(true);
      };
    },
  },
  {
    ...read,
    path: metadata,
    prepare:
      (_input, { cluster }) =>
      () =>
        plainResult(cluster.metadataKeys()),
  },
  {
    ...read,
    path: `${metadata}/{key}`,
    prepare: (input, { cluster }) => {
      const key = metadataKey(input);
      return () => {
        const text = cluster.metadataValue(key);
        return { kind: 'result', write: (writer) => writer.json(text) };
      };
    },
  },
  {
    ...manage,
    method: 'PUT',
    path: `${metadata}/{key}`,
    takesRawJson: true,
    prepare: (input, { cluster }) => {
      const key = metadataKey(input);
      const text = new TextDecoder().decode(input.body);
      const wait = waits(input.query);
      return async () => {
        await cluster.setMetadata(key, text === 'null' ? null : text, wait);
        return plainResult(true);
      };
    },
  },
  {
    ...manage,
    method: 'DELETE',
    path: `${metadata}/{key}`,
    prepare: (input, { cluster }) => {
      const key = metadataKey(input);
      const wait = waits(input.query);
      return async () => {
        await cluster.setMetadata(key, null, wait);
        return plainResult(true);
      };
    },
  },
  {
    ...read,
    path: `${c}/cluster`,
    prepare: (input, { cluster, engine }) => {
      const name = collectionName(input);
      return async () => {
        const placement = await cluster.placement(name);
        return plainResult(collectionClusterDocument(engine.ownPeerId, placement));
      };
    },
  },
  {
    ...manage,
    method: 'POST',
    path: `${c}/cluster`,
    takesBody: true,
    prepare: (input, { engine, placement }) => {
      if (engine.cluster === null) return refuseAlone;
      const name = collectionName(input);
      const timeoutMs = operationTimeoutMs(input.query);
      const operation = decodeClusterOperation(input.body);
      return async () => {
        await placement.change(name, operation, timeoutMs);
        return plainResult(true);
      };
    },
  },
  placementChange('PUT', `${c}/shards`),
  placementChange('POST', `${c}/shards/delete`),
];

function refuseAlone(): never {
  throw new RequestError('bad_request', 'Distributed mode disabled');
}

/** What only several peers can do, and is not built yet. */
function placementChange(method: Route['method'], path: string): Route {
  return {
    ...manage,
    method,
    path,
    takesBody: true,
    prepare:
      (_input, { engine }) =>
      () => {
        if (engine.cluster === null) refuseAlone();
        throw new RequestError('not_implemented', `${method} ${path} is not built yet`);
      },
  };
}

/** `null` where the path holds no unsigned 64-bit integer. */
function peerIdOf(input: RequestInput): PeerId | null {
  const text = input.params['peer_id'] ?? '';
  if (!/^\+?[0-9]+$/.test(text)) return null;
  const peerId = BigInt(text);
  return peerId < 2n ** 64n ? peerId : null;
}

function waits(query: QueryString): boolean {
  return query.boolean('wait', false);
}

/** Every peer holds all keys for ever, so they are bounded. */
const keyLengthMax = 1024;

function metadataKey(input: RequestInput): string {
  const key = input.params['key'] ?? '';
  if (key.length > 0 && key.length <= keyLengthMax && key.isWellFormed()) return key;
  throw new RequestError(
    'validation',
    `Validation error in path parameters: [key: must be from 1 to ${keyLengthMax} characters]`,
  );
}
