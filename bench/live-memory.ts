// What a gateway under load keeps, as opposed to what it has not yet collected: read from the lines that note-collections.ts writes
// inside of it.

import { readFile } from 'node:fs/promises'

import type { GraylaneVariant } from './contenders/graylane.ts'
import type { Collection } from './note-collections.ts'

/** What the full collections since the last sample left at least: bodies were in flight at each of them, at some fewer. */
export interface LiveMemory {
  /** How many there were. */
  readonly collections: number
  /** The lowest of them. */
  readonly heapKib: number
  /** Outside of the heap, bodies and other buffers: the lowest of them, perhaps of another one. */
  readonly outsideKib: number
}

/** What a variant of graylane takes to note its full collections in a file. */
export function notingCollections(file: string): Required<Pick<GraylaneVariant, 'nodeArgs' | 'env'>> {
  return {
    nodeArgs: ['--import', import.meta.resolve('./note-collections.ts')],
    env: { GRAYLANE_BENCH_COLLECTIONS: file },
  }
}

/** Each call tells of the collections since the one before; undefined when there was none. */
export function readingCollections(file: string): () => Promise<LiveMemory | undefined> {
  let seen = 0
  return async () => {
    // There is no file before the first collection, and perhaps half a line at the end.
    const text = await readFile(file, 'utf8').catch(() => '')
    const lines = text.split('\n').slice(seen, -1)
    seen += lines.length
    return leastOf(lines.map((line) => JSON.parse(line) as Collection))
  }
}

function leastOf(collections: readonly Collection[]): LiveMemory | undefined {
  if (collections.length === 0) return undefined
  const lowestKib = (part: keyof Collection): number =>
    Math.round(Math.min(...collections.map((one) => one[part])) / 1024)
  return { collections: collections.length, heapKib: lowestKib('heap'), outsideKib: lowestKib('outside') }
}
