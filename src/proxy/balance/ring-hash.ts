// Consistent hashing on a ring: every endpoint has places on it by its weight, a request goes to the next one from its hash on. When an
// endpoint leaves, or may not be chosen, only its own requests move, each to the next place.

import type { Balancer, Candidate } from './balancer.ts'
import { hash32 } from './hash32.ts'

/** Envoy's bound. */
const mostPlaces = 8_388_608

export class RingHash<E extends Candidate> implements Balancer<E> {
  readonly #minimumSize: number
  readonly #random: () => number
  #places = new Uint32Array(0)
  #owners: readonly E[] = []

  constructor(minimumSize: number, random: () => number) {
    this.#minimumSize = minimumSize
    this.#random = random
  }

  replace(list: readonly E[]): void {
    const total = list.reduce((sum, { weight }) => sum + weight, 0)
    const size = Math.min(Math.max(this.#minimumSize, list.length), mostPlaces)
    // Places for a weight of 1 in powers of two: one endpoint more or less changes nothing of the places of the others, most of the time.
    const scale = 2 ** Math.ceil(Math.log2(size / total))
    const ring: { readonly place: number; readonly owner: E }[] = []
    for (const owner of list) {
      const count = Math.max(1, Math.round(scale * owner.weight))
      for (let i = 0; i < count; i++) ring.push({ place: hash32(`${owner.label}_${i}`), owner })
    }
    // Equal places go by name, so that the order of the list plays no part.
    ring.sort((a, b) => a.place - b.place || (a.owner.label < b.owner.label ? -1 : 1))
    this.#places = Uint32Array.from(ring, ({ place }) => place)
    this.#owners = ring.map(({ owner }) => owner)
  }

  choose(accepts: (endpoint: E) => boolean, hash = Math.floor(this.#random() * 2 ** 32)): E | undefined {
    const size = this.#owners.length
    const start = this.#firstFrom(hash)
    for (let i = 0; i < size; i++) {
      const owner = this.#owners[(start + i) % size]!
      if (accepts(owner)) return owner
    }
    return undefined
  }

  /** The first place that is not below the hash; behind the last one the ring begins again. */
  #firstFrom(hash: number): number {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#places[middle]! < hash) low = middle + 1
      else high = middle
    }
    return low
  }
}
