// CRC-32C (Castagnoli), the checksum of every file and frame. Eight bytes per step with eight
// tables ("slicing-by-8": Kounavis and Berry, "A systematic approach to building high performance,
// software-based, CRC generators", 2005). Check value of "123456789": 0xe3069283.

const polynomialReversed = 0x82f63b78;
const sliceCount = 8;
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
  const table = tables;
  let crc = ~seed;
  const end = bytes.length;
  const blocksEnd = end - (end % 8);
  let at = 0;
  for (; at < blocksEnd; at += 8) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    crc =
      (table[1792 + (crc & 0xff)] as number) ^
      (table[1536 + ((crc >>> 8) & 0xff)] as number) ^
      (table[1280 + ((crc >>> 16) & 0xff)] as number) ^
      (table[1024 + (crc >>> 24)] as number) ^
      (table[768 + (bytes[at + 4] as number)] as number) ^
      (table[512 + (bytes[at + 5] as number)] as number) ^
      (table[256 + (bytes[at + 6] as number)] as number) ^
      (table[bytes[at + 7] as number] as number);
  }
  for (; at < end; at += 1) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}
