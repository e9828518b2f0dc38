// `inspect.ts <path>…` prints what any file that Octant wrote contains, or all files below a
// directory: log records, manifests, columns with their checksums. Reads only; safe on a live node.
import { CorruptBytesError } from '../base/bytes.ts';
import { NativeDisk } from '../io/native/native-disk.ts';
import { decodeUpdate } from '../model/update-codec.ts';
import { describePath } from '../storage/describe-file.ts';

function describeUpdate(payload: Uint8Array): string {
  try {
    const update = decodeUpdate(payload);
    if (update.kind === 'upsert') return `upsert of ${update.points.ids.length} points`;
    return update.kind;
  } catch (error) {
    if (error instanceof CorruptBytesError) return 'not an update of this version';
    throw error;
  }
}

// `inspect.ts … | head` closes the pipe early: that is no failure.
process.stdout.on('error', () => process.exit(0));

const paths = process.argv.slice(2);
if (paths.length === 0) {
  process.stderr.write('usage: inspect.ts <file or directory>…\n');
  process.exitCode = 2;
}
for (const path of paths) {
  for await (const line of describePath(new NativeDisk(), path, describeUpdate)) {
    process.stdout.write(`${line}\n`);
  }
}
