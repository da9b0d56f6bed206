// The rules of one VirtualService as one proxy sees them, and virtual hosts made of such rules.

import type { Origins } from '../config/origins.ts'
import type { MeshRouteSpec } from '../rules/mesh-types.ts'
import type { Clusters } from './clusters.ts'
import { asRead, type OwnedRoute, withDelegates } from './delegates.ts'
import type { HttpMatchRequest } from './model-virtual-service.ts'
import { byAge, fullGatewayName, fullHost, isVisible, meshGateway } from './names.ts'
import { accepted, type Manifests } from './read-manifests.ts'
import type { Resource } from './resource.ts'
import { isCatchAll, isForProxy, type ProxyIdentity, requestMatchSpec } from './translate-match.ts'
import { routeSpec } from './translate-route.ts'

/** A VirtualService that is nobody's delegate, its names made full. */
export interface RootService {
  readonly namespace: string
  readonly exportTo: readonly string[] | undefined
  readonly hosts: readonly string[]
  /** `namespace/name` or `mesh`. */
  readonly gateways: ReadonlySet<string>
  readonly rules: readonly OwnedRoute[]
}

export function rootServices(manifests: Manifests): readonly RootService[] {
  const all = accepted(manifests, 'VirtualService')
  return all
    .filter(({ spec }) => (spec.hosts ?? []).length > 0)
    .toSorted(byAge)
    .map((resource) => rootService(resource, all))
}

function rootService(resource: Resource<'VirtualService'>, all: readonly Resource<'VirtualService'>[]): RootService {
  const { spec, metadata } = resource
  const { namespace } = metadata
  const gateways = spec.gateways === undefined || spec.gateways.length === 0 ? [meshGateway] : spec.gateways
  return {
    namespace,
    exportTo: spec.exportTo,
    hosts: (spec.hosts ?? []).map((host) => fullHost(host, namespace).toLowerCase()),
    gateways: new Set(gateways.map((name) => fullGatewayName(name, namespace))),
    rules: withDelegates(resource, all),
  }
}

/** Those that a proxy of this namespace sees, in the order in which they count: what is private to it, meant for it, for all. */
export function servicesSeenBy<T extends Pick<RootService, 'namespace' | 'exportTo'>>(
  roots: readonly T[],
  namespace: string,
): readonly T[] {
  const rank = ({ exportTo, namespace: own }: T): number => {
    if (exportTo?.some((name) => name === '.' || name === own) === true) return 0
    if (exportTo !== undefined && exportTo.length > 0 && !exportTo.includes('*')) return 1
    return own === namespace ? 2 : 3
  }
  const seen = roots.filter((root) => isVisible(root.exportTo, root.namespace, namespace))
  return seen.toSorted((a, b) => rank(a) - rank(b))
}

/** A route that may have to stand behind those of other VirtualServices. */
export interface PlacedRoute extends MeshRouteSpec {
  readonly catchAll: boolean
}

/** In order, up to the first one that takes everything. */
export function routesFor(
  root: RootService,
  proxy: ProxyIdentity,
  clusters: Clusters,
  origins: Origins,
): readonly PlacedRoute[] {
  const routes: PlacedRoute[] = []
  for (const { route, namespace, origin } of root.rules) {
    const { match = [] } = route
    const items: readonly (HttpMatchRequest | undefined)[] = match.length === 0 ? [undefined] : match
    const forProxy = items.filter((item) => item === undefined || isForProxy(item, proxy))
    if (forProxy.length === 0) continue
    const spec = routeSpec(route, { clusters, namespace, listenerPort: proxy.port, origins })
    for (const item of forProxy) {
      routes.push({
        name: routeName(route.name, item?.name),
        place: origins.place(asRead(item ?? route)),
        origin,
        match: item && requestMatchSpec(item, origins.place(asRead(item)), origins),
        route: spec,
        catchAll: isCatchAll(item),
      })
      if (isCatchAll(item)) return routes
    }
  }
  return routes
}

function routeName(rule: string | undefined, match: string | undefined): string {
  return match === undefined || match === '' ? (rule ?? '') : `${rule ?? ''}.${match}`
}

/** Routes of several VirtualServices behind each other, those that take everything last. */
export function joinRoutes(routes: readonly PlacedRoute[]): readonly MeshRouteSpec[] {
  return [...routes.filter(({ catchAll }) => !catchAll), ...routes.filter(({ catchAll }) => catchAll)]
}
