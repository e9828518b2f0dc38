// `order_by`: a key, or a key with a direction and a value to start from.

import type { JsonScanner } from '../../../base/json-scanner.ts';
import { JsonFloat } from '../../../base/json-value.ts';
import { parseDatetimeMicros } from '../../../model/datetime.ts';
import type { OrderBy, OrderValue } from '../../../model/read.ts';
import { readPayloadPath } from './shared-fields.ts';
import { nullable, readChoice, readStruct } from './struct.ts';

export function readOrderBy(scanner: JsonScanner): OrderBy {
  if (scanner.peekKind() === 'string') {
    return { key: readPayloadPath(scanner), direction: 'asc', startFrom: null };
  }
  let key = '';
  let direction: OrderBy['direction'] = 'asc';
  let startFrom: OrderValue | null = null;
  readStruct(
    scanner,
    'struct OrderBy',
    {
      key: () => {
        key = readPayloadPath(scanner);
      },
      direction: () => {
        direction = nullable(scanner, () => readChoice(scanner, ['asc', 'desc'])) ?? 'asc';
      },
      start_from: () => {
        startFrom = nullable(scanner, () => readStartFrom(scanner));
      },
    },
    ['key'],
  );
  return { key, direction, startFrom };
}

function readStartFrom(scanner: JsonScanner): OrderValue {
  if (scanner.peekKind() !== 'string') {
    const value = scanner.readNumber('a number or a datetime');
    return value instanceof JsonFloat ? value.value : value;
  }
  const text = scanner.readString();
  const micros = parseDatetimeMicros(text);
  if (micros !== null) return micros;
  return scanner.fail('data did not match any variant of untagged enum StartFrom');
}
