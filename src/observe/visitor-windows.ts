// How many different pins were seen in the last five minutes, hour and day, for each version: sketches by minute, by five minutes and by
// hour, merged when somebody asks. 80 KiB a version, however many visitors there are. Keeps nobody's name and no clock.

import { DistinctCount, type PlainRises } from './distinct.ts'

/** Different pins seen. Windows end now and begin at a whole minute, five minutes or hour. */
export interface VisitorCounts {
  readonly fiveMinutes: number
  readonly hour: number
  readonly day: number
}

const minute = 60

class Slots {
  readonly #seconds: number
  readonly #most: number
  #slots: { readonly start: number; readonly count: DistinctCount }[] = []

  constructor(seconds: number, most: number) {
    this.#seconds = seconds
    this.#most = most
  }

  raise(rises: PlainRises, nowSeconds: number): void {
    const start = nowSeconds - (nowSeconds % this.#seconds)
    let newest = this.#slots.at(-1)
    if (newest?.start !== start) {
      newest = { start, count: new DistinctCount() }
      this.#slots.push(newest)
      this.#drop(nowSeconds)
    }
    newest.count.raise(rises)
  }

  estimate(nowSeconds: number): number {
    this.#drop(nowSeconds)
    const all = new DistinctCount()
    for (const { count } of this.#slots) all.merge(count)
    return all.estimate()
  }

  #drop(nowSeconds: number): void {
    const oldest = nowSeconds - (nowSeconds % this.#seconds) - (this.#most - 1) * this.#seconds
    if ((this.#slots[0]?.start ?? oldest) < oldest) this.#slots = this.#slots.filter(({ start }) => start >= oldest)
  }
}

export class VisitorWindows {
  readonly #minutes = new Slots(minute, 5)
  readonly #fives = new Slots(5 * minute, 12)
  readonly #hours = new Slots(60 * minute, 24)

  #lastRaised = 0

  raise(rises: PlainRises, nowSeconds: number): void {
    this.#lastRaised = nowSeconds
    for (const slots of [this.#minutes, this.#fives, this.#hours]) slots.raise(rises, nowSeconds)
  }

  counts(nowSeconds: number): VisitorCounts {
    return {
      fiveMinutes: this.#minutes.estimate(nowSeconds),
      hour: this.#fives.estimate(nowSeconds),
      day: this.#hours.estimate(nowSeconds),
    }
  }

  /** Nobody was seen for a day. */
  isOver(nowSeconds: number): boolean {
    return nowSeconds - this.#lastRaised > 24 * 60 * minute
  }
}
