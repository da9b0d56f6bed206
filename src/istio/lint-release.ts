// What tears a gray release apart although every resource is valid: fronts without backs, callers sent across, weights between versions,
// a visitor of the frontend who lands at a backend.

import type { Place } from '../rules/types.ts'
import { anyOverlap, every, fqdnOf, gatewayReference, isAtGateway, isInMesh } from './analysis.ts'
import type { LintCodeName } from './lint-codes.ts'
import type { HttpMatchRequest, HttpRoute, HttpRouteDestination } from './model-virtual-service.ts'
import type { Manifests } from './read-manifests.ts'
import type { AnyResource, Resource } from './resource.ts'
import { hostVersions } from './host-versions.ts'
import { readRouteName, ruleName } from './route-names.ts'

export type SayLint = (resource: AnyResource, place: Place, code: LintCodeName, message: string) => void

type VirtualService = Resource<'VirtualService'>

export function lintRelease(manifests: Manifests, say: SayLint): void {
  const versions = new VersionLookUp(manifests)
  const all = every(manifests, 'VirtualService')
  const fronts = all.filter(({ spec }) => isAtGateway(spec))
  for (const resource of all) {
    for (const [index, route] of (resource.spec.http ?? []).entries()) {
      lintWeights(resource, route, versions, manifests, say)
      lintForeignPool(resource, route, index, versions, manifests, say)
      lintCallers(resource, route, versions, manifests, say)
    }
  }
  lintCoupling(fronts, all, versions, manifests, say)
  lintUnreached(all, versions, manifests, say)
  lintSharedHosts(fronts, say)
}

// --- which version a destination is --------------------------------------------------------------------------------------------------------

interface Subset {
  readonly host: string
  readonly name: string
  readonly version: string
  readonly rule: Resource<'DestinationRule'>
  readonly place: Place
}

class VersionLookUp {
  readonly subsets: readonly Subset[]

  constructor(manifests: Manifests) {
    this.subsets = every(manifests, 'DestinationRule').flatMap((rule) =>
      (rule.spec.subsets ?? []).map((subset) => ({
        host: fqdnOf(rule.spec.host ?? '', rule.metadata.namespace),
        name: subset.name ?? '',
        version: subset.labels?.get('version') ?? subset.name ?? '',
        rule,
        place: manifests.origins.place(subset, 'name'),
      })),
    )
  }

  /** The subset's label `version`, else its name; undefined for a whole service. */
  of(target: HttpRouteDestination, namespace: string): string | undefined {
    const { host = '', subset = '' } = target.destination ?? {}
    if (subset === '') return undefined
    const fqdn = fqdnOf(host, namespace)
    return this.subsets.find((known) => known.host === fqdn && known.name === subset)?.version ?? subset
  }

  /** The name of the subset that has the version, which may be another word. */
  ofVersion(host: string, version: string): string | undefined {
    return this.subsets.find((subset) => subset.host === host && subset.version === version)?.name
  }

  knows(host: string, name: string): boolean {
    return this.subsets.some((subset) => subset.host === host && subset.name === name)
  }
}

function hostOf(target: HttpRouteDestination, { metadata }: VirtualService): string {
  return fqdnOf(target.destination?.host ?? '', metadata.namespace)
}

function taken(route: HttpRoute): readonly HttpRouteDestination[] {
  const targets = route.route ?? []
  return targets.length === 1 ? targets : targets.filter(({ weight = 0 }) => weight > 0)
}

// --- one route -----------------------------------------------------------------------------------------------------------------------------

function lintWeights(
  resource: VirtualService,
  route: HttpRoute,
  versions: VersionLookUp,
  { origins }: Manifests,
  say: SayLint,
): void {
  const targets = taken(route)
  const drawn = new Set(targets.map((target) => versions.of(target, resource.metadata.namespace) ?? ''))
  if (targets.length < 2 || drawn.size < 2) return
  const message = `weights draw ${[...drawn].join(' and ')} anew for each request: a page gets its files and answers from both; pick by header, cookie or address, or let graylane keep a share (share: 5%)`
  say(resource as AnyResource, origins.place(route, 'route'), 'GL007', message)
}

/** Rules that pick visitors, in a VirtualService whose rule for everybody leads to another service. */
function lintForeignPool(
  resource: VirtualService,
  route: HttpRoute,
  index: number,
  versions: VersionLookUp,
  { origins }: Manifests,
  say: SayLint,
): void {
  const everybody = (resource.spec.http ?? []).findLast(
    (other) => (other.match ?? []).length === 0 && (other.route ?? []).length > 0,
  )
  if (everybody === undefined || everybody === route || !(route.match ?? []).every(picksVisitors)) return
  // Named by export: this service is asked for by more than its path.
  if (readRouteName(route.name) !== undefined) return
  const homes = new Set(taken(everybody).map((target) => hostOf(target, resource)))
  for (const target of taken(route)) {
    const host = hostOf(target, resource)
    if (homes.has(host) || homes.size !== 1) continue
    const [home = ''] = homes
    // shop-primary and shop-canary are one service under two names.
    if (hostVersions([home, host]).size === 2) continue
    const own = everybody.route?.[0]?.destination?.host ?? home
    const subset = target.destination?.subset ?? ''
    const hint = versions.knows(home, subset) ? `{ host: ${own}, subset: ${subset} }` : `host: ${own}`
    const message = `rule ${ruleName(route, index)} picks visitors of ${own} and sends them to ${target.destination?.host}: write ${hint}`
    say(resource as AnyResource, origins.place(target.destination ?? route, 'host'), 'GL010', message)
  }
}

/** Says who comes, not what is asked for. */
function picksVisitors({ uri, authority, method, scheme }: HttpMatchRequest): boolean {
  return uri === undefined && authority === undefined && method === undefined && scheme === undefined
}

function lintCallers(
  resource: VirtualService,
  route: HttpRoute,
  versions: VersionLookUp,
  { origins }: Manifests,
  say: SayLint,
): void {
  const callers = (route.match ?? []).map(({ sourceLabels }) => sourceLabels?.get('version'))
  const [caller] = callers
  if (caller === undefined || caller === null || callers.some((other) => other !== caller)) return
  for (const target of taken(route)) {
    const version = versions.of(target, resource.metadata.namespace)
    if (version === caller || isLent(caller, hostOf(target, resource), route, versions)) continue
    const where = version === undefined ? `any version of ${target.destination?.host}` : version
    const own = versions.ofVersion(hostOf(target, resource), caller)
    const advice =
      own === undefined
        ? `${target.destination?.host} has no subset for ${caller}: give its DestinationRule one`
        : `write subset: ${own}`
    const message = `callers of version ${caller} are sent to ${where}: ${advice}, or versions cross`
    say(
      resource as AnyResource,
      origins.place(target.destination ?? route, version === undefined ? undefined : 'subset'),
      'GL003',
      message,
    )
  }
}

/** A pool of another version that answers in the caller's name: there is none of its own, and the route says for whom it answers. */
function isLent(caller: string, host: string, { headers }: HttpRoute, { subsets }: VersionLookUp): boolean {
  const hasOwn = subsets.some((subset) => subset.host === host && subset.version === caller)
  return !hasOwn && [...(headers?.request?.set?.values() ?? [])].includes(caller)
}

// --- fronts and backs ------------------------------------------------------------------------------------------------------------------------

interface Front {
  readonly resource: VirtualService
  readonly version: string
  readonly host: string
  readonly place: Place
}

/** Each version that a gateway leads to has to have its own back behind every service that tells callers apart. */
function lintCoupling(
  fronts: readonly VirtualService[],
  all: readonly VirtualService[],
  versions: VersionLookUp,
  manifests: Manifests,
  say: SayLint,
): void {
  const reached = fronts.flatMap((resource) => frontsOf(resource, versions, manifests))
  const backs = all.filter(({ spec }) => isInMesh(spec) && callerVersions(spec.http).size > 0)
  for (const back of backs) {
    const covered = callerVersions(back.spec.http)
    const everybody = (back.spec.http ?? []).findLast(({ match = [] }) => match.length === 0)
    const fallback = everybody && taken(everybody).map((target) => versions.of(target, back.metadata.namespace))
    const own = (back.spec.hosts ?? []).map((host) => fqdnOf(host, back.metadata.namespace))
    for (const { resource, version, host, place } of oneEach(reached)) {
      if (covered.has(version) || own.includes(host) || fallback?.every((other) => other === version) === true) continue
      const where =
        fallback === undefined ? 'get 404' : `go to ${fallback.map((other) => other ?? 'any version').join(', ')}`
      const message = `version ${version} is reached here, but ${back.metadata.name} has no rule for its callers (sourceLabels: { version: ${version} }): their calls ${where}`
      say(resource as AnyResource, place, 'GL002', message)
    }
  }
  lintUncoupled(reached, all, versions, say)
}

function frontsOf(resource: VirtualService, versions: VersionLookUp, { origins }: Manifests): readonly Front[] {
  return (resource.spec.http ?? []).flatMap((route) =>
    taken(route).flatMap((target) => {
      const version = versions.of(target, resource.metadata.namespace)
      if (version === undefined) return []
      return [
        {
          resource,
          version,
          host: hostOf(target, resource),
          place: origins.place(target.destination as object, 'subset'),
        },
      ]
    }),
  )
}

function callerVersions(routes: readonly HttpRoute[] | undefined): ReadonlySet<string> {
  const labels = (routes ?? []).flatMap(({ match = [] }) =>
    match.map(({ sourceLabels }) => sourceLabels?.get('version')),
  )
  return new Set(labels.filter((label) => typeof label === 'string'))
}

/** Each version once: the first place that leads there. */
function oneEach(fronts: readonly Front[]): readonly Front[] {
  return fronts.filter(
    (front, index) =>
      fronts.findIndex(({ version, host }) => version === front.version && host === front.host) === index,
  )
}

/** A service with versions that no VirtualService routes: whoever calls it meets any of them. */
function lintUncoupled(
  reached: readonly Front[],
  all: readonly VirtualService[],
  versions: VersionLookUp,
  say: SayLint,
): void {
  if (new Set(reached.map(({ version }) => version)).size < 2) return
  const routed = new Set(
    all.flatMap((resource) => [
      ...(resource.spec.http ?? []).flatMap((route) => (route.route ?? []).map((target) => hostOf(target, resource))),
      // Answered by the mesh itself.
      ...(isInMesh(resource.spec) ? (resource.spec.hosts ?? []) : []).map((host) =>
        fqdnOf(host, resource.metadata.namespace),
      ),
    ]),
  )
  const told = new Set<string>()
  for (const { host, rule, place } of versions.subsets) {
    if (routed.has(host) || told.has(host)) continue
    told.add(host)
    const message = `${rule.spec.host} has versions and no VirtualService in the mesh: its callers meet any of them; add one with sourceLabels`
    say(rule as AnyResource, place, 'GL002', message)
  }
}

/** Subsets of a routed service that no route names. */
function lintUnreached(
  all: readonly VirtualService[],
  versions: VersionLookUp,
  { origins }: Manifests,
  say: SayLint,
): void {
  const used = new Set<string>()
  const routed = new Set<string>()
  for (const resource of all) {
    for (const target of (resource.spec.http ?? []).flatMap((route) => taken(route))) {
      const host = hostOf(target, resource)
      routed.add(host)
      used.add(`${host} ${target.destination?.subset ?? ''}`)
    }
  }
  for (const { host, name, rule } of versions.subsets) {
    if (!routed.has(host) || used.has(`${host} ${name}`) || used.has(`${host} `)) continue
    const subset = rule.spec.subsets?.find((one) => one.name === name)
    const message = `no rule leads to subset ${name} of ${rule.spec.host}: nobody meets this version`
    say(rule as AnyResource, origins.place(subset ?? rule.spec), 'GL011', message)
  }
}

/** At a gateway the routes of all of them are put one behind the other, by age, with those for everybody at the end. */
function lintSharedHosts(fronts: readonly VirtualService[], say: SayLint): void {
  for (const [index, resource] of fronts.entries()) {
    const before = fronts.slice(0, index).find((other) => shareGateway(other, resource) && sameHost(other, resource))
    if (before === undefined) continue
    const name = `${before.metadata.namespace}/${before.metadata.name}`
    const message = `${name} routes the same host at the same gateway: in a cluster the older one's rules come first, and the rule for everybody of the younger one is dead`
    say(resource as AnyResource, resource.namePlace, 'GL015', message)
  }
}

function shareGateway(a: VirtualService, b: VirtualService): boolean {
  const names = ({ spec, metadata }: VirtualService): readonly string[] =>
    (spec.gateways ?? [])
      .filter((one) => one !== 'mesh')
      .map((one) => Object.values(gatewayReference(one, metadata.namespace)).join('/'))
  return names(a).some((name) => names(b).includes(name))
}

function sameHost(a: VirtualService, b: VirtualService): boolean {
  const exact = (host: string): boolean => (b.spec.hosts ?? []).includes(host)
  return anyOverlap(a.spec.hosts ?? [], b.spec.hosts ?? []) && (a.spec.hosts ?? []).some(exact)
}
