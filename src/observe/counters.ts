// Plain accumulators for the hot path: a count or a histogram is a few additions, rendering waits for the scrape.
// Knows no metric by name, keeps no clock.

interface Cell {
  readonly values: readonly [string, string, string]
  count: number
}

/** A counter with up to three labels. Callers pass values of small, fixed sets only: every combination is kept for good. */
export class LabelledCounter {
  // Two levels of Map, because strings of the configuration have their hash already, and a joined key would have to be hashed anew.
  readonly #cells = new Map<string, Map<string, Cell>>()

  increment(first: string, second = '', third = ''): void {
    const cell = this.#cells.get(first)?.get(third === '' ? second : joined(second, third))
    if (cell !== undefined) cell.count++
    else this.#add(first, second, third)
  }

  *entries(): Generator<Readonly<Cell>> {
    for (const row of this.#cells.values()) yield* row.values()
  }

  #add(first: string, second: string, third: string): void {
    let row = this.#cells.get(first)
    if (row === undefined) this.#cells.set(first, (row = new Map()))
    row.set(third === '' ? second : joined(second, third), { values: [first, second, third], count: 1 })
  }
}

/** \0 stands in no configured name, so no two pairs share a key. */
function joined(second: string, third: string): string {
  return `${second}\0${third}`
}

/** Counts by upper bound, not yet cumulative; `counts` has one place more than `bounds`, for +Inf. */
export class BucketCounts {
  readonly #bounds: readonly number[]
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    this.counts[at] = (this.counts[at] as number) + 1
    this.sum += value
  }
}
