// What a gateway under load keeps, as opposed to what it has not yet collected: read from the lines that note-collections.ts writes
// inside of it.

import { readFile } from 'node:fs/promises'

import type { GraylaneVariant } from './contenders/graylane.ts'
import type { Collection } from './note-collections.ts'

/** The full collection that left least of all those since the last sample: bodies were in flight at each of them, at this one fewest. */
export interface LiveMemory {
  /** How many full collections there were. */
  readonly collections: number
  readonly heapKib: number
  /** Outside of the heap: bodies and other buffers. */
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
  const [least] = collections.toSorted((a, b) => a.heap + a.outside - b.heap - b.outside)
  if (least === undefined) return undefined
  return { collections: collections.length, heapKib: kib(least.heap), outsideKib: kib(least.outside) }
}

function kib(bytes: number): number {
  return Math.round(bytes / 1024)
}
