// Command lines and what comes of them, as rows of a table.

import { expect } from 'vitest'

import { graylane } from './graylane-process.ts'
import type { useRoutes } from './routes.ts'

/** `FILE` in arguments and patterns is the path of routes.yaml. */
export interface Row {
  readonly says: string
  readonly args: readonly string[]
  readonly yaml?: string
  readonly code: number
  readonly out?: RegExp
  readonly err?: RegExp
}

/** Plays a row in that folder. */
export function rowsIn(folder: ReturnType<typeof useRoutes>): (row: Row) => Promise<void> {
  return async (row) => {
    if (row.yaml !== undefined) await folder.write(row.yaml)
    const ended = await graylane(row.args.map((arg) => arg.replace('FILE', folder.path)))
    expect({
      code: ended.code,
      out: ended.out.replaceAll(folder.path, 'FILE'),
      err: ended.err.replaceAll(folder.path, 'FILE'),
    }).toEqual({
      code: row.code,
      out: expect.stringMatching(row.out ?? /^$/),
      err: expect.stringMatching(row.err ?? /^$/),
    })
  }
}
