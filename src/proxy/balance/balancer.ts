// How one of a pool's endpoints is chosen: pure selectors over lists. Which endpoints may be chosen at all is the caller's to say.

/** What a selector looks at. */
export interface Candidate {
  /** The same in every process and after every reload: places on rings come from it. */
  readonly label: string
  /** Above 0. */
  readonly weight: number
  readonly inFlight: number
}

export interface Balancer<E extends Candidate> {
  /** All endpoints of the pool; called when they change. */
  replace(list: readonly E[]): void
  /**
   * One that is accepted; undefined when none is.
   * @param hash of the request, 32 bits; undefined for any endpoint
   * @param weightOf its weight at the moment, which may be below `weight` while it warms up
   */
  choose(accepts: (endpoint: E) => boolean, hash: number | undefined, weightOf: (endpoint: E) => number): E | undefined
}
