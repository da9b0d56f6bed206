// Health as several processes share it: one leads, which probes and decides who is out; the others take an endpoint out at once when
// it refuses them, tell the leader what they meet, and follow its word. Sends nothing itself.

import { Endpoints, type EndpointState } from './endpoints.ts'
import type { Endpoint } from './exchange.ts'

/** One endpoint that is out. */
export interface OutEndpoint {
  readonly key: string
  /** Milliseconds; not a point in time, for each process has its own clock. */
  readonly forMs: number
}

/** What a process met: an endpoint that refused, or answered though it is out. */
export interface HealthSign {
  readonly sign: 'down' | 'up'
  readonly key: string
}

/** Monotonic, and large from the start: what was out before this process began is out since a time that can be written down. */
const now = (): number => performance.timeOrigin + performance.now()

/** Calls `onChange` whenever others may have to know who is out. */
export class LeadingEndpoints extends Endpoints {
  readonly #onChange: () => void

  constructor(onChange: () => void) {
    super(now)
    this.#onChange = onChange
  }

  list(): readonly OutEndpoint[] {
    return this.out().map(({ key, outSince }) => ({ key, forMs: now() - outSince }))
  }

  /** Says so even when nothing changed: who met something that we do not know of, or knew already, has to hear our word. */
  hear({ sign, key }: HealthSign): void {
    if (sign === 'down') super.markDown(endpointOf(key))
    else super.markUp(endpointOf(key))
    if (sign === 'down' || !this.#isOut(key)) this.#onChange()
  }

  override markDown(endpoint: Endpoint): void {
    const before = this.#isOut(endpoint.key)
    super.markDown(endpoint)
    if (before !== this.#isOut(endpoint.key)) this.#onChange()
  }

  override markUp(endpoint: Endpoint): void {
    const before = this.#isOut(endpoint.key)
    super.markUp(endpoint)
    if (before !== this.#isOut(endpoint.key)) this.#onChange()
  }

  #isOut(key: string): boolean {
    return this.out().some((state) => state.key === key)
  }
}

export class FollowingEndpoints extends Endpoints {
  readonly #tell: (sign: HealthSign) => void

  constructor(tell: (sign: HealthSign) => void) {
    super(now)
    this.#tell = tell
  }

  override markDown(endpoint: Endpoint): void {
    if (this.out().some(({ key }) => key === endpoint.key)) return
    super.markDown(endpoint)
    this.#tell({ sign: 'down', key: endpoint.key })
  }

  /** Only the leader brings an endpoint back. */
  override markUp(endpoint: Endpoint): void {
    if (this.allIn) return
    const { key } = endpoint
    if (this.out().some((state) => state.key === key)) this.#tell({ sign: 'up', key })
  }

  /** These are out, for so long, and no others. */
  follow(list: readonly OutEndpoint[]): void {
    const forMs = new Map(list.map((entry) => [entry.key, entry.forMs]))
    for (const key of forMs.keys()) super.markDown(endpointOf(key))
    for (const state of this.out()) this.#take(state, forMs.get(state.key))
  }

  #take(state: EndpointState, forMs: number | undefined): void {
    if (forMs !== undefined) state.outSince = now() - forMs
    else while (state.outSince >= 0) super.markUp(state)
  }
}

/** Health is kept by key alone. */
function endpointOf(key: string): Endpoint {
  return { key, address: '', port: 0 }
}
