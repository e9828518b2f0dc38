// Addresses of peers: `http://host:port` or `https://host:port`, where the scheme alone decides
// whether TLS is spoken.

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

/** The address of a caller, IPv4 as such even where the system maps it into IPv6. */
export function callerAddressOf(remoteAddress: string | undefined): string {
  return (remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '');
}
