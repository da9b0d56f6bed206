// Chance that can be repeated: the same number gives the same sequence, on every machine.

/** Numbers from 0 to 1, 1 excluded (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One of 0, 1, ... most - 1. */
export function below(most: number, random: () => number): number {
  return Math.floor(random() * most)
}

export function bytesOf(random: () => number): (size: number) => Uint8Array {
  return (size) => Uint8Array.from({ length: size }, () => below(256, random))
}
