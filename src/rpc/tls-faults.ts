// Why a certificate of the other side is not accepted, in words.

import type { TLSSocket } from 'node:tls';

const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'it is revoked',
  SELF_SIGNED_CERT_IN_CHAIN: 'it is signed by a foreign authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
  UNABLE_TO_GET_ISSUER_CERT: 'there is none, or its authority is unknown',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it is signed by a foreign authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it is signed by a foreign authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another host name',
};

/** `null`: chain, time and, of who was called, host name are fine. */
export function certificateFault(socket: TLSSocket): string | null {
  if (socket.authorized) return null;
  // The type says `Error`, but it is the code of the fault.
  const fault: unknown = socket.authorizationError;
  const code = fault instanceof Error ? fault.message : String(fault);
  const reason = reasons[code];
  return reason === undefined ? code : `${reason} (${code})`;
}
