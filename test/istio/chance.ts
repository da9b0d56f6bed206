// Chance from a seed: the same numbers on every machine, so a failing case can be looked at again.

export interface Chance {
  /** From `least` to `most`, both included. */
  whole(least: number, most: number): number
  hit(probability: number): boolean
  pick<T>(items: readonly T[]): T
}

/** Mulberry32. */
export function chance(seed: number): Chance {
  let state = (seed * 0x9e3779b1) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  return {
    whole,
    hit: (probability) => next() < probability,
    pick: (items) => items[whole(0, items.length - 1)] as never,
  }
}
