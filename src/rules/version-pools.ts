// Which pool serves a service in a version: its own, or the one its base lends. One Pool object for each that a file lists, so that
// versions which share a pool share its health.

import type { ReleaseSpec } from './release.ts'
import type { Pool } from './types.ts'

export interface VersionPools {
  /** Version, then service, to the pool that serves it. */
  readonly poolFor: (version: string, service: string) => Pool | undefined
}

export function compilePools(spec: ReleaseSpec): VersionPools {
  const owned = new Map<string, Pool>()
  for (const [owner, version] of spec.versions) {
    for (const [service, upstreams] of version.pools) {
      const key = poolKey(spec.name, service, owner)
      owned.set(key, Object.freeze({ key, release: spec.name, service, owner, upstreams, ...policyOf(spec, service) }))
    }
  }
  return {
    poolFor(version, service) {
      for (const lender of lendersOf(spec, version)) {
        const pool = owned.get(poolKey(spec.name, service, lender))
        if (pool !== undefined) return pool
      }
      return undefined
    },
  }
}

function policyOf(spec: ReleaseSpec, service: string): Pick<Pool, 'trafficPolicy'> {
  const trafficPolicy = spec.services.find(({ name }) => name === service)?.trafficPolicy
  return trafficPolicy === undefined ? {} : { trafficPolicy }
}

/**
 * The version itself, its base, the base's base and so on; without a base, stable. Its own name as base ends it there. Ends where it
 * would go round: after a promotion the new stable may have the old one as its base, whose own base is by default the new stable.
 */
function lendersOf(spec: ReleaseSpec, version: string): ReadonlySet<string> {
  const lenders = new Set<string>()
  let next: string | undefined = version
  while (next !== undefined && !lenders.has(next)) {
    const listed = spec.versions.get(next)
    if (listed === undefined) break
    lenders.add(next)
    next = listed.base ?? spec.stable
  }
  return lenders
}

/** The versions of a circle of bases that were written down, beginning with this one; undefined when there is none. */
export function baseCycle(spec: ReleaseSpec, version: string): readonly string[] | undefined {
  const path: string[] = []
  let next: string | undefined = version
  while (next !== undefined && !path.includes(next)) {
    path.push(next)
    next = spec.versions.get(next)?.base
  }
  return next === version && path.length > 1 ? [...path, version] : undefined
}

function poolKey(release: string, service: string, owner: string): string {
  return `${release}/${service}@${owner}`
}
