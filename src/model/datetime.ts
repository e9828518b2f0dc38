// Datetime texts of filters and payloads (spec/query §4.4) and their two precisions: nanoseconds
// since the epoch as `bigint` where payloads are compared, microseconds where an index holds them.
// Everything that is not listed in that section is refused, not guessed.

import type { OrderValue } from './read.ts';

//            year    month   day      separator hour  minute     second      fraction    zone
const shape =
  /^(\d{4})-(\d{2})-(\d{2})(?:([Tt ])(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?( UTC|[Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

interface Instant {
  /** Whole seconds since the epoch, rounded down. */
  readonly second: number;
  /** 0 … 999,999,999. */
  readonly nanosecond: number;
}

/** Nanoseconds since the epoch; `null` when the text is no accepted datetime. */
export function parseDatetime(text: string): bigint | null {
  const instant = parseInstant(text);
  if (instant === null) return null;
  return BigInt(instant.second) * 1_000_000_000n + BigInt(instant.nanosecond);
}

/** Microseconds since the epoch, rounded down; a `bigint` only where a `number` is not exact. */
export function parseDatetimeMicros(text: string): OrderValue | null {
  const instant = parseInstant(text);
  if (instant === null) return null;
  const micros = instant.second * 1_000_000 + Math.floor(instant.nanosecond / 1000);
  if (Number.isSafeInteger(micros)) return micros;
  return BigInt(instant.second) * 1_000_000n + BigInt(Math.floor(instant.nanosecond / 1000));
}

/** Rounded down, as the index rounds payload texts. */
export function microsOfNanos(nanos: bigint): bigint {
  const micros = nanos / 1000n;
  return nanos < 0n && nanos % 1000n !== 0n ? micros - 1n : micros;
}

function parseInstant(text: string): Instant | null {
  const parts = shape.exec(text);
  if (parts === null) return null;
  const [, year, month, day, separator, hour, minute, second, fraction, zone] = parts;
  const dayNumber = daysSinceEpoch(Number(year), Number(month), Number(day));
  if (dayNumber === null) return null;
  if (hour === undefined) return { second: dayNumber * 86_400, nanosecond: 0 };
  if (!fits(separator, second, fraction, zone)) return null;
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second ?? 0)];
  // A leap second is accepted, and is the same instant as the second after it.
  if (hours > 23 || minutes > 59 || seconds > 60) return null;
  const zoneSeconds = zone === undefined ? 0 : secondsOfZone(zone);
  if (zoneSeconds === null) return null;
  return {
    second: dayNumber * 86_400 + hours * 3600 + minutes * 60 + seconds - zoneSeconds,
    nanosecond: fraction === undefined ? 0 : Number(fraction.slice(0, 9).padEnd(9, '0')),
  };
}

/** Which parts may stand together: a zone needs seconds, ` UTC` a blank, no zone `T` or a blank. */
function fits(
  separator: string | undefined,
  second: string | undefined,
  fraction: string | undefined,
  zone: string | undefined,
): boolean {
  if (zone === undefined) return separator !== 't';
  if (second === undefined) return false;
  if (zone === ' UTC') return separator === ' ' && fraction === undefined;
  return true;
}

/** Seconds east of UTC; `null` when out of range. */
function secondsOfZone(zone: string): number | null {
  if (zone === 'Z' || zone === 'z' || zone === ' UTC') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = zone.length > 3 ? Number(zone.slice(-2)) : 0;
  if (hours > 23 || minutes > 59) return null;
  const seconds = hours * 3600 + minutes * 60;
  return zone.startsWith('-') ? -seconds : seconds;
}

/** Proleptic Gregorian calendar; `null` for a day that does not exist. */
function daysSinceEpoch(year: number, month: number, day: number): number | null {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const daysInMonth = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  if (daysInMonth === undefined || day < 1 || day > daysInMonth) return null;
  // Years run from March, so that the leap day is the last of its year.
  const shifted = month > 2 ? year : year - 1;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * 146_097 + yearOfEra * 365 + leapDays + dayOfYear - 719_468;
}
