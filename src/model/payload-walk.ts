// Walking canonical payload text (as `payload-text.ts` makes it: compact, checked, each key spelled
// one way) without reading it as values. Nothing is validated again, but text that is not canonical
// is noticed where it would lead astray.

import { assert } from '../base/assert.ts';
import { decodeUtf8 } from '../base/utf8.ts';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;

/** Where the value of member `key` (with its quotes) of the object at `at` starts; −1 if none. */
export function findMember(bytes: Uint8Array, at: number, key: Uint8Array): number {
  let keyAt = at + 1;
  if (bytes[keyAt] === 0x7d) return -1;
  for (;;) {
    const keyEnd = skipString(bytes, keyAt);
    assert(bytes[keyEnd] === colon, () => `payload text is not canonical at byte ${keyEnd}`);
    if (keyEnd - keyAt === key.length && startsWith(bytes, keyAt, key)) return keyEnd + 1;
    const end = skipText(bytes, keyEnd + 1);
    if (bytes[end] !== comma) return -1;
    keyAt = end + 1;
  }
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let index = 1; index < prefix.length; index += 1) {
    if (bytes[at + index] !== prefix[index]) return false;
  }
  return true;
}

/** Behind the string whose opening quote is at `at`. */
export function skipString(bytes: Uint8Array, at: number): number {
  assert(bytes[at] === quote, () => `payload text is not canonical at byte ${at}`);
  const end = bytes.length;
  for (let next = at + 1; next < end; next += 1) {
    const byte = bytes[next] as number;
    if (byte === quote) return next + 1;
    if (byte === backslash) next += 1;
  }
  assert(false, `payload text is cut in the string at byte ${at}`);
  return end;
}

/** Behind the value that starts at `at`. */
export function skipText(bytes: Uint8Array, at: number): number {
  const end = bytes.length;
  let depth = 0;
  let next = at;
  while (next < end) {
    const byte = bytes[next] as number;
    if (byte === quote) {
      next = skipString(bytes, next);
      if (depth === 0) return next;
      continue;
    }
    // `[` and `{`, `]` and `}` differ from each other in one bit only.
    const folded = byte | 0x20;
    if (folded === 0x7b) {
      depth += 1;
    } else if (folded === 0x7d) {
      depth -= 1;
      if (depth === 0) return next + 1;
      if (depth < 0) return next;
    } else if (depth === 0 && byte === comma) {
      return next;
    }
    next += 1;
  }
  return next;
}

/** One member of an object, as offsets into the text. */
export interface MemberSpan {
  /** At the key's opening quote. */
  readonly keyStart: number;
  /** The key's text, escapes and all, without its quotes. */
  readonly keyText: string;
  readonly valueStart: number;
  /** Behind the value. */
  readonly end: number;
}

/** The members of the object that starts at `at`, in their order. */
export function memberSpans(bytes: Uint8Array, at = 0): MemberSpan[] {
  const members: MemberSpan[] = [];
  assert(bytes[at] === 0x7b, () => `payload text is not canonical at byte ${at}`);
  let keyStart = at + 1;
  if (bytes[keyStart] === 0x7d) return members;
  for (;;) {
    const keyEnd = skipString(bytes, keyStart);
    assert(bytes[keyEnd] === colon, () => `payload text is not canonical at byte ${keyEnd}`);
    const end = skipText(bytes, keyEnd + 1);
    const keyText = decodeUtf8(bytes, keyStart + 1, keyEnd - 1) ?? '';
    members.push({ keyStart, keyText, valueStart: keyEnd + 1, end });
    if (bytes[end] !== comma) return members;
    keyStart = end + 1;
  }
}
