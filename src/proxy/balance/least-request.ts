// Of two endpoints drawn by weight, the one with fewer requests in flight for its weight ("the power of two choices", Envoy's default).

import type { Balancer, Candidate } from './balancer.ts'
import { drawByWeight } from './random-choice.ts'

export class LeastRequest<E extends Candidate> implements Balancer<E> {
  readonly #random: () => number
  #list: readonly E[] = []

  constructor(random: () => number) {
    this.#random = random
  }

  replace(list: readonly E[]): void {
    this.#list = list
  }

  choose(
    accepts: (endpoint: E) => boolean,
    _hash: number | undefined,
    weightOf: (endpoint: E) => number,
  ): E | undefined {
    const first = drawByWeight(this.#list, accepts, weightOf, this.#random)
    if (first === undefined) return undefined
    const second = drawByWeight(this.#list, (other) => other !== first && accepts(other), weightOf, this.#random)
    if (second === undefined) return first
    const load = (endpoint: E): number => endpoint.inFlight / weightOf(endpoint)
    return load(second) < load(first) ? second : first
  }
}
