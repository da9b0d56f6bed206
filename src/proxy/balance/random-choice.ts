// Any endpoint, by weight.

import type { Balancer, Candidate } from './balancer.ts'

export class RandomChoice<E extends Candidate> implements Balancer<E> {
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
    return drawByWeight(this.#list, accepts, weightOf, this.#random)
  }
}

/** In one pass over the list: each that is accepted takes the place of the one before with the share that its weight has so far. */
export function drawByWeight<E>(
  list: readonly E[],
  accepts: (endpoint: E) => boolean,
  weightOf: (endpoint: E) => number,
  random: () => number,
): E | undefined {
  let sum = 0
  let drawn: E | undefined
  for (const endpoint of list) {
    if (!accepts(endpoint)) continue
    const weight = weightOf(endpoint)
    sum += weight
    if (random() * sum < weight) drawn = endpoint
  }
  return drawn
}
