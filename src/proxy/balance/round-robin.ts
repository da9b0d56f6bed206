// Each in turn, by weight, without runs of one endpoint: the one that is owed most goes next (smooth weighted round robin).

import type { Balancer, Candidate } from './balancer.ts'

export class RoundRobin<E extends Candidate> implements Balancer<E> {
  #list: readonly E[] = []
  /** What each is owed, by its place in the list. */
  #owed: number[] = []

  /** Those that stay keep what they are owed. */
  replace(list: readonly E[]): void {
    const owed = new Map(this.#list.map((endpoint, index) => [endpoint, this.#owed[index]!]))
    this.#owed = list.map((endpoint) => owed.get(endpoint) ?? 0)
    this.#list = list
  }

  choose(
    accepts: (endpoint: E) => boolean,
    _hash: number | undefined,
    weightOf: (endpoint: E) => number,
  ): E | undefined {
    let sum = 0
    let next = -1
    for (let i = 0; i < this.#list.length; i++) {
      const endpoint = this.#list[i]!
      if (!accepts(endpoint)) continue
      const weight = weightOf(endpoint)
      sum += weight
      this.#owed[i]! += weight
      if (next === -1 || this.#owed[i]! > this.#owed[next]!) next = i
    }
    if (next === -1) return undefined
    this.#owed[next]! -= sum
    return this.#list[next]
  }
}
