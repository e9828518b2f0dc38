// A fault in JSON text, told the way the API tells it: `expected value at line 1 column 5`. Lines
// count from 1. A column is the number of bytes of that line consumed when the fault was seen, so
// it points at the offending byte counted from 1, and at the last byte when the text ends too
// early.

export class JsonError extends Error {
  override readonly name = 'JsonError';
  /** The fault without its place. */
  readonly reason: string;
  /** Bytes consumed when the fault was seen, counted from the start of the scanned array. */
  readonly offset: number;
  readonly line: number;
  readonly column: number;

  /** `offset` bytes of `bytes` count as consumed; `start` is where the document begins. */
  constructor(reason: string, bytes: Uint8Array, offset: number, start = 0) {
    let line = 1;
    let lineStart = start;
    for (let at = start; at < offset; at += 1) {
      if (bytes[at] !== 0x0a) continue;
      line += 1;
      lineStart = at + 1;
    }
    const column = offset - lineStart;
    super(`${reason} at line ${line} column ${column}`);
    this.reason = reason;
    this.offset = offset;
    this.line = line;
    this.column = column;
  }
}
