// The attempts of one request: which endpoint of its pool each of them goes to, whether another one follows, and what outlier detection
// hears of them. The engine asks by Forwarding and Retries; what is sent, and what becomes of the answer, is route-execution.ts.

import type { EndpointState } from './endpoints.ts'
import type { Endpoint, ResponseHead, Retries, UpstreamFailure } from './exchange.ts'
import { hashRequest, type RequestHash } from './hash-keys.ts'
import type { PoolEndpoints } from './pool-endpoints.ts'
import type { PoolPolicy } from './pool-policy.ts'
import { RequestContext } from './request-context.ts'
import { backOffMs, retriesAnswer, retriesFailure } from './retry-policy.ts'
import type { RouteActions } from './route-actions.ts'

const noHash: RequestHash = { hash: undefined, cookies: [] }
const blamed: ReadonlySet<UpstreamFailure> = new Set(['timeout', 'try-timeout', 'reset-before-head', 'bad-response'])

export abstract class Attempts extends RequestContext implements Retries {
  timeoutMs = 0
  protected actions: RouteActions | undefined
  protected pool: PoolEndpoints | undefined
  /** Undefined before the first attempt, and for pools without a policy. */
  protected hash: RequestHash | undefined
  #endpoint: EndpointState | undefined
  #tried: EndpointState[] | undefined
  #retriesDone = 0
  /** The pool in which this request counts as one that retries. */
  #retryingIn: PoolPolicy | undefined

  /** Upstreams are told what was rewritten (x-envoy-original-path, -host) and how often it was tried (x-envoy-attempt-count). */
  protected abstract readonly tellsUpstream: boolean

  get upstream(): Endpoint | undefined {
    return this.#endpoint
  }

  get cluster(): string {
    return this.pool?.pool.key ?? ''
  }

  // --- where to ------------------------------------------------------------------------------------------------------------------

  endpoint(attempt: number): Endpoint | undefined | 'overflow' {
    const before = this.#endpoint
    if (before !== undefined) {
      this.#leave(before)
      this.#tried = this.#tried === undefined ? [before] : [...this.#tried, before]
    }
    const next = this.#pick()
    if (next === undefined) return undefined
    if (this.pool!.policy?.enter() === false) return 'overflow'
    this.record.attempts = attempt
    this.#endpoint = next
    next.inFlight++
    this.record.endpoint = next.label
    if (this.tellsUpstream) this.request.set('x-envoy-attempt-count', String(attempt))
    return next
  }

  #pick(): EndpointState | undefined {
    const pool = this.pool!
    const retries = this.actions!.retries
    if (pool.policy !== undefined && this.hash === undefined) this.hash = this.#hashOf(pool.policy)
    const hash = this.hash?.hash
    if (retries === undefined) return pool.pick(this.#tried, hash)
    // The engine's own retries are for other endpoints; the route's come back to the same one when there is no other.
    const next = retries.ignorePreviousHosts ? pool.pick(this.#tried, hash) : undefined
    return next ?? pool.pick(undefined, hash)
  }

  #hashOf(policy: PoolPolicy): RequestHash {
    if (policy.hashKeys.length === 0) return noHash
    const { connection } = this.exchange
    const keys = this.actions!.hashKeys ?? policy.hashKeys
    return hashRequest(keys, { request: this.request, connection, clientAddress: this.record.clientAddress })
  }

  /** The next attempt goes to another pool, as if it were the first. */
  protected turnTo(pool: PoolEndpoints): void {
    if (this.#endpoint !== undefined) this.#leave(this.#endpoint)
    this.#tried = undefined
    this.hash = undefined
    this.pool = pool
  }

  /** No other attempt follows. */
  protected endAttempts(): void {
    if (this.#endpoint !== undefined) this.#leave(this.#endpoint)
    this.#retryingIn?.retried()
  }

  #leave(endpoint: EndpointState): void {
    endpoint.inFlight--
    this.#endpoint = undefined
    this.pool!.policy?.left()
  }

  // --- whether again: the engine asks, when the route has retries ------------------------------------------------------------------

  get failuresToo(): boolean {
    return this.actions!.retries !== undefined
  }

  get perTryTimeoutMs(): number {
    const perTryTimeoutMs = this.actions!.retries?.perTryTimeoutMs ?? 0
    return this.timeoutMs > 0 && perTryTimeoutMs >= this.timeoutMs ? 0 : perTryTimeoutMs
  }

  afterAnswer(head: ResponseHead): number {
    const { retries } = this.actions!
    const afterMs = retries !== undefined && retriesAnswer(retries, head) ? this.#nextRetry() : -1
    if (afterMs >= 0) this.noteAnswer(head.status)
    return afterMs
  }

  afterFailure(failure: UpstreamFailure): number {
    const { retries } = this.actions!
    const afterMs = retries !== undefined && retriesFailure(retries, failure) ? this.#nextRetry() : -1
    if (afterMs >= 0) this.noteFailure(failure)
    return afterMs
  }

  #nextRetry(): number {
    const { attempts, backoffMs } = this.actions!.retries!
    if (this.#retriesDone >= attempts) {
      if (attempts > 0) this.flag('URX')
      return -1
    }
    const { policy } = this.pool!
    if (policy !== undefined && this.#retryingIn === undefined) {
      if (policy.mayRetry()) this.#retryingIn = policy
      else {
        this.flag('UO')
        return -1
      }
    }
    return backOffMs(backoffMs, ++this.#retriesDone, this.surroundings.random())
  }

  // --- what became of them, for health and outlier detection -----------------------------------------------------------------------

  onEndpointDown(endpoint: Endpoint): void {
    if (this.#endpoint !== undefined) this.pool!.policy?.failed(this.#endpoint)
    this.surroundings.endpoints.markDown(endpoint)
  }

  onEndpointUp(endpoint: Endpoint): void {
    this.surroundings.endpoints.markUp(endpoint)
  }

  protected noteAnswer(status: number): void {
    const { policy } = this.pool!
    if (policy !== undefined && this.#endpoint !== undefined) policy.answered(this.#endpoint, status)
  }

  /** No answer came; refused connections are told by onEndpointDown, and our own limits are not the endpoint's fault. */
  protected noteFailure(failure: UpstreamFailure): void {
    const { policy } = this.pool!
    if (policy !== undefined && this.#endpoint !== undefined && blamed.has(failure)) policy.failed(this.#endpoint)
  }
}
