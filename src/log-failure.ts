// Why an access log cannot be opened, in words, and which line of the configuration asks for it.

import type { Place } from './rules/types.ts'

/** The same error with its place. */
export function logFailsAt({ path, place }: { readonly path: string; readonly place?: Place }, error: unknown): Error {
  const { code = '', message } = error as NodeJS.ErrnoException
  return Object.assign(error as Error, { message: `the access log ${path}: ${reasons[code] ?? message}`, place })
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'its directory is not there',
  ENOTDIR: 'a file stands in the place of one of its directories',
  EISDIR: 'a directory, not a file',
  EACCES: 'no permission to write it',
  EPERM: 'no permission to write it',
  EROFS: 'its file system is read-only',
  ELOOP: 'its symbolic links go round',
}
