// CRC-32C (Castagnoli), the checksum of every file and frame. Sixteen bytes per step with as many
// tables ("slicing", Kounavis and Berry, "A systematic approach to building high performance,
// software-based, CRC generators", 2005), read as little-endian words; base/bytes.ts makes sure of
// the byte order. Check value of "123456789": 0xe3069283.

const polynomialReversed = 0x82f63b78;
const sliceCount = 16;
const tables = buildTables();

function buildTables(): Int32Array {
  const built = new Int32Array(sliceCount * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomialReversed : crc >>> 1;
    }
    built[byte] = crc;
  }
  for (let at = 256; at < built.length; at += 1) {
    const previous = built[at - 256] as number;
    built[at] = (previous >>> 8) ^ (built[previous & 0xff] as number);
  }
  return built;
}

/**
 * The checksum of `bytes`, as an unsigned number. For data in parts pass the checksum of the parts
 * before: `crc32c(b, crc32c(a))` is the checksum of `a` followed by `b`.
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  // Words need an aligned start; what is before it and what is left over goes byte by byte.
  const head = -bytes.byteOffset & 3;
  const blockCount = Math.floor((bytes.length - head) / sliceCount);
  if (blockCount <= 0) return ~crcOfBytes(bytes, 0, bytes.length, ~seed) >>> 0;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + head, blockCount * 4);
  const crc = crcOfWords(words, crcOfBytes(bytes, 0, head, ~seed));
  return ~crcOfBytes(bytes, head + blockCount * sliceCount, bytes.length, crc) >>> 0;
}

function crcOfBytes(bytes: Uint8Array, from: number, to: number, start: number): number {
  let crc = start;
  for (let at = from; at < to; at += 1) {
    crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] as number)) & 0xff] as number);
  }
  return crc;
}

/**
 * Table 15 is for the byte that is followed by fifteen others of its block, table 0 for the last.
 */
function crcOfWords(words: Int32Array, start: number): number {
  const table = tables;
  let crc = start;
  for (let at = 0; at < words.length; at += 4) {
    const a = crc ^ (words[at] as number);
    const b = words[at + 1] as number;
    const c = words[at + 2] as number;
    const d = words[at + 3] as number;
    crc =
      (table[3840 + (a & 0xff)] as number) ^
      (table[3584 + ((a >>> 8) & 0xff)] as number) ^
      (table[3328 + ((a >>> 16) & 0xff)] as number) ^
      (table[3072 + (a >>> 24)] as number) ^
      (table[2816 + (b & 0xff)] as number) ^
      (table[2560 + ((b >>> 8) & 0xff)] as number) ^
      (table[2304 + ((b >>> 16) & 0xff)] as number) ^
      (table[2048 + (b >>> 24)] as number) ^
      (table[1792 + (c & 0xff)] as number) ^
      (table[1536 + ((c >>> 8) & 0xff)] as number) ^
      (table[1280 + ((c >>> 16) & 0xff)] as number) ^
      (table[1024 + (c >>> 24)] as number) ^
      (table[768 + (d & 0xff)] as number) ^
      (table[512 + ((d >>> 8) & 0xff)] as number) ^
      (table[256 + ((d >>> 16) & 0xff)] as number) ^
      (table[d >>> 24] as number);
  }
  return crc;
}
