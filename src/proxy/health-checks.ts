// Active health checks: each endpoint of a service with `healthCheck` is asked for its path, and is out for as long as the answers are
// bad. Runs in one process of a gateway; the others follow what it decides. Never sends a request of a client.

import { connect, type Socket } from 'node:net'
import { type buildConnector, Client } from 'undici'
import { withPort } from '../rules/authority.ts'
import type { HealthCheckSpec } from '../rules/health-check.ts'
import type { Edge } from './edge.ts'
import { isOurFault } from './http1/upstream-link.ts'
import type { Endpoints, EndpointState } from './endpoints.ts'
import type { PoolEndpoints } from './pool-endpoints.ts'
import { isSecure, UpstreamTrust } from './tls/upstream-trust.ts'

export class HealthChecks {
  readonly #endpoints: Endpoints
  readonly #trust: UpstreamTrust
  #rounds: readonly Round[] = []

  constructor(endpoints: Endpoints, trust = new UpstreamTrust()) {
    this.#endpoints = endpoints
    this.#trust = trust
  }

  /** From now on these pools are asked, new endpoints at once. What is known of those that stay is kept. */
  follow(edge: Edge): void {
    const before = new Map(this.#rounds.map((round) => [round.key, round]))
    const next: Round[] = []
    for (const pool of edge.pools) {
      const release = edge.table.releases.find(({ name }) => name === pool.pool.release)
      const check = release?.services.find(({ name }) => name === pool.pool.service)?.spec.healthCheck
      if (release === undefined || check === undefined) continue
      const { header } = release.spec.pin
      const key = `${pool.pool.key} ${header} ${JSON.stringify(check)}`
      const round = before.get(key)
      if (round === undefined) {
        const fresh = new Round(key, pool, header, check, this.#endpoints, this.#trust)
        for (const old of this.#rounds) if (old.pool.pool.key === pool.pool.key) fresh.inherit(old)
        next.push(fresh)
      } else {
        before.delete(key)
        round.pool = pool
        round.inherit(round)
        round.askNew()
        next.push(round)
      }
    }
    for (const round of before.values()) round.close()
    this.#rounds = next
  }

  close(): void {
    for (const round of this.#rounds) round.close()
    this.#rounds = []
  }
}

/** The checks of one pool: all its endpoints, once an interval. */
class Round {
  readonly key: string
  pool: PoolEndpoints
  readonly #check: HealthCheckSpec
  /** By which a backend is told its version. */
  readonly #header: string
  readonly #endpoints: Endpoints
  readonly #trust: UpstreamTrust
  readonly #asked = new Map<EndpointState, Asked>()
  readonly #timer: NodeJS.Timeout
  readonly #first: NodeJS.Immediate

  constructor(
    key: string,
    pool: PoolEndpoints,
    header: string,
    check: HealthCheckSpec,
    endpoints: Endpoints,
    trust: UpstreamTrust,
  ) {
    this.key = key
    this.pool = pool
    this.#header = header
    this.#check = check
    this.#endpoints = endpoints
    this.#trust = trust
    this.#timer = setInterval(() => this.#ask(), check.intervalMs)
    this.#timer.unref()
    this.#first = setImmediate(() => this.#ask())
  }

  /** Holds out what that one does, until it lets go: asked differently, or reached by other rules, it is not well until it says so. */
  inherit(before: Round): void {
    for (const [{ label }, { holds }] of before.#asked) {
      const state = holds ? this.pool.list.find((endpoint) => endpoint.label === label) : undefined
      if (state === undefined || this.#askedOf(state).holds) continue
      this.#askedOf(state).holds = true
      this.#endpoints.hold(state)
    }
  }

  close(): void {
    clearInterval(this.#timer)
    clearImmediate(this.#first)
    for (const state of this.#asked.keys()) this.#forget(state)
  }

  #ask(): void {
    for (const state of this.#asked.keys()) if (!this.pool.list.includes(state)) this.#forget(state)
    for (const state of this.pool.list) this.#askOne(state)
  }

  /** Those that were never asked, and may have requests already. */
  askNew(): void {
    for (const state of this.pool.list) if (!this.#asked.has(state)) this.#askOne(state)
  }

  #askOne(state: EndpointState): void {
    const asked = this.#askedOf(state)
    void asked.ask(this.pool, (good) => this.#note(state, asked, good))
  }

  #askedOf(state: EndpointState): Asked {
    let asked = this.#asked.get(state)
    if (asked === undefined) this.#asked.set(state, (asked = new Asked(state, this.#header, this.#check, this.#trust)))
    return asked
  }

  /** The first answer decides alone, as with Envoy: a gateway that starts has to know soon. */
  #note(state: EndpointState, asked: Asked, good: boolean): void {
    if (this.#asked.get(state) !== asked) return
    const { healthyThreshold, unhealthyThreshold } = this.#check
    const isFirst = asked.inARow === 0
    if (asked.lastWasGood !== good) asked.inARow = 0
    asked.lastWasGood = good
    asked.inARow++
    if (good && asked.holds && (isFirst || asked.inARow >= healthyThreshold)) this.#endpoints.letGo(state)
    else if (!good && !asked.holds && (isFirst || asked.inARow >= unhealthyThreshold)) this.#endpoints.hold(state)
    else return
    asked.holds = !good
  }

  #forget(state: EndpointState): void {
    const asked = this.#asked.get(state)
    this.#asked.delete(state)
    if (asked?.holds === true) this.#endpoints.letGo(state)
    asked?.close()
  }
}

/** One endpoint and its answers so far. */
class Asked {
  lastWasGood = true
  inARow = 0
  /** Whether this check is what keeps the endpoint out. */
  holds = false
  readonly #state: EndpointState
  readonly #client: Client
  readonly #header: string
  readonly #check: HealthCheckSpec
  #isUnderWay = false

  constructor(state: EndpointState, header: string, check: HealthCheckSpec, trust: UpstreamTrust) {
    const origin = `${isSecure(state) ? 'https' : 'http'}://${withPort(state.address, state.port)}`
    this.#client = new Client(origin, { connect: (_options, done) => open(state, trust, check.timeoutMs, done) })
    this.#state = state
    this.#header = header
    this.#check = check
  }

  /** @param pool in force: its names for the same address may be others than the last time */
  async ask({ pool }: PoolEndpoints, note: (good: boolean) => void): Promise<void> {
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    const { path, host, timeoutMs } = this.#check
    const headers = {
      host: host ?? hostOf(pool.upstreams, this.#state),
      'user-agent': 'graylane-health-check',
      [this.#header]: pool.owner,
    }
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const answer = await this.#client.request({ method: 'GET', path, headers, signal })
      await answer.body.dump({ limit: 65_536, signal }).catch(() => undefined)
      // What kubelet takes for healthy.
      note(answer.statusCode >= 200 && answer.statusCode < 400)
    } catch (error) {
      if (!isOurFault((error as NodeJS.ErrnoException).code)) note(false)
    } finally {
      this.#isUnderWay = false
    }
  }

  close(): void {
    this.#client.destroy().catch(() => undefined)
  }
}

function open(state: EndpointState, trust: UpstreamTrust, timeoutMs: number, connected: buildConnector.Callback): void {
  const secure = isSecure(state)
  const socket: Socket = secure ? trust.connect(state) : connect({ host: state.address, port: state.port })
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('timed out')))
  socket.unref()
  socket.once('error', (error) => connected(error, null))
  socket.once(secure ? 'secureConnect' : 'connect', () => {
    socket.setTimeout(0)
    socket.removeAllListeners('error')
    connected(null, socket)
  })
}

/** As the pool names it; of several names the one with that port. */
function hostOf(upstreams: PoolEndpoints['pool']['upstreams'], state: EndpointState): string {
  const named = upstreams.find(({ hostname, port }) => port === state.port && hostname === state.address)
  const { hostname, port } = named ??
    upstreams.find((url) => url.port === state.port) ?? { hostname: state.address, port: state.port }
  return withPort(hostname, port)
}
