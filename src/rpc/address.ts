// Addresses of peers: `http://host:port` or `https://host:port`, where the scheme alone decides
// whether TLS is spoken.

import { lookup } from 'node:dns/promises';

export interface PeerAddress {
  readonly uri: string;
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

const schemePorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** `null`: nothing that a peer could be reached at. */
export function parseAddress(uri: string): PeerAddress | null {
  const url = URL.parse(uri);
  if (url === null) return null;
  const schemePort = schemePorts[url.protocol];
  if (schemePort === undefined || url.hostname === '') return null;
  // A literal IPv6 address stands in brackets in a URI, and without them everywhere else.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? schemePort : Number(url.port);
  return { uri, host, port, isTls: url.protocol === 'https:' };
}

/** Why the name has no address; `null`: it has one, or the answer takes too long to say. */
export async function nameFault(
  { host, uri }: PeerAddress,
  timeoutMs: number,
): Promise<string | null> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<null>((resolve) => {
    signal.addEventListener('abort', () => resolve(null));
  });
  const looked = lookup(host).then(
    () => null,
    (error: unknown) =>
      `${uri} cannot be resolved: ${error instanceof Error ? error.message : String(error)}`,
  );
  return Promise.race([looked, late]);
}

/** The address of a caller, IPv4 as such even where the system maps it into IPv6. */
export function callerAddressOf(remoteAddress: string | undefined): string {
  return (remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '');
}
