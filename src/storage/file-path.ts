// Paths as `Disk` takes them: parts joined by `/`.

export function joinPath(...parts: readonly string[]): string {
  return parts.join('/');
}

/** The directory a path lies in; `.` for a bare name. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : path.slice(0, slash);
}
