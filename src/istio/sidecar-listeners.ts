// What the sidecar of a workload does with the requests that leave it for one port: the services that it sees, each under the names by
// which it may be called, with the rules of the VirtualService for it or as it is.

import type { Origins } from '../config/origins.ts'
import type { MeshListenerSpec, MeshRouteSpec, VirtualHostSpec } from '../rules/mesh-types.ts'
import { istioDefaultRetries } from '../rules/route-actions.ts'
import type { Place } from '../rules/types.ts'
import type { Clusters } from './clusters.ts'
import { clusterDomain, covers, meshGateway } from './names.ts'
import type { MeshService, Services } from './services.ts'
import { type RootService, routesFor, servicesSeenBy } from './virtual-hosts.ts'

/** The workload whose calls come in at an internal listener. */
export interface Caller {
  readonly namespace: string
  readonly labels: ReadonlyMap<string, string>
  /** The port of the services that are called. */
  readonly port: number
  readonly place: Place
}

/** Where nothing says a port, a VirtualService for a host that no service has is for this one. */
const defaultPort = 80

export function sidecarListener(
  caller: Caller,
  roots: readonly RootService[],
  services: Services,
  clusters: Clusters,
  origins: Origins,
): MeshListenerSpec {
  const { namespace, labels, port, place } = caller
  const visible = services.visibleTo(namespace)
  const routed = new Set<MeshService>()
  const hosts: VirtualHostSpec[] = []
  for (const root of servicesSeenBy(roots, namespace)) {
    if (!root.gateways.has(meshGateway)) continue
    const { known, unknown } = separate(root.hosts, visible)
    const ports = portsOf(known)
    let applies = false
    for (const number of ports) {
      const routes = routesFor(
        root,
        { namespace, labels, gateways: new Set([meshGateway]), port: number },
        clusters,
        origins,
      )
      if (routes.length === 0) continue
      applies = true
      if (number !== port) continue
      for (const service of known) {
        if (service.ports.some((one) => one.number === port && one.http)) {
          hosts.push({ domains: domainsOf(service, namespace), httpsRedirect: false, routes })
        }
      }
      for (const host of unknown) hosts.push({ domains: [host], httpsRedirect: false, routes })
    }
    // A VirtualService without any rule for this caller leaves its services as they are.
    if (applies) for (const service of known) routed.add(service)
  }
  for (const service of visible) {
    if (!routed.has(service)) hosts.push(...plainHost(service, port, namespace, clusters))
  }
  return { kind: 'sidecar', port, bind: undefined, place, virtualHosts: firstOfEach(hosts) }
}

/** The services that a VirtualService names, and the hosts that are none. */
function separate(
  hosts: readonly string[],
  visible: readonly MeshService[],
): { readonly known: readonly MeshService[]; readonly unknown: readonly string[] } {
  const known = new Set<MeshService>()
  const unknown: string[] = []
  for (const host of hosts) {
    const found = visible.filter((service) => covers(host, service.host.toLowerCase()))
    for (const service of found) known.add(service)
    if (found.length === 0) unknown.push(host)
  }
  return { known: [...known], unknown }
}

function portsOf(services: readonly MeshService[]): ReadonlySet<number> {
  const ports = services.flatMap((service) => service.ports.filter(({ http }) => http).map(({ number }) => number))
  return new Set(ports.length === 0 ? [defaultPort] : ports)
}

/** A service that no VirtualService routes: Istio's own route, named `default`. */
function plainHost(
  service: MeshService,
  port: number,
  namespace: string,
  clusters: Clusters,
): readonly VirtualHostSpec[] {
  const servicePort = service.ports.find(({ number, http }) => number === port && http)
  if (servicePort === undefined) return []
  const cluster = clusters.ofPort(service, servicePort, undefined)
  const hashKey = cluster?.hashKey
  const route: MeshRouteSpec = {
    name: 'default',
    place: service.place,
    origin: service.origin,
    match: undefined,
    route: {
      timeoutMs: 0,
      retries: { ...istioDefaultRetries, ignorePreviousHosts: hashKey === undefined },
      ...(hashKey === undefined ? {} : { hashKeys: [hashKey] }),
      destinations: [{ pool: cluster?.pool, weight: 1 }],
    },
  }
  return [{ domains: domainsOf(service, namespace), httpsRedirect: false, routes: [route] }]
}

/** The names by which a service may be called from this namespace, its addresses too. */
function domainsOf(service: MeshService, namespace: string): readonly string[] {
  const host = service.host.toLowerCase()
  const domains = [host, ...service.addresses]
  if (!host.startsWith('*')) domains.push(`${host}.`)
  const found = kubernetesName(host)
  if (found === undefined) return domains
  const [name, own] = found
  if (own === namespace) domains.push(name)
  return [...domains, `${name}.${own}`, `${name}.${own}.svc`]
}

/** Name and namespace of a Kubernetes host; undefined for any other. */
function kubernetesName(host: string): readonly [name: string, namespace: string] | undefined {
  const suffix = `.svc.${clusterDomain}`
  if (!host.endsWith(suffix)) return undefined
  const rest = host.slice(0, -suffix.length)
  const dot = rest.lastIndexOf('.')
  return dot <= 0 ? undefined : [rest.slice(0, dot), rest.slice(dot + 1)]
}

/** A name that two claim is that of the first. */
function firstOfEach(hosts: readonly VirtualHostSpec[]): readonly VirtualHostSpec[] {
  const taken = new Set<string>()
  return hosts.flatMap((host) => {
    const domains = host.domains.filter((domain) => !taken.has(domain))
    for (const domain of domains) taken.add(domain)
    return domains.length === 0 ? [] : [{ ...host, domains }]
  })
}
