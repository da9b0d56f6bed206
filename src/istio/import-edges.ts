// Which VirtualServices at gateways become one release: those of the same hosts, whose routes Istio puts behind each other. Delegates are
// followed, and names made full, so that routes of several namespaces may stand in one list.

import type { Place } from '../rules/types.ts'
import { fqdnOf } from './analysis.ts'
import { asRead, withDelegates } from './delegates.ts'
import type { Destination } from './model-shared.ts'
import type { HttpRoute } from './model-virtual-service.ts'
import { gatewayNamespace, hostsFor } from './gateway-listeners.ts'
import { gatewaysOf } from './import-surroundings.ts'
import { byAge, commonHosts, fullHost } from './names.ts'
import type { Manifests } from './read-manifests.ts'
import { nameOf, type Resource } from './resource.ts'
import { isCatchAll } from './translate-match.ts'
import { servicesSeenBy } from './virtual-hosts.ts'

type VirtualService = Resource<'VirtualService'>
type Say = (place: Place, code: string, message: string) => void

export interface Edge {
  /** The oldest of those that were put together: the release is called after it. */
  readonly resource: VirtualService
  readonly hosts: readonly string[]
  readonly routes: readonly EdgeRoute[]
  /** More than one VirtualService, or one with delegates: nothing that export writes. */
  readonly isJoined: boolean
}

export interface EdgeRoute {
  /** Hosts of another namespace than the release's are full. */
  readonly route: HttpRoute
  /** The route as it was read: its place is known, and those of its parts. */
  readonly read: HttpRoute
}

/** In the order in which the gateway has them. */
export function edgesOf(
  virtualServices: readonly VirtualService[],
  all: readonly VirtualService[],
  manifests: Manifests,
  say: Say,
): readonly Edge[] {
  const bound = seenAtGateway(virtualServices, manifests, say)
  const groups = Map.groupBy(bound, ({ hosts }) => hosts.toSorted().join())
  const taken = new Map<string, VirtualService>()
  return [...groups.values()].map((group) => {
    const [{ resource, hosts: wanted }] = group as [BoundService]
    const hosts = wanted.filter((host) => {
      const other = taken.get(host)
      if (other !== undefined) {
        const message = `host ${host} is that of ${nameOf(other)} too, beside others: a host belongs to one release, so it is left out here`
        say(placeOfHost(resource, host, manifests), 'import-hosts', message)
      }
      return other === undefined
    })
    for (const host of hosts) taken.set(host, resource)
    const routes = group.map((one) => routesOf(one.resource, resource.metadata.namespace, all, manifests, say))
    const isJoined = group.length > 1 || routes.flat().some(({ route, read }) => route !== read)
    return { resource, hosts, routes: joined(routes), isJoined }
  })
}

interface BoundService {
  readonly resource: VirtualService
  readonly namespace: string
  readonly exportTo: readonly string[] | undefined
  /** Those that its Gateways let it have; its own where no Gateway is among the files. */
  readonly hosts: readonly string[]
}

/** What the gateway sees, in the order in which it counts there (virtual-hosts.ts). */
function seenAtGateway(
  virtualServices: readonly VirtualService[],
  manifests: Manifests,
  say: Say,
): readonly BoundService[] {
  const all = virtualServices.toSorted(byAge).map((resource): BoundService => {
    const { spec, metadata } = resource
    return { resource, namespace: metadata.namespace, exportTo: spec.exportTo, hosts: hostsOf(resource, manifests) }
  })
  const seen = servicesSeenBy(all, gatewayNamespace)
  for (const one of all) {
    const { place } = one.resource
    if (!seen.includes(one))
      say(place, 'import-hidden', `exportTo hides ${nameOf(one.resource)} from the gateway: it is left out`)
    else if (one.hosts.length === 0)
      say(place, 'import-hosts', `no Gateway of ${nameOf(one.resource)} has one of its hosts: it is left out`)
  }
  return seen.filter(({ hosts }) => hosts.length > 0)
}

function hostsOf(resource: VirtualService, manifests: Manifests): readonly string[] {
  const { namespace } = resource.metadata
  const own = (resource.spec.hosts ?? ['*']).map((host) => fullHost(host, namespace).toLowerCase())
  const gateways = gatewaysOf(manifests, [resource])
  if (gateways.length === 0) return own
  const common = gateways.flatMap((gateway) =>
    (gateway.spec.servers ?? []).flatMap((server) =>
      commonHosts(hostsFor(server, gateway.metadata.namespace, namespace), own),
    ),
  )
  return [...new Set(common)]
}

function placeOfHost({ spec, place, metadata }: VirtualService, host: string, { origins }: Manifests): Place {
  const index = (spec.hosts ?? []).findIndex((own) => fullHost(own, metadata.namespace).toLowerCase() === host)
  return index === -1 ? place : origins.place(spec.hosts as object, index)
}

function routesOf(
  resource: VirtualService,
  home: string,
  all: readonly VirtualService[],
  { origins }: Manifests,
  say: Say,
): readonly EdgeRoute[] {
  const rules = withDelegates(resource, all)
  for (const [index, { delegate }] of (resource.spec.http ?? []).entries()) {
    if (delegate === undefined) continue
    const { namespace } = resource.metadata
    const wanted = `VirtualService ${delegate.namespace || namespace}/${delegate.name}`
    if (rules.some(({ origin }) => origin === wanted)) continue
    const place = origins.place(resource.spec.http as object, index)
    say(place, 'import-delegate', `${wanted} hands on no rule that fits here: this route is left out`)
  }
  return rules.map(({ route, namespace }) => ({
    route: namespace === home ? route : withFullHosts(route, namespace),
    read: asRead(route) as HttpRoute,
  }))
}

/** Each VirtualService ends with its first route for everybody; those stand behind all the others. */
function joined(lists: readonly (readonly EdgeRoute[])[]): readonly EdgeRoute[] {
  const [only] = lists
  if (lists.length === 1 && only !== undefined) return only
  const heads = lists.flatMap((routes) => {
    const end = routes.findIndex(takesEverybody)
    return end === -1 ? routes : routes.slice(0, end)
  })
  return [...heads, ...lists.flatMap((routes) => routes.find(takesEverybody) ?? [])]
}

function takesEverybody({ route: { match = [] } }: EdgeRoute): boolean {
  return match.length === 0 || match.some(isCatchAll)
}

function withFullHosts(route: HttpRoute, namespace: string): HttpRoute {
  const full = <T extends Destination | undefined>(to: T): T =>
    (to?.host === undefined ? to : { ...to, host: fqdnOf(to.host, namespace) }) as T
  return {
    ...route,
    route: route.route?.map((one) => ({ ...one, destination: full(one.destination) })),
    mirror: full(route.mirror),
    mirrors: route.mirrors?.map((one) => ({ ...one, destination: full(one.destination) })),
  }
}
