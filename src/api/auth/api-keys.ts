// Who may call: the API keys of the configuration. Comparing a key takes the same time whether it
// is nearly right or all wrong. Tokens (JWT) are not built yet and are refused like a wrong key.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface ApiKeySettings {
  readonly apiKey: string | null;
  readonly altApiKey: string | null;
  readonly readOnlyApiKey: string | null;
}

/** `manage` may do everything, `read` may only read. */
export type Caller =
  | { readonly kind: 'allowed'; readonly access: 'manage' | 'read' }
  | { readonly kind: 'refused'; readonly text: string };

const everything: Caller = { kind: 'allowed', access: 'manage' };
const reading: Caller = { kind: 'allowed', access: 'read' };
const noKey: Caller = {
  kind: 'refused',
  text: 'Must provide an API key or an Authorization bearer token',
};
const wrongKey: Caller = { kind: 'refused', text: 'Invalid API key or JWT' };

/**
 * Says of a request's headers who calls. Without any configured key everybody may do everything.
 */
export function createKeyCheck(settings: ApiKeySettings): (headers: IncomingHttpHeaders) => Caller {
  const manageKeys = [settings.apiKey, settings.altApiKey].filter(isSet).map(digest);
  const readKeys = [settings.readOnlyApiKey].filter(isSet).map(digest);
  if (manageKeys.length + readKeys.length === 0) return () => everything;
  return (headers) => {
    const key = keyOf(headers);
    if (key === null) return noKey;
    const given = digest(key);
    // Every comparison is made, so that the time tells nothing about which key was close.
    const manages = manageKeys.map((known) => timingSafeEqual(known, given)).includes(true);
    const reads = readKeys.map((known) => timingSafeEqual(known, given)).includes(true);
    if (manages) return everything;
    return reads ? reading : wrongKey;
  };
}

function isSet(key: string | null): key is string {
  return key !== null;
}

/** Digests have one length, which `timingSafeEqual` demands, and hide the length of the key. */
function digest(key: string): Uint8Array {
  return createHash('sha256').update(key).digest();
}

/** `api-key` goes before `Authorization: Bearer `, whose word is case-sensitive. */
function keyOf(headers: IncomingHttpHeaders): string | null {
  const header = headers['api-key'];
  if (typeof header === 'string') return header;
  const bearer = headers.authorization;
  if (bearer === undefined || !bearer.startsWith('Bearer ')) return null;
  return bearer.slice('Bearer '.length);
}
