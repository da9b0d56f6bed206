// Plain accumulators for the hot path: a count or a histogram is a few additions, rendering waits for the scrape.
// Knows no metric by name, keeps no clock.

/** Every combination of label values with its count. */
export type PlainCounter = readonly Readonly<Cell>[]

/** One combination of label values. Whoever holds it counts by `count++`. */
export interface Cell {
  readonly values: readonly [string, string, string]
  count: number
}

/** A counter with up to three labels. Callers pass values of small, fixed sets only: every combination is kept for good. */
export class LabelledCounter {
  // Two levels of Map, because strings of the configuration have their hash already, and a joined key would have to be hashed anew.
  readonly #cells = new Map<string, Map<string, Cell>>()

  increment(first: string, second = '', third = ''): void {
    this.cell(first, second, third).count++
  }

  add(plain: PlainCounter): void {
    for (const { values, count } of plain) this.cell(...values).count += count
  }

  /** The cell of this combination, for ever. */
  cell(first: string, second = '', third = ''): Cell {
    const key = third === '' ? second : joined(second, third)
    return this.#cells.get(first)?.get(key) ?? this.#addCell(first, second, third)
  }

  *entries(): Generator<Readonly<Cell>> {
    for (const row of this.#cells.values()) yield* row.values()
  }

  #addCell(first: string, second: string, third: string): Cell {
    const cell: Cell = { values: [first, second, third], count: 0 }
    let row = this.#cells.get(first)
    if (row === undefined) this.#cells.set(first, (row = new Map()))
    row.set(third === '' ? second : joined(second, third), cell)
    return cell
  }
}

/** \0 stands in no configured name, so no two pairs share a key. */
function joined(second: string, third: string): string {
  return `${second}\0${third}`
}

/** What BucketCounts holds, as plain data. */
export interface PlainBuckets {
  readonly counts: readonly number[]
  readonly sum: number
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

  add({ counts, sum }: PlainBuckets): void {
    for (const [at, count] of counts.entries()) this.counts[at] = (this.counts[at] ?? 0) + count
    this.sum += sum
  }

  plain(): PlainBuckets {
    return { counts: this.counts, sum: this.sum }
  }
}
