// A peer in a process of its own, so that it can be killed or stopped. Tells its port; answers
// every call. Arguments: peer id, port.
import { TestNode } from './wire-harness.ts';

const [peerId = '2', port = '0'] = process.argv.slice(2);
const limits = { pingIdleMs: 50, pingPatienceMs: 200 };
const node = new TestNode({ peerId: BigInt(peerId), port: Number(port), limits });
await node.listen();
process.send?.(node.port);
// The channel to the test keeps the process alive, and its end ends it.
process.on('disconnect', () => process.exit());
