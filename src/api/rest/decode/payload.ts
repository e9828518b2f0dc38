// One payload out of a body, as canonical text of its own.

import { ByteWriter } from '../../../base/bytes.ts';
import type { JsonScanner } from '../../../base/json-scanner.ts';
import { readPayload } from '../../../model/payload-text.ts';

/** Reads the object that comes next in `scanner`. */
export function canonicalPayload(scanner: JsonScanner): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(256);
  readPayload(scanner, out);
  return out.toBytes();
}
