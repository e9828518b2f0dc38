// Peers that speak mutual TLS with each other.

import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { test } from 'node:test';
import type { TlsPaths } from '../../src/rpc/tls-material.ts';
import { OctantProcess } from '../process/octant-process.ts';
import { Authority, hasOpenssl } from '../rpc/certificates.ts';
import { OctantCluster, until } from './octant-cluster.ts';

const vectors = { size: 2, distance: 'Dot' };

function tlsEnvironment({ certPath, keyPath, caPath }: TlsPaths): Record<string, string> {
  return {
    QDRANT__CLUSTER__P2P__ENABLE_TLS: 'true',
    QDRANT__TLS__CERT: certPath,
    QDRANT__TLS__KEY: keyPath,
    QDRANT__TLS__CA_CERT: caPath,
  };
}

test('a cluster over TLS is formed, changed, restarted with new certificates', async (t) => {
  if (!hasOpenssl()) {
    t.skip('SKIPPED: no openssl here');
    return;
  }
  using authority = new Authority('octant');
  using foreign = new Authority('foreign');
  const paths = [0, 1, 2, 3].map(() => authority.issue());
  const cluster = await OctantCluster.start(3, {
    peerEnvironment: (index) => tlsEnvironment(paths[index] ?? foreign.issue()),
  });
  try {
    await cluster.peer(1).result('PUT', '/collections/secret', { vectors });
    for (const [index, own] of paths.entries()) {
      const fresh = authority.issue();
      copyFileSync(fresh.certPath, own.certPath);
      copyFileSync(fresh.keyPath, own.keyPath);
      if (index >= 3) continue;
      await cluster.peer(index).process.kill();
      await cluster.peer(index).process.start();
      await cluster.untilFormed(3);
    }
    const joined = await cluster.addPeer();
    await joined.process.start();
    await until(async () => {
      const names = await joined.collections();
      return names.join() === 'secret' ? null : names.join();
    });
    const stranger = await cluster.addPeer();
    const ended = await stranger.process.runToEnd();
    assert.equal(ended.code, 101, ended.output);
    assert.equal(Object.keys((await cluster.peer(0).info()).peers).length, 4);
  } finally {
    await cluster.dispose();
  }
});

test('TLS without its files is a fault of the configuration', async () => {
  const process = await OctantProcess.create({
    environment: {
      QDRANT__CLUSTER__ENABLED: 'true',
      QDRANT__CLUSTER__P2P__ENABLE_TLS: 'true',
      QDRANT__TLS__CERT: '/nowhere/cert.pem',
      QDRANT_URI: 'https://127.0.0.1:1/',
    },
  });
  try {
    const ended = await process.runToEnd();
    assert.equal(ended.code, 1, ended.output);
    assert.match(ended.output, /nowhere/);
  } finally {
    await process.dispose();
  }
});
