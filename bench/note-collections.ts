// Loaded into the gateway that is soaked (`--import`): after each full collection that V8 makes of its own accord, what is in use, as a
// line of the file that GRAYLANE_BENCH_COLLECTIONS names. Forces no collection.

import { appendFileSync } from 'node:fs'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'

/** Bytes in use right after a full collection. */
export interface Collection {
  /** In every space but the young generation's: a full collection empties that one, and it fills again at once. */
  readonly heap: number
  /** What V8 keeps outside of its heap: bodies and other buffers. */
  readonly outside: number
}

const file = process.env['GRAYLANE_BENCH_COLLECTIONS']
if (file !== undefined) {
  new PerformanceObserver((list) => {
    if (list.getEntries().some(isFull)) appendFileSync(file, `${JSON.stringify(inUse())}\n`)
  }).observe({ entryTypes: ['gc'] })
}

function isFull(entry: PerformanceEntry): boolean {
  // Node's `detail` of an entry of kind gc; its types leave it out.
  const { detail } = entry as { readonly detail?: { readonly kind?: number } }
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

function inUse(): Collection {
  const old = getHeapSpaceStatistics().filter(({ space_name: name }) => !name.startsWith('new_'))
  const heap = old.reduce((sum, { space_used_size: used }) => sum + used, 0)
  return { heap, outside: getHeapStatistics().external_memory }
}
