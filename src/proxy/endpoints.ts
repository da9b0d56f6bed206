// All endpoints, and which of them are out. Lives outside the snapshot, keyed by endpoint address, so that a reload forgets nothing.
// Which one a request goes to is chosen in its pool (pool-endpoints.ts).

import { withPort } from '../rules/authority.ts'
import type { ConnectionRules } from './connection-rules.ts'
import type { Endpoint } from './exchange.ts'
import { noOutlier } from './outlier-detection.ts'

/** A pool whose endpoints have all been out for this long is unavailable (docs/affinity.md, step 7). */
export const unavailableAfterMs = 2000
/** Good probes in a row that bring an endpoint back; twice as many each time it went out again soon after it had come back. */
const goodProbesNeeded = 2
const relapseWithinMs = 10_000
const relapsesCounted = 5

/** One address, shared by every pool and snapshot that names it. */
export class EndpointState implements Endpoint {
  readonly key: string
  readonly address: string
  readonly port: number
  readonly serverName: string | undefined
  inFlight = 0
  /** Milliseconds of the monotonic clock since when it is out; -1 while it is in. */
  outSince = -1
  goodProbes = 0
  /** When it came back last; -1 for never. */
  backSince = -1
  relapses = 0
  /** Active checks that keep it out, whatever else it answers. */
  holds = 0

  /** `address:port`, over TLS with the name in front: the same in every pool. */
  readonly label: string
  /** How its pool keeps connections; undefined where pools share it. */
  readonly rules: ConnectionRules | undefined
  /** Share in its pool, above 0. */
  readonly weight: number
  /** Milliseconds of the monotonic clock since when it is known. */
  readonly bornAt: number
  readonly outlier = noOutlier()

  constructor(address: string, port: number, serverName: string | undefined, bornAt: number, own?: OwnEndpoint) {
    this.address = address
    this.port = port
    this.serverName = serverName
    this.label = endpointKey(address, port, serverName)
    this.key = keyOf(this.label, own)
    this.rules = own?.rules
    this.weight = own?.weight ?? 1
    this.bornAt = bornAt
  }
}

/** Of a pool that shares its endpoints with nobody, because it has rules of its own for them. */
export interface OwnEndpoint {
  /** Names pool and rules. */
  readonly owner: string
  readonly rules: ConnectionRules
  readonly weight: number
}

/** Other rules, or another weight, make it another endpoint: what is under way keeps to the old ones. */
function keyOf(label: string, own: OwnEndpoint | undefined): string {
  return own === undefined ? label : `${label}#${own.owner}*${own.weight}`
}

function endpointKey(address: string, port: number, serverName: string | undefined): string {
  if (serverName !== undefined) return `${withPort(serverName, port)}@${address}`
  return withPort(address, port)
}

/** All endpoints of all pools, with their health. */
export class Endpoints {
  readonly #states = new Map<string, EndpointState>()
  /** Endpoints that are out: kept apart, so that a healthy gateway pays one comparison a request. */
  readonly #out = new Set<EndpointState>()
  readonly #rules = new Map<string, ConnectionRules>()
  readonly #now: () => number

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now
  }

  get now(): number {
    return this.#now()
  }

  /** @param serverName for HTTPS, the host of its URL */
  at(address: string, port: number, serverName?: string, own?: OwnEndpoint): EndpointState {
    const label = endpointKey(address, port, serverName)
    const key = keyOf(label, own)
    let state = this.#states.get(key)
    if (state === undefined) {
      state = new EndpointState(address, port, serverName, this.#now(), own)
      this.#states.set(key, state)
      this.#inherit(state)
    }
    return state
  }

  /** What is known of its address under other rules: a reload that changes these makes nobody well. */
  #inherit(state: EndpointState): void {
    for (const other of this.#out) {
      if (other.label !== state.label) continue
      state.outSince = other.outSince
      this.#out.add(state)
      return
    }
  }

  /** The rules under that name, which outlive a reload that leaves them as they are, with what they count. */
  rulesOf(owner: string, make: () => ConnectionRules): ConnectionRules {
    const known = this.#rules.get(owner)
    if (known !== undefined) return known
    const rules = make()
    this.#rules.set(owner, rules)
    return rules
  }

  /** A connection was refused or timed out: out of balancing at once. */
  markDown(endpoint: Endpoint): void {
    const state = this.#states.get(endpoint.key)
    if (state === undefined) return
    state.goodProbes = 0
    if (state.outSince >= 0) return
    state.outSince = this.#now()
    const isRelapse = state.backSince >= 0 && state.outSince - state.backSince < relapseWithinMs
    state.relapses = isRelapse ? Math.min(state.relapses + 1, relapsesCounted) : 0
    this.#out.add(state)
  }

  /** It answered, a request or a probe. Two in a row bring it back: one alone may be the last gasp of a restart. */
  markUp(endpoint: Endpoint): void {
    if (this.#out.size === 0) return
    const state = this.#states.get(endpoint.key)
    if (state === undefined || state.outSince < 0 || state.holds > 0) return
    if (++state.goodProbes < goodProbesNeeded << state.relapses) return
    state.outSince = -1
    state.backSince = this.#now()
    state.goodProbes = 0
    this.#out.delete(state)
  }

  /** An active check failed: out, and nothing but that check brings it back. */
  hold(endpoint: EndpointState): void {
    endpoint.holds++
    this.markDown(endpoint)
  }

  /** The check that held it out has seen enough good answers, or is no more. */
  letGo(endpoint: EndpointState): void {
    endpoint.holds--
    if (endpoint.holds > 0) return
    while (endpoint.outSince >= 0 && this.#out.has(endpoint)) this.markUp(endpoint)
  }

  /** Those to probe. */
  out(): readonly EndpointState[] {
    return [...this.#out]
  }

  get allIn(): boolean {
    return this.#out.size === 0
  }

  isLongOut(state: EndpointState): boolean {
    return state.outSince >= 0 && this.#now() - state.outSince >= unavailableAfterMs
  }

  /** Forgets endpoints that no pool names any more; returns them, so that their idle connections can be closed. */
  retain(inUse: ReadonlySet<EndpointState>): EndpointState[] {
    const gone: EndpointState[] = []
    for (const [key, state] of this.#states) {
      if (inUse.has(state) || state.inFlight > 0) continue
      this.#states.delete(key)
      this.#out.delete(state)
      gone.push(state)
    }
    const rules = new Set(Array.from(this.#states.values(), (state) => state.rules))
    for (const [owner, own] of this.#rules) if (!rules.has(own)) this.#rules.delete(owner)
    return gone
  }
}
