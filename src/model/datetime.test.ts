import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { microsOfNanos, parseDatetime, parseDatetimeMicros } from './datetime.ts';

const nanosOf = (iso: string) => BigInt(Date.parse(iso)) * 1_000_000n;

test('accepts every form of the list', () => {
  const instant = nanosOf('2024-01-02T03:04:05Z');
  const same = [
    '2024-01-02T03:04:05Z',
    '2024-01-02t03:04:05z',
    '2024-01-02 03:04:05Z',
    '2024-01-02T03:04:05+00:00',
    '2024-01-02T03:04:05-00:00',
    '2024-01-02T05:34:05+02:30',
    '2024-01-02T05:34:05+0230',
    '2024-01-02 05:04:05+02',
    '2024-01-01T22:04:05-05',
    '2024-01-02T03:04:05',
    '2024-01-02 03:04:05',
    '2024-01-02T03:04:05.000',
    '2024-01-02 03:04:05 UTC',
  ];
  for (const text of same) assert.equal(parseDatetime(text), instant, text);
  assert.equal(parseDatetime('2024-01-02T03:04'), nanosOf('2024-01-02T03:04:00Z'));
  assert.equal(parseDatetime('2024-01-02 03:04'), nanosOf('2024-01-02T03:04:00Z'));
  assert.equal(parseDatetime('2024-01-02'), nanosOf('2024-01-02T00:00:00Z'));
});

test('keeps nanoseconds, drops what is finer', () => {
  assert.equal(parseDatetime('1970-01-01T00:00:00.123456789123Z'), 123_456_789n);
  assert.equal(parseDatetime('1970-01-01T00:00:00.5'), 500_000_000n);
  assert.equal(parseDatetimeMicros('1970-01-01T00:00:00.1234569Z'), 123_456);
  assert.equal(parseDatetimeMicros('1969-12-31T23:59:59.9999999Z'), -1);
  assert.equal(microsOfNanos(-1n), -1n);
  assert.equal(microsOfNanos(1999n), 1n);
});

test('a leap second is the second after it', () => {
  assert.equal(parseDatetime('2016-12-31T23:59:60Z'), nanosOf('2017-01-01T00:00:00Z'));
});

test('years far away stay exact', () => {
  assert.equal(parseDatetimeMicros('9999-12-31T23:59:59.999999Z'), 253_402_300_799_999_999n);
  assert.equal(parseDatetimeMicros('0000-01-01'), -62_167_219_200_000_000n);
});

test('refuses everything else', () => {
  const refused = [
    '',
    'not a date',
    'Tue, 01 Jul 2003 10:52:37 +0200',
    '20150201',
    '20150201T000000Z',
    '2024-012',
    '2024-1-2',
    '2024-01-02 03:04 PM',
    '2024-01-02T03:04:05 PM',
    '1704164645',
    '2024-13-01',
    '2024-00-01',
    '2023-02-29',
    '1900-02-29',
    '2024-01-32',
    '2024-01-02T24:00:00Z',
    '2024-01-02T03:60:00Z',
    '2024-01-02T03:04:61Z',
    '2024-01-02T03:04Z',
    '2024-01-02T03',
    '2024-01-02t03:04:05',
    '2024-01-02T03:04:05 UTC',
    '2024-01-02T03:04:05.Z',
    '2024-01-02T03:04:05+2:00',
    '2024-01-02T03:04:05+24:00',
    '2024-01-02T03:04:05+02:60',
    '2024-01-02Z',
    ' 2024-01-02',
    '2024-01-02 ',
    '2024-01-02\n',
    '+2024-01-02',
    '２０２４-01-02',
  ];
  for (const text of refused) assert.equal(parseDatetime(text), null, JSON.stringify(text));
});

test('agrees with the calendar of the engine', () => {
  const year0 = Date.parse('0000-01-01T00:00:00Z');
  const year9999 = Date.parse('9999-12-31T23:59:59Z');
  fc.assert(
    fc.property(fc.integer({ min: year0, max: year9999 }), (millis) => {
      const text = new Date(millis).toISOString();
      assert.equal(parseDatetime(text), BigInt(millis) * 1_000_000n);
      assert.equal(BigInt(parseDatetimeMicros(text) ?? 0), BigInt(millis) * 1000n);
    }),
  );
});
