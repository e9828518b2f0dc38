// Turns an error of node:fs into a `DiskError`.
import { DiskError, type DiskErrorKind } from '../ports.ts';

const kindOfCode: Readonly<Record<string, DiskErrorKind>> = {
  ENOSPC: 'no_space',
  EDQUOT: 'no_space',
  ENOENT: 'not_found',
  ENOTDIR: 'not_found',
  EEXIST: 'already_exists',
  EACCES: 'not_permitted',
  EPERM: 'not_permitted',
  EROFS: 'not_permitted',
  EMFILE: 'too_many_files',
  ENFILE: 'too_many_files',
  EBADF: 'closed',
};

export function diskErrorFrom(cause: unknown, path: string): DiskError {
  if (cause instanceof DiskError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new DiskError(kindOfCode[code] ?? 'io', path, detail, { cause });
}
