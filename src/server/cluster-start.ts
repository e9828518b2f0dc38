// From settings and flags to a running peer: the wire, then consensus, which joins or founds a
// cluster or comes back to the one it is in. What cannot succeed is a `ClusterStartError`.

import type { PeerId } from '../base/ids.ts';
import { ClusterNode } from '../cluster/cluster-node.ts';
import { type ClusterNodePorts, ClusterStartError } from '../cluster/node-types.ts';
import type { Logger } from '../io/ports.ts';
import type { WireLimits } from '../rpc/limits.ts';
import { PeerWire } from '../rpc/peer-wire.ts';
import type { WirePorts } from '../rpc/wire-context.ts';
import type { Settings } from './config/settings.ts';
import type { PeerIdentityFile } from './peer-identity.ts';
import { apiVersion } from './services/version.ts';

export interface ClusterFlags {
  readonly uri: string | null;
  readonly bootstrap: string | null;
  readonly isReinit: boolean;
}

export type ClusterPorts = Pick<ClusterNodePorts, 'clock' | 'timers' | 'random' | 'disk'> & {
  readonly log: Logger;
};

/** Addresses are compared and shown in this form: `http://host:port/`. */
export function normalUri(text: string): string {
  const complete = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  return new URL(complete).href;
}

/** Names one life of this process to other peers; all its threads say the same. */
export function newInstanceId(random: ClusterPorts['random']): string {
  const instance = new Uint8Array(8);
  random.fill(instance);
  return Buffer.from(instance).toString('hex');
}

export interface WireSelf {
  readonly peerId: PeerId;
  readonly instanceId: string;
  readonly uri: string | null;
  readonly limits?: Partial<WireLimits>;
}

/** Throws what the wire says about TLS files that cannot be used. */
export function createWire(settings: Settings, self: WireSelf, ports: WirePorts): PeerWire {
  const { cluster, service, tls } = settings;
  const { p2p, consensus } = cluster;
  if (p2p.port === null) throw new ClusterStartError('cluster.p2p.port is not set');
  return new PeerWire(
    {
      ...self,
      version: apiVersion,
      host: service.host,
      port: p2p.port,
      tls: p2p.enable_tls ? tlsPaths(tls) : null,
      limits: {
        connectMs: cluster.connection_timeout_ms,
        queueCountMax: Math.max(1, consensus.max_message_queue_size),
        ...self.limits,
      },
    },
    ports,
  );
}

function tlsPaths(tls: Settings['tls']) {
  if (tls.ca_cert === null) {
    throw new Error('CA certificate is required for TLS configuration');
  }
  return { certPath: tls.cert, keyPath: tls.key, caPath: tls.ca_cert };
}

export function startNode(
  { settings, flags }: { readonly settings: Settings; readonly flags: ClusterFlags },
  parts: { readonly wire: PeerWire; readonly identity: PeerIdentityFile },
  ports: ClusterPorts,
): Promise<ClusterNode> {
  const { p2p, consensus } = settings.cluster;
  return ClusterNode.start(
    {
      ...flags,
      p2pPort: p2p.port ?? 0,
      scheme: p2p.enable_tls ? 'https' : 'http',
      version: apiVersion,
      directory: `${settings.storage.storage_path}/raft`,
      tickMs: consensus.tick_period_ms,
      compactEntries: consensus.compact_wal_entries,
      inboxCountMax: Math.max(1, consensus.max_message_queue_size),
      joinTimeoutMs: consensus.bootstrap_timeout_sec * 1000,
    },
    { ...ports, network: parts.wire, identity: parts.identity },
  );
}
