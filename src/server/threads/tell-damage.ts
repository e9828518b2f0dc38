// A file that turns out damaged or unreadable while a read is under way is no bug of this thread:
// whoever asked is told the reason, and the thread goes on.

import { DiskError } from '../../io/ports.ts';
import { RequestError } from '../../model/request-error.ts';
import { CorruptFileError } from '../../storage/corrupt-file.ts';

export async function tellDamage<Answer>(reading: Promise<Answer>): Promise<Answer> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof CorruptFileError) && !(error instanceof DiskError)) throw error;
    throw new RequestError('internal', error.message, { cause: error });
  }
}
