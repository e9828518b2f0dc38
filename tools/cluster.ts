// `npm run cluster`: three peers on this machine, for trying a cluster. Their files are in a
// temporary folder that is removed at the end, or in the one given, where the next run goes on.
//
//   npm run cluster [-- --peers 5] [-- --directory ./my-cluster] [-- --port 6333]

import { parseArgs } from 'node:util';
import { OctantCluster } from '../test/cluster/octant-cluster.ts';

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '3' },
    directory: { type: 'string' },
    port: { type: 'string', default: '6333' },
  },
});

const peerCount = Number(values.peers);
const firstPort = Number(values.port);
if (!Number.isInteger(peerCount) || peerCount < 1 || !Number.isInteger(firstPort)) {
  console.error('usage: npm run cluster -- [--peers 3] [--directory PATH] [--port 6333]');
  process.exit(2);
}

const stopped = Promise.withResolvers<void>();
process.on('SIGINT', () => stopped.resolve());
process.on('SIGTERM', () => stopped.resolve());

const cluster = await OctantCluster.start(peerCount, {
  firstPort,
  ...(values.directory === undefined ? {} : { directory: values.directory }),
});
try {
  console.log(`A cluster of ${peerCount} peers, files in ${cluster.directory}:`);
  for (const peer of cluster.peers) {
    const { peer_id, raft_info } = await peer.info();
    const role = raft_info.role === null ? '' : `, ${raft_info.role.toLowerCase()}`;
    console.log(`  ${peer.process.url}  peer ${peer_id}${role}`);
  }
  console.log(`Try: curl ${cluster.peer(0).process.url}/cluster`);
  console.log('Ctrl-C stops all of them.');
  await stopped.promise;
  console.log('\nStopping…');
  await cluster.stop();
} finally {
  await cluster.dispose();
}
