// Order among indexed values, and the part of a sorted column that an ordered scroll walks.

import type { PayloadFieldType } from '../../model/payload-schema.ts';
import type { OrderBy, OrderValue } from '../../model/read.ts';
import type { IndexedValue, OrderedValues } from './field-index.ts';

/** Whether values of this type have an order that ranges and `order_by` use. */
export function isOrderedType(dataType: PayloadFieldType): boolean {
  return dataType === 'integer' || dataType === 'float' || dataType === 'datetime';
}

/** Strings by their UTF-8 bytes, numbers by value, false before true; `a` and `b` of one type. */
export function compareIndexedValues(a: IndexedValue, b: IndexedValue): number {
  if (typeof a === 'string' && typeof b === 'string') return compareByCodePoints(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The order of UTF-8 bytes. `<` on strings differs: it puts surrogates before U+E000. */
function compareByCodePoints(a: string, b: string): number {
  const common = Math.min(a.length, b.length);
  for (let at = 0; at < common; at += 1) {
    const [unitA, unitB] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The first position whose value is ≥ `bound` (or > `bound` if `after`), by binary search. */
export function lowerBound(
  column: Pick<OrderedValues, 'length' | 'valueAt'>,
  bound: OrderValue,
  after: boolean,
): number {
  let [low, high] = [0, column.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const value = column.valueAt(middle);
    if (after ? value <= bound : value < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** From an ascending column to what `order` asks for. */
export function orderedSlice(
  column: OrderedValues,
  order: Pick<OrderBy, 'direction' | 'startFrom'>,
): OrderedValues {
  const { direction, startFrom } = order;
  if (direction === 'asc') {
    const start = startFrom === null ? 0 : lowerBound(column, startFrom, false);
    return {
      length: column.length - start,
      valueAt: (position) => column.valueAt(start + position),
      offsetAt: (position) => column.offsetAt(start + position),
    };
  }
  const end = startFrom === null ? column.length : lowerBound(column, startFrom, true);
  return {
    length: end,
    valueAt: (position) => column.valueAt(end - 1 - position),
    offsetAt: (position) => column.offsetAt(end - 1 - position),
  };
}
