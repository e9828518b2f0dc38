// What is allowed but probably not meant: combinations of settings that no single key shows.

import type { Settings } from './settings.ts';

/** Shorter keys make tokens that can be forged by trying. */
const signingKeyBytesMin = 32;

export function settingsWarnings(settings: Settings): readonly string[] {
  const warnings: string[] = [];
  const { service, storage } = settings;
  if (service.jwt_rbac === true && (service.api_key ?? '') === '') {
    warnings.push('JWT RBAC configured but no API key set, JWT authentication is not active');
  } else if (service.jwt_rbac === true && utf8Bytes(service.api_key ?? '') < signingKeyBytesMin) {
    warnings.push(
      'It is highly recommended to use an API key of 32 bytes when JWT RBAC is enabled',
    );
  }
  const { shard_number, shard_number_per_node } = storage.collection;
  if (shard_number !== null && shard_number_per_node !== null) {
    warnings.push(
      'Both storage.collection.shard_number and storage.collection.shard_number_per_node are set, ' +
        'the first is used',
    );
  }
  return warnings;
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
