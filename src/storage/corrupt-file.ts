// The error of a file whose bytes are not what was written. It is never repaired silently: whoever
// opens the file decides, usually by refusing to load the shard.

export class CorruptFileError extends Error {
  override readonly name = 'CorruptFileError';
  readonly path: string;
  /** Where in the file the fault was seen. */
  readonly offset: number;

  constructor(path: string, offset: number, reason: string, options?: ErrorOptions) {
    super(`corrupt file ${path} at byte ${offset}: ${reason}`, options);
    this.path = path;
    this.offset = offset;
  }
}
