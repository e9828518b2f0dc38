// Exact JSON values as compact UTF-8 text: integers digit by digit, floats with a fraction or an
// exponent, strings with as few escapes as the grammar allows. The text of a value is canonical:
// equal values with equal key order have equal bytes.

import { ByteWriter } from './bytes.ts';
import { JsonFloat, type JsonValue } from './json-value.ts';
import { formatFloat64 } from './number-format.ts';

/** Some control characters that it finds need no escape; that only costs time. */
const needsEscape = /["\\\p{Cc}]/u;
const hexDigits = '0123456789abcdef';
const quote = 0x22;
const comma = 0x2c;

export function writeJson(value: JsonValue, out: ByteWriter): void {
  if (value === null) out.text('null');
  else if (typeof value === 'string') writeJsonString(value, out);
  else if (typeof value !== 'object') out.text(String(value));
  else if (value instanceof JsonFloat) out.text(formatFloat64(value.value));
  else if (value instanceof Map) writeObject(value, out);
  else writeArray(value as readonly JsonValue[], out);
}

function writeObject(object: ReadonlyMap<string, JsonValue>, out: ByteWriter): void {
  out.u8(0x7b);
  let isFirst = true;
  for (const [key, value] of object) {
    if (!isFirst) out.u8(comma);
    isFirst = false;
    writeJsonString(key, out);
    out.u8(0x3a);
    writeJson(value, out);
  }
  out.u8(0x7d);
}

function writeArray(elements: readonly JsonValue[], out: ByteWriter): void {
  out.u8(0x5b);
  for (let index = 0; index < elements.length; index += 1) {
    if (index > 0) out.u8(comma);
    writeJson(elements[index] as JsonValue, out);
  }
  out.u8(0x5d);
}

/** Writes the string with its quotes. A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD. */
export function writeJsonString(text: string, out: ByteWriter): void {
  out.u8(quote);
  if (needsEscape.test(text)) writeEscaped(text, out);
  else out.text(text);
  out.u8(quote);
}

function writeEscaped(text: string, out: ByteWriter): void {
  let plainFrom = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x20 && unit !== quote && unit !== 0x5c) continue;
    if (at > plainFrom) out.text(text.slice(plainFrom, at));
    writeEscape(unit, out);
    plainFrom = at + 1;
  }
  if (plainFrom < text.length) out.text(text.slice(plainFrom));
}

/** The escape of a control character, a quote or a backslash. */
export function writeEscape(unit: number, out: ByteWriter): void {
  out.u8(0x5c);
  const letter = escapeLetter(unit);
  if (letter !== 0) return out.u8(letter);
  out.text(`u00${hexDigits[unit >> 4]}${hexDigits[unit & 15]}`);
}

function escapeLetter(unit: number): number {
  switch (unit) {
    case quote:
    case 0x5c:
      return unit;
    case 0x08:
      return 0x62;
    case 0x09:
      return 0x74;
    case 0x0a:
      return 0x6e;
    case 0x0c:
      return 0x66;
    case 0x0d:
      return 0x72;
    default:
      return 0;
  }
}

/** The canonical text of a value. */
export function jsonBytes(value: JsonValue): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  writeJson(value, out);
  return out.toBytes();
}
