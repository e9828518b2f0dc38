// Mutual TLS between peers: who is let in, what both sides say of who is not, and new certificates
// while everything runs.
import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import type { TlsPaths } from '../../src/rpc/tls-material.ts';
import { Authority, hasOpenssl, replaceFiles } from './certificates.ts';
import { RawPeer } from './raw-peer.ts';
import { heartbeat, type TestNode, TestNodes, until } from './wire-harness.ts';

function health(from: TestNode, to: TestNode): ReturnType<typeof from.wire.call> {
  from.knows(to);
  return from.wire.call({ peerId: to.peerId }, { kind: 'health' }, 5_000);
}

async function failsWith(from: TestNode, to: TestNode, reason: RegExp): Promise<void> {
  await assert.rejects(health(from, to), reason);
  assert.equal(to.endpoint.served.length, 0);
}

describe('TLS between peers', { skip: hasOpenssl() ? false : 'openssl is missing' }, () => {
  const authority = new Authority('octant-test');
  const foreign = new Authority('somebody-else');
  const paths = {
    one: authority.issue(),
    two: authority.issue(),
    expired: authority.issue({ until: '20210101000000Z' }),
    elsewhere: authority.issue({ altName: 'IP:10.9.8.7' }),
    // Trusts ours, but is signed by its own.
    foreign: { ...foreign.issue(), caPath: authority.issue().caPath },
  };
  after(() => {
    authority[Symbol.dispose]();
    foreign[Symbol.dispose]();
  });

  async function twoNodes(
    nodes: TestNodes,
    ofOne: TlsPaths | null,
    ofTwo: TlsPaths | null,
  ): Promise<readonly [TestNode, TestNode]> {
    const one = await nodes.start({ peerId: 1n, tls: ofOne });
    return [one, await nodes.start({ peerId: 2n, tls: ofTwo })];
  }

  test('messages and calls, both ways', async () => {
    await using nodes = new TestNodes();
    const [one, two] = await twoNodes(nodes, paths.one, paths.two);
    assert.equal((await health(one, two)).kind, 'done');
    assert.equal((await health(two, one)).kind, 'done');
    one.wire.send(2n, heartbeat(1n, 2n, 1));
    await until(() => two.endpoint.received.length === 1, 'the message');
    assert.deepEqual([...one.log.lines, ...two.log.lines], []);
  });

  test('a plain peer calls one with TLS: both say so', async () => {
    await using nodes = new TestNodes();
    const [plain, secure] = await twoNodes(nodes, null, paths.two);
    plain.wire.useAddresses(new Map([[2n, secure.uri.replace('https', 'http')]]));
    await assert.rejects(
      plain.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000),
      /refused by http:.*: this node speaks TLS, the peer does not/,
    );
    await plain.log.says(/this node speaks TLS, the peer does not/);
    await secure.log.says(/refused: the peer does not speak TLS, this node does/);
  });

  test('a peer with TLS calls a plain one: both say so', async () => {
    await using nodes = new TestNodes();
    const [secure, plain] = await twoNodes(nodes, paths.one, null);
    secure.wire.useAddresses(new Map([[2n, plain.uri.replace('http', 'https')]]));
    await assert.rejects(
      secure.wire.call({ peerId: 2n }, { kind: 'health' }, 5_000),
      /https:.* does not speak TLS, this node does/,
    );
    await secure.log.says(/does not speak TLS, this node does/);
    await plain.log.says(/refused: the peer speaks TLS, this node does not/);
  });

  test('an address with https without TLS, and one with http in spite of it', async () => {
    await using nodes = new TestNodes();
    const [plain, other] = await twoNodes(nodes, null, null);
    await assert.rejects(
      plain.wire.call({ uri: 'https://127.0.0.1:1/' }, { kind: 'health' }, 5_000),
      /Connecting to HTTPS without TLS enabled/,
    );
    const secure = await nodes.start({ peerId: 3n, tls: paths.one });
    assert.equal((await health(secure, other)).kind, 'done');
  });

  test('an HTTP request to a port with TLS', async () => {
    await using nodes = new TestNodes();
    const [one] = await twoNodes(nodes, paths.one, null);
    using raw = await RawPeer.connect(one.port, false);
    raw.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await raw.closes();
    assert.match(raw.text, /^HTTP\/1.1 400/);
  });

  test('noise that begins like TLS', async () => {
    await using nodes = new TestNodes();
    const [one, two] = await twoNodes(nodes, paths.one, paths.two);
    using raw = await RawPeer.connect(one.port, false);
    raw.write(Uint8Array.of(0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5, 6, 7, 8));
    await raw.closes();
    await one.log.says(/Connection from 127.0.0.1 refused/);
    assert.equal((await health(two, one)).kind, 'done');
  });

  test('who begins TLS and falls silent is closed', async () => {
    await using nodes = new TestNodes();
    const one = await nodes.start({ peerId: 1n, tls: paths.one, limits: { handshakeMs: 40 } });
    using raw = await RawPeer.connect(one.port, false);
    raw.write(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 1));
    await raw.closes();
    await one.log.says(/has not introduced itself within 40 ms/);
  });

  const expired = /it has expired \(CERT_HAS_EXPIRED\)/;
  const foreignSigned = /signed by a foreign authority/;

  test('an expired certificate of who calls: both say so', async () => {
    await using nodes = new TestNodes();
    const [one, two] = await twoNodes(nodes, paths.expired, paths.two);
    await failsWith(one, two, expired);
    await one.log.says(expired);
    await two.log.says(expired);
  });

  test('an expired certificate of who is called: both say so', async () => {
    await using nodes = new TestNodes();
    const [one, two] = await twoNodes(nodes, paths.one, paths.expired);
    await failsWith(one, two, expired);
    await one.log.says(expired);
    await two.log.says(expired);
  });

  test('a foreign certificate of who calls: both say so', async () => {
    await using nodes = new TestNodes();
    const [one, two] = await twoNodes(nodes, paths.foreign, paths.two);
    await failsWith(one, two, foreignSigned);
    await one.log.says(foreignSigned);
    await two.log.says(foreignSigned);
  });

  test('a foreign certificate of who is called: both say so', async () => {
    await using nodes = new TestNodes();
    const [one, two] = await twoNodes(nodes, paths.one, paths.foreign);
    await failsWith(one, two, foreignSigned);
    await one.log.says(foreignSigned);
    await two.log.says(foreignSigned);
  });

  test('a certificate for another host', async () => {
    await using nodes = new TestNodes();
    const [one, two] = await twoNodes(nodes, paths.one, paths.elsewhere);
    await failsWith(one, two, /it is for another host name/);
    await two.log.says(/it is for another host name/);
  });

  test('new certificates while running: of one side, of the other, and of all', async () => {
    await using nodes = new TestNodes();
    const ofOne = authority.issue();
    const ofTwo = authority.issue();
    const [one, two] = await twoNodes(nodes, ofOne, ofTwo);
    assert.equal((await health(one, two)).kind, 'done');

    // An expired one takes effect for the next connection, the present one goes on.
    replaceFiles(ofTwo, paths.expired);
    assert.equal((await health(one, two)).kind, 'done');
    await assert.rejects(one.wire.call({ uri: two.uri }, { kind: 'health' }, 5_000), expired);
    replaceFiles(ofTwo, authority.issue());
    await until(() => one.wire.failures().size === 1, 'a failure');
    assert.equal((await one.wire.call({ uri: two.uri }, { kind: 'health' }, 5_000)).kind, 'done');
    assert.equal(two.wire.metrics().certificateReloads, 2);
  });

  test('files that cannot be used leave the old ones in force, and say so', async () => {
    await using nodes = new TestNodes();
    const ofOne = authority.issue();
    const [one, two] = await twoNodes(nodes, ofOne, paths.two);
    writeFileSync(ofOne.certPath, 'no certificate');
    assert.equal((await health(two, one)).kind, 'done');
    await one.log.says(/TLS certificate for peers stays as it was/);
    truncateSync(ofOne.keyPath);
    assert.equal((await health(one, two)).kind, 'done');
  });

  test('a start without usable files fails', async () => {
    await using nodes = new TestNodes();
    await assert.rejects(
      nodes.start({ peerId: 1n, tls: { ...paths.one, certPath: '/nowhere/cert.pem' } }),
      /\/nowhere\/cert.pem/,
    );
    await assert.rejects(
      nodes.start({ peerId: 1n, tls: { ...paths.one, keyPath: paths.two.keyPath } }),
      /key/i,
    );
  });
});
