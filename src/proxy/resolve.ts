// Upstream names to addresses: at start and every five seconds, all A and AAAA records; a failed look-up keeps the last answer.
// One answer a name, shared by all pools and snapshots.

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { UpstreamUrl } from '../rules/types.ts'
import type { EndpointState } from './endpoints.ts'
import type { PoolEndpoints } from './pool-endpoints.ts'

const refreshMs = 5000

/** A name to its addresses; rejects when it has none. Tests hand in their own. */
export type LookUp = (hostname: string) => Promise<readonly string[]>

async function systemLookUp(hostname: string): Promise<readonly string[]> {
  const records = await lookup(hostname, { all: true })
  return records.map((record) => record.address)
}

export class Resolver {
  readonly #lookUp: LookUp
  /** Last good answer of each name. */
  readonly #answers = new Map<string, readonly string[]>()
  #pools: readonly PoolEndpoints[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(lookUp: LookUp = systemLookUp) {
    this.#lookUp = lookUp
  }

  /** Fills the pools of a snapshot before it is put to use. Never rejects: a name without an answer leaves its pool empty. */
  async fill(pools: readonly PoolEndpoints[]): Promise<void> {
    await this.#lookUpAll(pools)
    for (const pool of pools) pool.replace(this.#endpointsOf(pool))
  }

  /** The pools in force: from now on these are kept fresh. */
  keepFresh(pools: readonly PoolEndpoints[]): void {
    this.#pools = pools
    clearInterval(this.#timer)
    this.#timer = undefined
    if (!pools.some((pool) => pool.pool.upstreams.some(hasName))) return
    this.#timer = setInterval(() => void this.#refresh(), refreshMs)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #refresh(): Promise<void> {
    const pools = this.#pools
    await this.#lookUpAll(pools)
    if (pools !== this.#pools) return
    for (const pool of pools) {
      const fresh = this.#endpointsOf(pool)
      if (!sameList(fresh, pool.list)) pool.replace(fresh)
    }
  }

  async #lookUpAll(pools: readonly PoolEndpoints[]): Promise<void> {
    const names = new Set<string>()
    for (const pool of pools) for (const url of pool.pool.upstreams) if (hasName(url)) names.add(url.hostname)
    await Promise.all([...names].map((name) => this.#lookUpOne(name)))
  }

  async #lookUpOne(name: string): Promise<void> {
    try {
      const addresses = await this.#lookUp(name)
      if (addresses.length > 0) this.#answers.set(name, addresses.toSorted())
    } catch {
      // The last answer stands (design section 3): a name server that is down must not empty a pool.
    }
  }

  #endpointsOf(pool: PoolEndpoints): EndpointState[] {
    const list: EndpointState[] = []
    for (const url of pool.pool.upstreams) {
      const addresses = hasName(url) ? (this.#answers.get(url.hostname) ?? []) : [url.hostname]
      for (const address of addresses) {
        const state = pool.endpointAt(address, url)
        if (!list.includes(state)) list.push(state)
      }
    }
    return list
  }
}

function hasName(url: UpstreamUrl): boolean {
  return isIP(url.hostname) === 0
}

function sameList(a: readonly EndpointState[], b: readonly EndpointState[]): boolean {
  return a.length === b.length && a.every((state, index) => state === b[index])
}
