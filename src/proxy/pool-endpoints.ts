// The endpoints of one pool in one snapshot: which of them a request goes to, and whether there is any. Never another version's.

import type { Pool, UpstreamUrl } from '../rules/types.ts'
import { type Endpoints, type EndpointState, unavailableAfterMs } from './endpoints.ts'
import { createPoolPolicy, type PoolPolicy } from './pool-policy.ts'

/** The list is replaced when a name resolves anew. */
export class PoolEndpoints {
  readonly pool: Pool
  readonly #endpoints: Endpoints
  /** Undefined where the pool has no trafficPolicy: most. */
  readonly policy: PoolPolicy | undefined
  #list: readonly EndpointState[] = []
  #turn = 0

  constructor(pool: Pool, endpoints: Endpoints) {
    this.pool = pool
    this.#endpoints = endpoints
    this.policy = createPoolPolicy(pool, endpoints)
  }

  get list(): readonly EndpointState[] {
    return this.#list
  }

  replace(list: readonly EndpointState[]): void {
    this.#list = list
    this.policy?.replace(list)
  }

  /** The state of one of its addresses. */
  endpointAt(address: string, url: UpstreamUrl): EndpointState {
    if (this.policy !== undefined) return this.policy.endpointAt(address, url)
    const serverName = url.protocol === 'https' ? url.hostname.toLowerCase() : undefined
    return this.#endpoints.at(address, url.port, serverName)
  }

  /** False when there is no endpoint at all, or all have been out for two seconds. */
  get available(): boolean {
    if (this.policy !== undefined)
      return this.#list.some((state) => this.policy!.isAvailable(state, unavailableAfterMs))
    if (this.#endpoints.allIn) return this.#list.length > 0
    return this.#list.some((state) => !this.#endpoints.isLongOut(state))
  }

  /**
   * The next endpoint to try: of two neighbours in turn the one with fewer requests in flight (Envoy's LEAST_REQUEST looks at two as
   * well), leaving out those that are out. When all are out, the one in turn is tried all the same: until the pool counts as
   * unavailable, an attempt is how a restart is noticed first. `tried` holds what failed for this request already.
   * @param hash of the request, for pools that hash
   */
  pick(tried: readonly EndpointState[] | undefined, hash?: number): EndpointState | undefined {
    if (this.policy !== undefined) return this.policy.pick(tried, hash)
    const list = this.#list
    if (list.length === 1) return tried === undefined ? list[0] : undefined
    const turn = (this.#turn = (this.#turn + 1) % Math.max(1, list.length))
    let best: EndpointState | undefined
    let looked = 0
    let last: EndpointState | undefined
    for (let i = 0; i < list.length && looked < 2; i++) {
      const state = list[(turn + i) % list.length] as EndpointState
      if (tried?.includes(state) === true) continue
      last ??= state
      if (state.outSince >= 0) continue
      looked++
      if (best === undefined || state.inFlight < best.inFlight) best = state
    }
    return best ?? last
  }
}
