// Consistent hashing by Maglev's table (Eisenbud et al., NSDI 2016, section 3.4; weights as Envoy has them): one look-up a request, a very
// even spread, and few moves when an endpoint leaves.

import type { Balancer, Candidate } from './balancer.ts'
import { hash32, mixed } from './hash32.ts'

/** So often another place is tried when the endpoint at one may not be chosen; then the list decides. */
const attempts = 32

export class Maglev<E extends Candidate> implements Balancer<E> {
  readonly #size: number
  readonly #random: () => number
  #list: readonly E[] = []
  #table = new Uint32Array(0)

  /** @param size a prime */
  constructor(size: number, random: () => number) {
    this.#size = size
    this.#random = random
  }

  replace(list: readonly E[]): void {
    // By name, so that the order of the list plays no part.
    this.#list = list.toSorted((a, b) => (a.label < b.label ? -1 : 1))
    this.#table = filled(this.#list, this.#size)
  }

  choose(accepts: (endpoint: E) => boolean, hash = Math.floor(this.#random() * 2 ** 32)): E | undefined {
    if (this.#list.length === 0) return undefined
    let place = hash
    for (let i = 0; i < attempts; i++) {
      const endpoint = this.#list[this.#table[place % this.#size]!]!
      if (accepts(endpoint)) return endpoint
      place = mixed(place + 0x9e3779b9)
    }
    const start = hash % this.#list.length
    return [...this.#list.slice(start), ...this.#list.slice(0, start)].find(accepts)
  }
}

/** Every endpoint fills its favourite free places in turn; those of less weight sit out rounds. */
function filled(list: readonly Candidate[], size: number): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(size)
  if (list.length === 0) return table
  const taken = new Uint8Array(size)
  const most = Math.max(...list.map(({ weight }) => weight))
  const offsets = list.map(({ label }) => hash32(label) % size)
  const skips = list.map(({ label }) => (hash32(label, 1) % (size - 1)) + 1)
  const nexts = list.map(() => 0)
  const targets = list.map(() => 0)
  for (let count = 0, round = 1; ; round++) {
    for (let i = 0; i < list.length; i++) {
      if (round * list[i]!.weight < targets[i]!) continue
      targets[i]! += most
      let place: number
      do place = (offsets[i]! + skips[i]! * nexts[i]!++) % size
      while (taken[place] === 1)
      taken[place] = 1
      table[place] = i
      if (++count === size) return table
    }
  }
}
