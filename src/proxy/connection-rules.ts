// How the connections to the endpoints of one pool are kept, where it has rules of its own (trafficPolicy.connectionPool and .tls), and
// how many there are of them in this process. Shared by its endpoints; the engine asks and counts, and knows nothing of pools.

import type { SecureContext } from 'node:tls'
import type { ConnectionPoolSpec, UpstreamTlsSpec } from '../rules/traffic-policy.ts'
import { ownContext } from './tls/upstream-context.ts'

/** Longest time that a deadline takes; stands for "never". */
const never = 2_147_483_647

export class ConnectionRules {
  readonly spec: ConnectionPoolSpec
  /** Undefined: plain, or with the system's authorities where the endpoint has a server name. */
  readonly tls: Exclude<UpstreamTlsSpec, { readonly mode: 'DISABLE' }> | undefined
  /** Of its own authorities or certificate. */
  readonly secureContext: SecureContext | undefined
  /** Connections that are not closed yet, to all endpoints. */
  open = 0
  /** Those of them that are not connected yet; the request that asked for one waits as much as those in `waiting`. */
  connecting = 0
  /** Requests that wait for one that is in use. */
  waiting = 0
  /** Requests under way, and those of them that are retries. */
  requests = 0
  retries = 0
  readonly #served = new WeakMap<object, { count: number; readonly since: number }>()

  /** Throws when its files cannot be used. */
  constructor(spec: ConnectionPoolSpec, tls: UpstreamTlsSpec | undefined) {
    this.spec = spec
    this.tls = tls === undefined || tls.mode === 'DISABLE' ? undefined : tls
    this.secureContext = this.tls && ownContext(this.tls)
  }

  /** May one more be opened to an endpoint that has so many? Each may have one, lest its requests wait for ever (Envoy). */
  admits(openThere: number, otherwise: number): boolean {
    const { maxConnections } = this.spec
    return maxConnections === undefined ? openThere < otherwise : openThere === 0 || this.open < maxConnections
  }

  /** No request may wait any more: Envoy counts those whose connection is being opened as well. */
  get isFull(): boolean {
    const { maxPendingRequests } = this.spec
    return maxPendingRequests !== undefined && this.waiting + this.connecting >= maxPendingRequests
  }

  get idleTimeoutMs(): number | undefined {
    return this.spec.idleTimeoutMs === 0 ? never : this.spec.idleTimeoutMs
  }

  opened(connection: object): void {
    this.open++
    this.connecting++
    this.#served.set(connection, { count: 0, since: performance.now() })
  }

  /** Whether this connection, which has just answered one more request, is not to be used again. */
  isSpent(connection: object): boolean {
    const { maxRequestsPerConnection, maxConnectionDurationMs } = this.spec
    const served = this.#served.get(connection)
    if (served === undefined) return false
    served.count++
    if (maxRequestsPerConnection !== undefined && served.count >= maxRequestsPerConnection) return true
    return maxConnectionDurationMs !== undefined && performance.now() - served.since >= maxConnectionDurationMs
  }
}
