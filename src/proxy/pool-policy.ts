// The trafficPolicy of one pool at work: who is chosen, who is left out because of what it answered, how much there may be at once. Made
// anew with each snapshot; what must not be forgotten stands at the endpoints and in the rules of their connections.

import type { HashKeySpec, TrafficPolicySpec, WarmupSpec } from '../rules/traffic-policy.ts'
import type { Pool, UpstreamUrl } from '../rules/types.ts'
import type { Balancer } from './balance/balancer.ts'
import { createBalancer } from './balance/create-balancer.ts'
import { hash32 } from './balance/hash32.ts'
import { ConnectionRules } from './connection-rules.ts'
import type { Endpoints, EndpointState } from './endpoints.ts'
import { OutlierDetection } from './outlier-detection.ts'

/** Undefined for a pool that has nothing special: it goes the short way. */
export function createPoolPolicy(pool: Pool, endpoints: Endpoints): PoolPolicy | undefined {
  const isWeighted = pool.upstreams.some(({ weight }) => weight !== undefined)
  if (pool.trafficPolicy === undefined && !isWeighted) return undefined
  return new PoolPolicy(pool, pool.trafficPolicy ?? {}, endpoints)
}

export class PoolPolicy {
  /** What of a request chooses its endpoint; empty where nothing does. */
  readonly hashKeys: readonly HashKeySpec[]
  readonly #endpoints: Endpoints
  readonly #rules: ConnectionRules
  readonly #owner: string
  readonly #balancer: Balancer<EndpointState>
  readonly #outliers: OutlierDetection<EndpointState> | undefined
  readonly #warmup: WarmupSpec | undefined
  #list: readonly EndpointState[] = []

  constructor(pool: Pool, spec: TrafficPolicySpec, endpoints: Endpoints) {
    const { loadBalancer = { kind: 'LEAST_REQUEST' }, connectionPool = {}, outlierDetection, tls } = spec
    this.#endpoints = endpoints
    this.#owner = `${pool.key}~${fingerprint(spec)}`
    this.#rules = endpoints.rulesOf(this.#owner, () => new ConnectionRules(connectionPool, tls))
    this.#balancer = createBalancer(loadBalancer, Math.random)
    this.#outliers =
      outlierDetection &&
      new OutlierDetection(
        outlierDetection,
        () => this.#list,
        () => endpoints.now,
      )
    this.hashKeys = loadBalancer.kind === 'CONSISTENT_HASH' ? [loadBalancer.key] : []
    this.#warmup = loadBalancer.kind === 'CONSISTENT_HASH' ? undefined : loadBalancer.warmup
  }

  replace(list: readonly EndpointState[]): void {
    this.#list = list
    this.#balancer.replace(list)
  }

  /** Shared with no other pool: its counts, its connections and its certificate are this pool's. */
  endpointAt(address: string, { protocol, hostname, port, weight = 1 }: UpstreamUrl): EndpointState {
    const isSecure = protocol === 'https' || this.#rules.tls !== undefined
    const own = { owner: this.#owner, rules: this.#rules, weight }
    return this.#endpoints.at(address, port, isSecure ? hostname.toLowerCase() : undefined, own)
  }

  // --- choosing --------------------------------------------------------------------------------------------------------------------

  /**
   * One that is in; when all are out, one that is out, since an attempt is how a restart is noticed first. But never one that was ejected:
   * it answers, and badly (Istio leaves out Envoy's panic mode where outlierDetection is given).
   */
  pick(tried: readonly EndpointState[] | undefined, hash: number | undefined): EndpointState | undefined {
    const isFree = (state: EndpointState): boolean => tried?.includes(state) !== true && this.#isEjected(state) !== true
    const isIn = (state: EndpointState): boolean => state.outSince < 0 && isFree(state)
    return this.#balancer.choose(isIn, hash, this.#weightOf) ?? this.#balancer.choose(isFree, hash, this.#weightOf)
  }

  isAvailable(state: EndpointState, afterMs: number): boolean {
    return !this.#endpoints.isLongOut(state) && this.#outliers?.isLongEjected(state, afterMs) !== true
  }

  #isEjected(state: EndpointState): boolean {
    return this.#outliers?.isEjected(state) === true
  }

  /** Istio's warmup: from its minimum to the whole, by the time since it is known or came back. */
  readonly #weightOf = (state: EndpointState): number => {
    const { weight, bornAt, backSince } = state
    if (this.#warmup === undefined) return weight
    const { durationMs, minimumPercent, aggression } = this.#warmup
    const age = (this.#endpoints.now - Math.max(bornAt, backSince)) / durationMs
    if (age >= 1) return weight
    return weight * Math.max(minimumPercent / 100, age ** (1 / aggression), 0.001)
  }

  // --- limits ----------------------------------------------------------------------------------------------------------------------

  /** One more request, if there is room. The caller calls `left` when its endpoint is done with it. */
  enter(): boolean {
    const { maxRequests } = this.#rules.spec
    if (maxRequests !== undefined && this.#rules.requests >= maxRequests) return false
    this.#rules.requests++
    return true
  }

  left(): void {
    this.#rules.requests--
  }

  /** One more request that retries, if there is room; `retried` when it is over. */
  mayRetry(): boolean {
    const { maxRetries } = this.#rules.spec
    if (maxRetries !== undefined && this.#rules.retries >= maxRetries) return false
    this.#rules.retries++
    return true
  }

  retried(): void {
    this.#rules.retries--
  }

  // --- outliers --------------------------------------------------------------------------------------------------------------------

  answered(state: EndpointState, status: number): void {
    this.#outliers?.answered(state, status)
  }

  failed(state: EndpointState): void {
    this.#outliers?.failed(state)
  }
}

function fingerprint(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) => (part instanceof Set ? [...part] : part))
  return hash32(text).toString(36) + hash32(text, 1).toString(36)
}
