// Reads a log in order, across its files, while it is being appended to. Every record is verified
// again, and so is the seam between two files. Ask `Wal.openReader` for one.
import { assert } from '../base/assert.ts';
import type { Disk, DiskFile } from '../io/ports.ts';
import { CorruptFileError } from './corrupt-file.ts';
import {
  fileHeaderBytes,
  type Lsn,
  type RecordPosition,
  RecordReader,
  readFileHeader,
} from './record-file.ts';

export interface WalRecord {
  readonly lsn: Lsn;
  readonly payload: Uint8Array;
}

/** One file of the chain, as it is at the moment of the call. */
export interface ChainFile {
  readonly path: string;
  endBytes(): number;
  lastLsn(): Lsn;
  /** A known place at or before `lsn`; `null`: only the start of the file is known. */
  positionBefore(lsn: Lsn): RecordPosition | null;
}

/** `null` when there is no such record yet; throws when it was dropped. */
export type FindFile = (lsn: Lsn) => ChainFile | null;

interface OpenFile {
  readonly chainFile: ChainFile;
  readonly file: DiskFile;
  readonly records: RecordReader;
}

export class WalReader {
  readonly #disk: Disk;
  readonly #findFile: FindFile;
  #nextLsn: Lsn;
  #open: OpenFile | null = null;
  /** Checksum of the record before `#nextLsn`, once one was read. */
  #checksum: number | null = null;

  constructor(disk: Disk, findFile: FindFile, lsn: Lsn) {
    this.#disk = disk;
    this.#findFile = findFile;
    this.#nextLsn = lsn;
  }

  /** Number of the record that `next` will return. */
  get nextLsn(): Lsn {
    return this.#nextLsn;
  }

  /**
   * `null` at the end of the log; after new appends it goes on. Throws `CorruptFileError` at a bad
   * record, and `DiskError` (`not_found`) if the record was dropped meanwhile.
   */
  next(): WalRecord | null {
    const open = this.#openFile();
    if (open === null) return null;
    for (;;) {
      const step = open.records.next(open.chainFile.endBytes());
      if (step.kind === 'bad') {
        throw new CorruptFileError(open.file.path, step.offset, step.reason);
      }
      if (step.kind === 'end') {
        const reason = `the file ends before record ${this.#nextLsn}`;
        throw new CorruptFileError(open.file.path, open.records.position.offset, reason);
      }
      if (step.lsn < this.#nextLsn) continue;
      assert(step.lsn === this.#nextLsn, () => `read record ${step.lsn} for ${this.#nextLsn}`);
      this.#nextLsn = step.lsn + 1;
      this.#checksum = open.records.position.checksum;
      return { lsn: step.lsn, payload: step.payload };
    }
  }

  /** Frees the file handle; `next` would open one again. */
  close(): void {
    this.#open?.file.close();
    this.#open = null;
  }

  /** The file that holds the next record, or `null` when there is no such record yet. */
  #openFile(): OpenFile | null {
    const current = this.#open;
    if (current !== null && this.#nextLsn <= current.chainFile.lastLsn()) return current;
    const chainFile = this.#findFile(this.#nextLsn);
    if (chainFile === null) return null;
    this.close();
    const file = this.#disk.open(chainFile.path, 'read');
    try {
      this.#open = { chainFile, file, records: this.#recordsOf(chainFile, file) };
    } catch (error) {
      file.close();
      throw error;
    }
    return this.#open;
  }

  #recordsOf(chainFile: ChainFile, file: DiskFile): RecordReader {
    const header = readFileHeader(file);
    const crossed = this.#checksum !== null && header.firstLsn === this.#nextLsn;
    if (crossed && header.previousChecksum !== this.#checksum) {
      throw new CorruptFileError(file.path, 24, 'the file does not follow the one before it');
    }
    const known = chainFile.positionBefore(this.#nextLsn);
    const { firstLsn: lsn, checksum } = header;
    return new RecordReader(file, known ?? { lsn, offset: fileHeaderBytes, checksum });
  }
}
