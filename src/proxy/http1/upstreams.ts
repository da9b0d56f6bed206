// The connections to upstream endpoints: who has one, who waits for one, when an idle one is closed. One pool an endpoint.
// Knows nothing of requests; health and choice of endpoints are the caller's.

import type { Endpoint } from '../exchange.ts'
import { HttpsUpstream } from '../https-upstream.ts'
import { isSecure, UpstreamTrust } from '../tls/upstream-trust.ts'
import { Deadlines } from './deadlines.ts'
import { UpstreamConnection } from './upstream-connection.ts'
import type { LinkPool, UpstreamLink, UpstreamUser } from './upstream-link.ts'
import type { Limits } from './limits.ts'

export class ConnectionPool implements LinkPool {
  readonly endpoint: Endpoint
  readonly upstreams: Upstreams
  /** Last used first: what is left over in quiet times grows old and goes. */
  readonly idle: UpstreamLink[] = []
  readonly waiting: UpstreamUser[] = []
  /** Connections that are not closed yet. */
  open = 0
  /** Requests that hold a connection. */
  inFlight = 0
  retired = false

  constructor(upstreams: Upstreams, endpoint: Endpoint) {
    this.upstreams = upstreams
    this.endpoint = endpoint
  }

  /**
   * A connection for this user: an idle one, or a new one that still connects. Undefined when it has to wait
   * (onTurn is called later), or, with `overflow` returned, when there is no room to wait either.
   */
  acquire(user: UpstreamUser): UpstreamLink | 'waiting' | 'overflow' {
    const idle = this.takeIdle()
    if (idle !== undefined) return idle
    const { rules } = this.endpoint
    if (rules?.isFull === true) return 'overflow'
    if (this.hasRoom) return this.connect()
    if (this.waiting.length >= this.upstreams.limits.upstreamWaiting) return 'overflow'
    if (rules !== undefined) rules.waiting++
    this.waiting.push(user)
    return 'waiting'
  }

  connect(): UpstreamLink {
    this.open++
    this.upstreams.open++
    this.inFlight++
    const { endpoint } = this
    const connection = isSecure(endpoint) ? new HttpsUpstream(this, endpoint) : new UpstreamConnection(this)
    endpoint.rules?.opened(connection)
    return connection
  }

  get connectTimeoutMs(): number {
    return this.endpoint.rules?.spec.connectTimeoutMs ?? this.upstreams.limits.connectTimeoutMs
  }

  get idleTimeoutMs(): number {
    return this.endpoint.rules?.idleTimeoutMs ?? this.upstreams.limits.upstreamIdleTimeoutMs
  }

  private get hasRoom(): boolean {
    const { rules } = this.endpoint
    const { upstreamConnections } = this.upstreams.limits
    return rules === undefined ? this.open < upstreamConnections : rules.admits(this.open, upstreamConnections)
  }

  connected(): void {
    if (this.endpoint.rules !== undefined) this.endpoint.rules.connecting--
  }

  stopWaiting(user: UpstreamUser): void {
    const at = this.waiting.indexOf(user)
    if (at === -1) return
    this.waiting.splice(at, 1)
    if (this.endpoint.rules !== undefined) this.endpoint.rules.waiting--
  }

  release(connection: UpstreamLink): void {
    this.inFlight--
    if (this.endpoint.rules?.isSpent(connection) === true) return connection.destroy()
    this.idle.push(connection)
    if (this.waiting.length > 0) this.serveWaiting()
  }

  closed(connection: UpstreamLink, held: boolean, connecting: boolean): void {
    this.open--
    this.upstreams.open--
    const { rules } = this.endpoint
    if (rules !== undefined) {
      rules.open--
      if (connecting) rules.connecting--
    }
    if (held) this.inFlight--
    else this.forgetIdle(connection)
    if (this.waiting.length > 0) this.serveWaiting()
    else this.upstreams.dropIfEmpty(this)
  }

  closeIdle(): void {
    for (const connection of this.idle.splice(0)) connection.destroy()
  }

  private takeIdle(): UpstreamLink | undefined {
    const connection = this.idle.pop()
    if (connection !== undefined) this.inFlight++
    return connection
  }

  private forgetIdle(connection: UpstreamLink): void {
    const at = this.idle.lastIndexOf(connection)
    if (at !== -1) this.idle.splice(at, 1)
  }

  private serveWaiting(): void {
    while (this.waiting.length > 0) {
      const idle = this.takeIdle()
      if (idle === undefined && !this.hasRoom) return
      if (this.endpoint.rules !== undefined) this.endpoint.rules.waiting--
      this.waiting.shift()!.onTurn(idle ?? this.connect())
    }
  }
}

export class Upstreams {
  limits: Limits
  readonly deadlines = new Deadlines()
  /** Connections to all endpoints, idle ones too. */
  open = 0
  /** Of HTTPS endpoints. */
  readonly trust: UpstreamTrust
  readonly #pools = new Map<string, ConnectionPool>()
  #last: ConnectionPool | undefined

  constructor(limits: Limits, trust = new UpstreamTrust()) {
    this.limits = limits
    this.trust = trust
  }

  pool(endpoint: Endpoint): ConnectionPool {
    const last = this.#last
    if (last?.endpoint === endpoint && !last.retired) return last
    let pool = this.#pools.get(endpoint.key)
    if (pool === undefined) this.#pools.set(endpoint.key, (pool = new ConnectionPool(this, endpoint)))
    pool.retired = false
    return (this.#last = pool)
  }

  /** Requests that hold a connection to this endpoint, and those that wait for one. */
  inFlight(endpointKey: string): number {
    const pool = this.#pools.get(endpointKey)
    return pool === undefined ? 0 : pool.inFlight + pool.waiting.length
  }

  /** Open connections to this endpoint, idle ones too. */
  connections(endpointKey: string): number {
    return this.#pools.get(endpointKey)?.open ?? 0
  }

  /** The endpoint left the configuration: its idle connections close now, the others when their request is done. */
  retire(endpointKey: string): void {
    this.trust.forget(endpointKey)
    const pool = this.#pools.get(endpointKey)
    if (pool === undefined) return
    pool.retired = true
    pool.closeIdle()
    this.dropIfEmpty(pool)
  }

  /** Closes every connection that no request holds. */
  closeIdle(): void {
    for (const pool of this.#pools.values()) pool.closeIdle()
  }

  /** The end: no more deadlines, nothing idle. Call it when no server uses this any more. */
  close(): void {
    this.closeIdle()
    this.deadlines.stop()
  }

  dropIfEmpty(pool: ConnectionPool): void {
    if (!pool.retired || pool.open > 0 || pool.waiting.length > 0) return
    // A request may connect anew in a pool that was dropped already, while another one has its place.
    if (this.#pools.get(pool.endpoint.key) === pool) this.#pools.delete(pool.endpoint.key)
  }
}
