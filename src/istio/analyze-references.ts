// What manifests refer to and is not there, as istioctl analyze says it: IST0101, IST0112, IST0140, IST0173, IST0174.

import { didYouMean } from '../rules/route-problem.ts'
import type { Place } from '../rules/types.ts'
import {
  clusterDomain,
  every,
  fqdnOf,
  gatewayReference,
  isOfGatewayApi,
  type KnownService,
  type Say,
  ServiceLookUp,
  withoutNulls,
} from './analysis.ts'
import type { Destination } from './model-shared.ts'
import type { HttpRoute } from './model-virtual-service.ts'
import type { Manifests } from './read-manifests.ts'
import type { AnyResource, Resource } from './resource.ts'
import { hasLabels, workloadsBehind, workloadsOf } from './workloads.ts'

export function analyzeReferences(manifests: Manifests, say: Say): void {
  const services = new ServiceLookUp(manifests)
  const subsets = knownSubsets(manifests)
  for (const resource of every(manifests, 'VirtualService')) {
    checkGateways(resource, manifests, say)
    for (const target of destinationsOf(resource, manifests)) {
      checkHost(resource, target, services, say)
      checkSubset(resource, target, subsets, services, say)
    }
    checkSubsetsElsewhere(resource, manifests, say)
  }
  for (const rule of every(manifests, 'DestinationRule')) checkRule(rule, manifests, services, say)
}

// --- gateways ----------------------------------------------------------------------------------------------------------------------------

function checkGateways(resource: Resource<'VirtualService'>, manifests: Manifests, say: Say): void {
  const { gateways = [] } = resource.spec
  const all = every(manifests, 'Gateway')
  for (const [index, reference] of gateways.entries()) {
    if (reference === 'mesh') continue
    const { namespace, name } = gatewayReference(reference, resource.metadata.namespace)
    if (all.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace)) continue
    const names = all.map(({ metadata }) =>
      metadata.namespace === resource.metadata.namespace ? metadata.name : `${metadata.namespace}/${metadata.name}`,
    )
    const what = isOfGatewayApi(manifests, namespace, name)
      ? 'is one of the Kubernetes Gateway API, which is not served here'
      : `is not there${meant(name, names, true)}`
    const message = `gateway ${reference} ${what}: no request reaches this VirtualService`
    say(resource as AnyResource, manifests.origins.place(gateways, index), 'IST0101', message)
  }
}

/** The nearest name, else one that this one begins with or that begins with it, else the only one there is. */
function meant(name: string, names: readonly string[], orTheOnly = false): string {
  const near = didYouMean(name, names)
  if (near !== '') return near
  const begins =
    names.find((other) => other.startsWith(name) || name.startsWith(other)) ??
    (orTheOnly && names.length === 1 ? names[0] : undefined)
  return begins === undefined ? '' : ` (did you mean ${begins}?)`
}

// --- destinations ------------------------------------------------------------------------------------------------------------------------

interface Target {
  readonly destination: Destination
  readonly place: Place
  readonly portPlace: Place
  readonly subsetPlace: Place
  readonly what: 'host' | 'mirror host'
}

function destinationsOf(resource: Resource<'VirtualService'>, { origins }: Manifests): readonly Target[] {
  const { http = [], tls = [], tcp = [] } = resource.spec
  const targets: Target[] = []
  const add = (owner: object, key: string, destination: Destination | undefined, what: Target['what']): void => {
    if (destination === undefined) return
    const place = destination.host === undefined ? origins.place(owner, key) : origins.place(destination, 'host')
    const [portPlace, subsetPlace] = [origins.place(destination, 'port'), origins.place(destination, 'subset')]
    targets.push({ destination, place, portPlace, subsetPlace, what })
  }
  for (const route of http) {
    for (const target of route.route ?? []) add(target, 'destination', target.destination, 'host')
    add(route, 'mirror', route.mirror, 'mirror host')
    for (const mirror of route.mirrors ?? []) add(mirror, 'destination', mirror.destination, 'mirror host')
  }
  for (const route of [...tls, ...tcp]) {
    for (const target of route.route ?? []) add(target, 'destination', target.destination, 'host')
  }
  return targets
}

function checkHost(resource: Resource<'VirtualService'>, target: Target, services: ServiceLookUp, say: Say): void {
  const { host = '', port } = target.destination
  const { namespace } = resource.metadata
  const known = services.find(host, namespace, resource.spec.exportTo)
  if (known === undefined) {
    const message = `${target.what} ${JSON.stringify(host)} ${unknown(host, namespace, services)}: requests get 503`
    return say(resource as AnyResource, target.place, 'IST0101', message)
  }
  if (port !== undefined) return checkPort(resource, target, known, say)
  if (known.ports.length <= 1) return
  const message = `${host} has the ports ${known.ports.join(', ')}: say which, as in port: { number: ${known.ports[0]} }`
  say(resource as AnyResource, target.place, 'IST0112', message)
}

/** Why a host is none of those that can be seen from a namespace. */
function unknown(host: string, namespace: string, services: ServiceLookUp): string {
  const all = services.all()
  const hidden = all.find(({ fqdn }) => fqdn === fqdnOf(host, namespace))
  if (hidden !== undefined) return `is a service of namespace ${hidden.namespace}, which exports it elsewhere`
  return `is no service${meant(
    host,
    all.map(({ fqdn }) => shortest(fqdn, namespace)),
  )}`
}

function checkPort(resource: Resource<'VirtualService'>, target: Target, known: KnownService, say: Say): void {
  const { host, port } = target.destination
  const number = port?.number ?? 0
  if (known.ports.includes(number)) return
  const message = `host:port ${host}:${number} is not there: ${host} has ${known.ports.length === 0 ? 'no port' : known.ports.join(', ')}`
  say(resource as AnyResource, target.portPlace, 'IST0101', message)
}

function shortest(fqdn: string, namespace: string): string {
  const tail = `.${namespace}.${clusterDomain}`
  return fqdn.endsWith(tail) ? fqdn.slice(0, -tail.length) : fqdn
}

// --- subsets -----------------------------------------------------------------------------------------------------------------------------

/** `namespace/name` of a host to the subsets that rules give it. */
function knownSubsets(manifests: Manifests): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, Set<string>>()
  for (const rule of every(manifests, 'DestinationRule')) {
    const { namespace } = rule.metadata
    const key = resourceName(fqdnOf(rule.spec.host ?? '', namespace), namespace)
    const names = known.get(key) ?? new Set()
    for (const subset of rule.spec.subsets ?? []) names.add(subset.name ?? '')
    known.set(key, names)
  }
  return known
}

/** As istioctl reads hosts: a cluster name tells its namespace, anything else belongs to the namespace of whoever wrote it. */
function resourceName(host: string, namespace: string): string {
  const parts = /^(.+)\.(.+)\.svc\.cluster\.local$/.exec(host)
  return parts === null ? `${namespace}/${host}` : `${parts[2]}/${parts[1]}`
}

function checkSubset(
  resource: Resource<'VirtualService'>,
  { destination, subsetPlace: place, what }: Target,
  known: ReadonlyMap<string, ReadonlySet<string>>,
  services: ServiceLookUp,
  say: Say,
): void {
  const { host = '', subset = '' } = destination
  if (subset === '') return
  const { namespace } = resource.metadata
  const service = services.find(host, namespace)?.resource
  // A second name has the subsets of the service that it stands for.
  const isAlias = service?.kind === 'Service' && service.spec.type === 'ExternalName'
  const names = known.get(resourceName((isAlias ? service.spec.externalName : undefined) ?? host, namespace))
  if (names?.has(subset) === true) return
  const pair = `${what === 'host' ? 'host' : 'mirror'}+subset ${host}+${subset}`
  const hint = names === undefined ? `: no DestinationRule speaks of ${host}` : didYouMean(subset, names)
  say(resource as AnyResource, place, 'IST0101', `${pair} is in no DestinationRule${hint}: requests get 503`)
}

/** A route at the gateway that names no subset passes by what the VirtualService of that host says about subsets. */
function checkSubsetsElsewhere(resource: Resource<'VirtualService'>, manifests: Manifests, say: Say): void {
  if ((resource.spec.gateways ?? []).length === 0) return
  for (const route of resource.spec.http ?? []) {
    for (const { destination } of route.route ?? []) {
      if (destination === undefined || (destination.subset ?? '') !== '') continue
      for (const other of every(manifests, 'VirtualService')) {
        if (!usesSubsetsOf(other, destination.host ?? '')) continue
        const { namespace, name } = other.metadata
        const message = `${destination.host} without a subset takes any version: the rules of VirtualService ${namespace}/${name} are for callers in the mesh, not for this gateway`
        say(resource as AnyResource, manifests.origins.place(destination, 'host'), 'IST0140', message)
      }
    }
  }
}

function usesSubsetsOf(resource: Resource<'VirtualService'>, host: string): boolean {
  const { hosts = [], http = [] } = resource.spec
  const names = (route: HttpRoute): boolean =>
    (route.route ?? []).some(({ destination }) => (destination?.subset ?? '') !== '' && destination?.host === host)
  return hosts.includes(host) && http.some(names)
}

// --- DestinationRules --------------------------------------------------------------------------------------------------------------------

function checkRule(rule: Resource<'DestinationRule'>, manifests: Manifests, services: ServiceLookUp, say: Say): void {
  const { host = '', exportTo, subsets = [] } = rule.spec
  const { origins } = manifests
  const service = services.find(host, rule.metadata.namespace, exportTo)
  if (service === undefined) {
    return say(
      rule as AnyResource,
      origins.place(rule.spec, 'host'),
      'IST0174',
      `host ${JSON.stringify(host)} ${unknown(host, rule.metadata.namespace, services)}: the rule does nothing`,
    )
  }
  const workloads = workloadsOf(manifests)
  // Manifests without pods say nothing of pods: that is no mistake.
  if (workloadsBehind(service, workloads).length === 0) return
  for (const subset of subsets) {
    const wanted = new Map([...(service.selector ?? []), ...withoutNulls(subset.labels)])
    if (workloads.some(({ labels }) => hasLabels(labels, wanted))) continue
    const labels = [...withoutNulls(subset.labels)].map(([key, value]) => `${key}: ${value}`).join(', ')
    const message = `subset ${subset.name} selects no pod: none of ${host} has the labels ${labels}; its requests get 503`
    say(rule as AnyResource, origins.place(subset, 'labels'), 'IST0173', message)
  }
}
