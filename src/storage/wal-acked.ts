// The small file next to a log that says up to which record everything is in the segments, so that
// replay starts exactly there and not at the start of the oldest file.
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { Disk } from '../io/ports.ts';
import { readAtomic, writeAtomic } from './atomic-file.ts';
import { CorruptFileError } from './corrupt-file.ts';
import { joinPath } from './file-path.ts';
import type { Lsn } from './record-file.ts';

export const ackedMagic = 'OCTK';
const version = 1;
const fileName = 'acked';

export async function writeAcked(disk: Disk, directory: string, lsn: Lsn): Promise<void> {
  const writer = new ByteWriter(8);
  writer.u64(lsn);
  const path = joinPath(directory, fileName);
  await writeAtomic(disk, path, { magic: ackedMagic, version, body: writer.toBytes() });
}

/** 0 when there is none; `null` when it is unreadable, which costs only a longer replay. */
export async function readAcked(disk: Disk, directory: string): Promise<Lsn | null> {
  const path = joinPath(directory, fileName);
  try {
    const content = await readAtomic(disk, path, ackedMagic);
    if (content === null) return 0;
    if (content.version !== version) throw new CorruptFileError(path, 4, 'unknown version');
    return decodeAcked(content.body);
  } catch (error) {
    if (error instanceof CorruptFileError) return null;
    throw error;
  }
}

export function decodeAcked(body: Uint8Array): Lsn {
  return new ByteReader(body).u64Number();
}
