// Versions and their pools, from where each service was seen to be served: what a version owns is listed, what another one lends it is
// `base` where one base says it all, and listed otherwise.

import type { Place } from '../rules/types.ts'
import { fqdnOf } from './analysis.ts'
import type { FlatRoute, ImportedRoutes } from './import-routes.ts'
import type { PoolReader } from './import-services.ts'
import type { Destination } from './model-shared.ts'
import type { HttpRoute } from './model-virtual-service.ts'
import type { Resource } from './resource.ts'

/** A service that only other services call. */
export interface Back {
  readonly name: string
  readonly host: string
  readonly namespace: string
  readonly place: Place
  /** What is done with calls, in the words of a service. */
  readonly body: Readonly<Record<string, unknown>>
}

/** A service in a version that gets copies. */
export interface Copied {
  readonly host: string
  readonly subset: string
  readonly to: Destination
  readonly place: Place
}

interface Around {
  readonly edge: Resource<'VirtualService'>
  readonly taken: ImportedRoutes
  readonly routeOf: ReadonlyMap<FlatRoute, HttpRoute>
  /** VirtualServices of the mesh. */
  readonly inner: readonly Resource<'VirtualService'>[]
  readonly backs: readonly Back[]
  readonly copied: readonly Copied[]
  readonly pools: PoolReader
}

/** `versions` of routes.yaml. */
export function importVersions({ edge, taken, routeOf, inner, backs, copied, pools }: Around): Record<string, unknown> {
  const { namespace } = edge.metadata
  const versions = new VersionPools(taken.stable)
  const see = (version: string, service: string, to: Destination, from: string, place: Place, owner?: string): void => {
    const urls = pools.urls(to, from, place)
    versions.see(version, service, { owner: owner ?? pools.versionOf(to, from) ?? version, urls })
  }
  for (const { version } of taken.rules) versions.add(version)
  const servicesOf = new Map<string, Set<string>>()
  for (const [key, flat] of taken.routeOf) {
    const destination = routeOf.get(flat)?.route?.[0]?.destination
    const [service = '', led = ''] = key.split(' ')
    // One that answers by itself may have pools all the same, under its name.
    const host = fqdnOf(destination?.host ?? service, namespace)
    servicesOf.set(host, (servicesOf.get(host) ?? new Set()).add(service))
    const own = pools.subsets(host, namespace).map(({ version, subset }) => ({ version, to: { host, subset } }))
    const seen = destination === undefined ? own : [{ version: led, to: destination }]
    // What everybody gets of a service that stable has no version of is stable's own.
    const owner = led === flat.version ? undefined : led
    for (const { version, to } of seen) see(version, service, to, namespace, flat.place, owner)
  }
  for (const { version, host, to, from, place } of callers(inner, pools)) {
    for (const service of servicesOf.get(host) ?? []) {
      if (to === undefined) versions.see(version, service, undefined)
      else see(version, service, to, from, place)
    }
  }
  for (const { name, host, namespace: from, place } of backs) {
    for (const { version, subset } of pools.subsets(host, from)) see(version, name, { host, subset }, from, place)
  }
  // Perhaps of a version that nobody is led to yet.
  for (const { host: service, subset, to, place } of copied) see(subset, service, to, namespace, place)
  return versions.text()
}

/**
 * Where callers of a version are led, for versions that no rule of the gateway speaks of, and for pools that are lent. A service that has
 * the caller's version answers it by that, whatever the route says: there versions would cross.
 */
function callers(inner: readonly Resource<'VirtualService'>[], pools: PoolReader) {
  return inner.flatMap(({ spec, metadata, place }) =>
    (spec.http ?? []).flatMap(({ match = [], route, directResponse }) => {
      const version = match[0]?.sourceLabels?.get('version')
      const to = route?.[0]?.destination
      if (typeof version !== 'string' || (to === undefined && directResponse?.status !== 404)) return []
      const from = metadata.namespace
      const host = fqdnOf(to?.host ?? spec.hosts?.[0] ?? '', from)
      const own = pools.subsets(host, from).find((subset) => subset.version === version)?.subset
      return [{ version, host, to: own === undefined ? to : { ...to, host, subset: own }, from, place }]
    }),
  )
}

// --- who lends what ----------------------------------------------------------------------------------------------------------------------

/** Where a service of a version is served from. */
interface Serving {
  /** The version whose pool it is. */
  readonly owner: string
  readonly urls: readonly string[]
}

/** Undefined: this version has no such service, although it was asked for. */
type Servings = ReadonlyMap<string, Serving | undefined>

class VersionPools {
  readonly #stable: string
  readonly #served = new Map<string, Map<string, Serving | undefined>>()

  constructor(stable: string) {
    this.#stable = stable
    this.add(stable)
  }

  /** A version that may have no pool of its own. */
  add(version: string): Map<string, Serving | undefined> {
    const known = this.#served.get(version) ?? new Map<string, Serving | undefined>()
    this.#served.set(version, known)
    return known
  }

  /** What was seen first counts. */
  see(version: string, service: string, serving: Serving | undefined): void {
    const known = this.add(version)
    if (!known.has(service) && serving?.urls.length !== 0) known.set(service, serving)
  }

  /** `versions` of routes.yaml. */
  text(): Record<string, unknown> {
    const lenders = new Map<string, string | undefined>()
    for (const version of this.#served.keys()) lenders.set(version, this.#lender(version, lenders))
    return Object.fromEntries([...lenders].map(([version, lender]) => [version, this.#version(version, lender)]))
  }

  /** Without a lender everything is listed, and nothing is lent. */
  #version(version: string, lender: string | undefined): Record<string, unknown> {
    const pools = [...(this.#served.get(version) as Servings)].flatMap(([service, serving]) =>
      serving !== undefined && (lender === undefined || this.#owns(version, serving))
        ? [[service, oneOrMany(serving.urls)] as const]
        : [],
    )
    return { ...Object.fromEntries(pools), base: this.#base(version, lender ?? version, pools.length === 0) }
  }

  /** As it is written: a version without any pool has to name one that lends it some, and stable lends unasked. */
  #base(version: string, lender: string, isEmpty: boolean): string | undefined {
    if (isEmpty && lender === version)
      return [...this.#served].find(([other, servings]) => other !== version && servings.size > 0)?.[0]
    const byDefault = version === this.#stable ? version : this.#stable
    return isEmpty || lender !== byDefault ? lender : undefined
  }

  /** The version that lends this one just what it was seen to be lent; its own name where that is nothing. */
  #lender(version: string, chosen: ReadonlyMap<string, string | undefined>): string | undefined {
    const candidates = new Set([this.#stable, ...this.#served.keys()])
    return [...candidates].find((base) => this.#lends(base, version) && !isCircle(base, version, chosen))
  }

  #lends(base: string, version: string): boolean {
    const offered = base === version ? new Map<string, Serving>() : (this.#served.get(base) as Servings)
    return [...(this.#served.get(version) as Servings)].every(
      ([service, serving]) =>
        (serving !== undefined && this.#owns(version, serving)) || offered.get(service)?.owner === serving?.owner,
    )
  }

  #owns(version: string, { owner }: Serving): boolean {
    return owner === version || !this.#served.has(owner)
  }
}

function isCircle(base: string, version: string, chosen: ReadonlyMap<string, string | undefined>): boolean {
  if (base === version) return false
  let next: string | undefined = base
  while (next !== undefined && next !== version) next = chosen.get(next) === next ? undefined : chosen.get(next)
  return next === version
}

function oneOrMany(urls: readonly string[]): string | readonly string[] {
  const [only] = urls
  return urls.length === 1 && only !== undefined ? only : urls
}
