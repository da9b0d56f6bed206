// The ports of the gateway with their virtual hosts: of each Gateway server those hosts that a VirtualService has in common with it.

import type { Origins } from '../config/origins.ts'
import type { Problem } from '../config/problem.ts'
import type { MeshListenerSpec, VirtualHostSpec } from '../rules/mesh-types.ts'
import type { Place } from '../rules/types.ts'
import type { Clusters } from './clusters.ts'
import type { Server } from './model-gateway.ts'
import { byAge, commonHosts, rootNamespace, selects } from './names.ts'
import { accepted, type Manifests } from './read-manifests.ts'
import type { Resource } from './resource.ts'
import { isHttp } from './validate-gateway.ts'
import { joinRoutes, type PlacedRoute, type RootService, routesFor, servicesSeenBy } from './virtual-hosts.ts'

/** What Istio's own ingress gateway bears. */
const ingressLabels: ReadonlyMap<string, string> = new Map([
  ['istio', 'ingressgateway'],
  ['app', 'istio-ingressgateway'],
])
export const gatewayNamespace = rootNamespace

interface GatewayServer {
  /** `namespace/name` of its Gateway. */
  readonly gateway: string
  readonly namespace: string
  readonly server: Server
  readonly place: Place
}

interface DraftHost {
  readonly routes: PlacedRoute[]
  httpsRedirect: boolean
}

export function gatewayListeners(
  manifests: Manifests,
  roots: readonly RootService[],
  clusters: Clusters,
  report: (problem: Problem) => void,
): readonly MeshListenerSpec[] {
  const { origins } = manifests
  const { gateways, labels } = servedGateways(manifests, report)
  const servers = gateways.toSorted(byAge).flatMap((gateway) => serversOf(gateway, origins))
  const seen = servicesSeenBy(roots, gatewayNamespace)
  const byPort = Map.groupBy(servers, ({ server }) => `${server.bind ?? ''} ${server.port?.number ?? 0}`)
  return Array.from(byPort.values(), (group) => {
    const [{ server, place }] = group as [GatewayServer]
    const port = server.port?.number ?? 0
    const routesOf = (root: RootService, gateway: string): readonly PlacedRoute[] => {
      const proxy = { namespace: gatewayNamespace, labels, gateways: new Set([gateway]), port }
      return routesFor(root, proxy, clusters, origins)
    }
    const { bind = '' } = server
    return {
      kind: 'gateway',
      port,
      bind: bind === '' ? undefined : bind,
      place,
      virtualHosts: virtualHosts(group, seen, routesOf),
    }
  })
}

/**
 * One gateway is served, that of the labels. Those of Istio's own ingress gateway, if a Gateway selects them; else the labels that the
 * oldest Gateway asks for.
 */
export function servedGateways(
  manifests: Manifests,
  report: (problem: Problem) => void,
): { readonly gateways: readonly Resource<'Gateway'>[]; readonly labels: ReadonlyMap<string, string> } {
  const all = accepted(manifests, 'Gateway').toSorted(byAge)
  const isUsual = all.some(({ spec }) => selects(spec.selector, ingressLabels))
  const [oldest] = all
  const labels = isUsual || oldest === undefined ? ingressLabels : withoutNulls(oldest.spec.selector)
  const gateways = all.filter(({ spec }) => selects(spec.selector, labels))
  for (const other of all.filter((gateway) => !gateways.includes(gateway))) {
    const { namespace, name } = other.metadata
    const shown = [...labels].map(([key, value]) => `${key}: ${value}`).join(', ')
    const message = `Gateway ${namespace}/${name} selects another gateway than the one served here, which bears the labels ${shown}`
    report({ ...manifests.origins.place(other.spec, 'selector'), severity: 'warning', code: 'not-honoured', message })
  }
  return { gateways, labels }
}

function withoutNulls(labels: ReadonlyMap<string, string | null> = new Map()): ReadonlyMap<string, string> {
  return new Map(Array.from(labels, ([key, value]) => [key, value ?? '']))
}

function serversOf(gateway: Resource<'Gateway'>, origins: Origins): readonly GatewayServer[] {
  const { namespace, name } = gateway.metadata
  return (gateway.spec.servers ?? [])
    .filter(({ port, bind = '' }) => isHttp(port?.protocol) && !bind.startsWith('unix:'))
    .map((server) => ({
      gateway: `${namespace}/${name}`,
      namespace,
      server,
      place: server.port === undefined ? origins.place(server) : origins.place(server.port),
    }))
}

/** The hosts of one port. Two VirtualServices that come to the same host have their routes behind each other. */
function virtualHosts(
  servers: readonly GatewayServer[],
  roots: readonly RootService[],
  routesOf: (root: RootService, gateway: string) => readonly PlacedRoute[],
): readonly VirtualHostSpec[] {
  const drafts = new Map<string, DraftHost>()
  for (const { gateway, namespace, server } of servers) {
    const httpsRedirect = server.tls?.httpsRedirect === true
    const add = (host: string, routes: readonly PlacedRoute[]): void => {
      const draft = drafts.get(host) ?? { routes: [], httpsRedirect: false }
      draft.routes.push(...routes)
      draft.httpsRedirect ||= httpsRedirect
      drafts.set(host, draft)
    }
    for (const root of roots) {
      if (!root.gateways.has(gateway)) continue
      const hosts = commonHosts(hostsFor(server, namespace, root.namespace), root.hosts)
      const routes = hosts.length === 0 ? [] : routesOf(root, gateway)
      for (const host of routes.length === 0 ? [] : hosts) add(host, routes)
    }
    // Redirected are all hosts of the server, also those that nobody has rules for.
    if (httpsRedirect) for (const host of server.hosts ?? []) add(hostPart(host), [])
  }
  return Array.from(drafts, ([host, { routes, httpsRedirect }]) => {
    return { domains: [host], httpsRedirect, routes: joinRoutes(routes) }
  })
}

/** Hosts of a server that are for VirtualServices of that namespace: `shop/*.example.com` is for those of shop. */
export function hostsFor(server: Server, own: string, namespace: string): readonly string[] {
  return (server.hosts ?? []).flatMap((host) => {
    const slash = host.indexOf('/')
    const wanted = slash === -1 ? '*' : host.slice(0, slash)
    return wanted === '*' || wanted === namespace || (wanted === '.' && own === namespace) ? [hostPart(host)] : []
  })
}

function hostPart(host: string): string {
  return host.slice(host.indexOf('/') + 1).toLowerCase()
}
