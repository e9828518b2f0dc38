// Point ids in bodies: an unsigned integer, or a UUID in one of its spellings.

import type { JsonScanner } from '../../../base/json-scanner.ts';
import { JsonFloat } from '../../../base/json-value.ts';
import { formatFloat64 } from '../../../base/number-format.ts';
import { integerPointId, type PointId, uuidPointId } from '../../../model/point-id.ts';
import { RequestError } from '../../../model/request-error.ts';

export function readPointId(scanner: JsonScanner): PointId {
  switch (scanner.peekKind()) {
    case 'number': {
      const value = scanner.readNumber();
      if (typeof value === 'number' && value >= 0) return value;
      if (value instanceof JsonFloat) throw notAnId(formatFloat64(value.value));
      const id = integerPointId(BigInt(value));
      if (id === null) throw notAnId(String(value));
      return id;
    }
    case 'string': {
      const text = scanner.readString();
      const id = uuidPointId(text);
      if (id === null) throw notAnId(text);
      return id;
    }
    default:
      return scanner.invalidType('a point ID');
  }
}

function notAnId(shown: string): RequestError {
  const rule = 'valid values are either an unsigned integer or a UUID';
  const detail = `value ${shown} is not a valid point ID, ${rule}`;
  return new RequestError('format', `Format error in JSON body: ${detail}`);
}

export function readPointIds(scanner: JsonScanner): PointId[] {
  const ids: PointId[] = [];
  scanner.beginArray('a list of point IDs');
  while (scanner.nextElement()) ids.push(readPointId(scanner));
  return ids;
}
