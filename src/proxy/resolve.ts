// Upstream names to addresses: at start and every five seconds, all A and AAAA records; a failed look-up keeps the last answer.
// One answer a name, shared by all pools and snapshots.

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { UpstreamUrl } from '../rules/types.ts'
import type { EndpointState } from './endpoints.ts'
import type { PoolEndpoints } from './pool-endpoints.ts'

const refreshMs = 5000
/** So long a configuration waits for names that were never looked up, and a refresh for all. What comes later is taken by the next one. */
const patienceMs = { first: 10_000, refresh: 2000 }

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
  /** Their answers are no older than a refresh: not those of a configuration that was prepared and came to nothing. */
  #kept: readonly string[] = []
  #timer: NodeJS.Timeout | undefined
  /** Names that are being looked up. */
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(lookUp: LookUp = systemLookUp) {
    this.#lookUp = lookUp
  }

  /**
   * Fills the pools of a snapshot before it is put to use. Never rejects: a name without an answer in time leaves its pool empty. Only new
   * names are waited for, since the others are kept fresh anyway: a name server that fell silent holds up no reload.
   */
  async fill(pools: readonly PoolEndpoints[]): Promise<void> {
    const isKnown = (name: string): boolean => this.#answers.has(name) && this.#kept.includes(name)
    const fresh = namesOf(pools).filter((name) => !isKnown(name) && !this.#underWay.has(name))
    await this.#lookUpAll(fresh, patienceMs.first)
    for (const pool of pools) pool.replace(this.#endpointsOf(pool))
  }

  /** The pools in force: from now on these are kept fresh. `onRefresh` is called each time that they were. */
  keepFresh(pools: readonly PoolEndpoints[], onRefresh: () => void): void {
    this.#pools = pools
    clearInterval(this.#timer)
    this.#timer = undefined
    const names = (this.#kept = namesOf(pools))
    for (const name of this.#answers.keys()) if (!names.includes(name)) this.#answers.delete(name)
    if (names.length === 0) return
    this.#timer = setInterval(() => void this.#refresh(names, onRefresh), refreshMs)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
    // Nobody hears of a refresh that is under way.
    this.#pools = []
  }

  async #refresh(names: readonly string[], onRefresh: () => void): Promise<void> {
    const pools = this.#pools
    await this.#lookUpAll(names, patienceMs.refresh)
    if (pools !== this.#pools) return
    for (const pool of pools) {
      const fresh = this.#endpointsOf(pool)
      if (!sameList(fresh, pool.list)) pool.replace(fresh)
    }
    onRefresh()
  }

  /** Resolves when all are answered, or so many milliseconds later. */
  async #lookUpAll(names: readonly string[], limitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, limitMs)
    await Promise.race([promise, Promise.all(names.map((name) => this.#lookUpOne(name)))])
    clearTimeout(timer)
  }

  /** A name server that does not answer is asked once, not again and again. */
  #lookUpOne(name: string): Promise<void> {
    const asked = this.#underWay.get(name)
    if (asked !== undefined) return asked
    const answered = this.#ask(name).finally(() => this.#underWay.delete(name))
    this.#underWay.set(name, answered)
    return answered
  }

  async #ask(name: string): Promise<void> {
    try {
      const addresses = await this.#lookUp(name)
      if (addresses.length > 0) this.#answers.set(name, addresses.toSorted())
    } catch {
      // The last answer stands: a name server that is down must not empty a pool.
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

function namesOf(pools: readonly PoolEndpoints[]): readonly string[] {
  const named = pools.flatMap(({ pool }) => pool.upstreams.filter(hasName))
  return [...new Set(named.map(({ hostname }) => hostname))]
}

function hasName(url: UpstreamUrl): boolean {
  return isIP(url.hostname) === 0
}

function sameList(a: readonly EndpointState[], b: readonly EndpointState[]): boolean {
  return a.length === b.length && a.every((state, index) => state === b[index])
}
