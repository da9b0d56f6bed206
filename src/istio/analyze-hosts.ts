// Hosts that meet where they must not, or do not meet where they should, as istioctl analyze says it: IST0109, IST0132, IST0134, IST0145.

import {
  anyOverlap,
  every,
  fqdnOf,
  gatewayHosts,
  gatewayReference,
  isInMesh,
  isOfGatewayApi,
  type Say,
  withoutNulls,
} from './analysis.ts'
import type { Server } from './model-gateway.ts'
import type { Manifests } from './read-manifests.ts'
import type { AnyResource, Resource } from './resource.ts'
import { hostsOverlap } from './validate-names.ts'
import { hasLabels, workloadsOf } from './workloads.ts'

export function analyzeHosts(manifests: Manifests, say: Say): void {
  checkMeshHosts(manifests, say)
  for (const resource of every(manifests, 'VirtualService')) checkGatewayHosts(resource, manifests, say)
  for (const entry of every(manifests, 'ServiceEntry')) checkAddresses(entry, manifests, say)
  checkConflictingGateways(manifests, say)
}

/**
 * Sidecars take one VirtualService of a host. What is exported to a namespace alone meets there what is exported to all, which may have
 * the host among those of a wildcard.
 */
function checkMeshHosts(manifests: Manifests, say: Say): void {
  const byHost = new Map<string, Resource<'VirtualService'>[]>()
  for (const resource of every(manifests, 'VirtualService')) {
    if (!isInMesh(resource.spec)) continue
    const { namespace } = resource.metadata
    const { hosts = [], exportTo = [] } = resource.spec
    const scopes =
      exportTo.length === 0 || exportTo.includes('*')
        ? ['*']
        : exportTo.map((scope) => (scope === '.' ? namespace : scope))
    for (const scope of new Set(scopes)) {
      for (const host of hosts) {
        const key = `${scope}/${fqdnOf(host, namespace)}`
        byHost.set(key, [...(byHost.get(key) ?? []), resource])
      }
    }
  }
  const told = new Set<Resource<'VirtualService'>>()
  for (const [key, own] of byHost) {
    const [scope = '', host = ''] = key.split('/')
    const resources = scope === '*' ? own : [...own, ...publicRivals(host, byHost)]
    if (resources.length < 2) continue
    const names = resources.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ')
    const which = scope === '*' ? 'the oldest' : `one exported to ${scope} alone, else the oldest,`
    for (const resource of resources) {
      if (told.has(resource)) continue
      told.add(resource)
      const message = `${names} all route ${host} in the mesh, where only ${which} counts: make them one`
      say(resource as AnyResource, resource.namePlace, 'IST0109', message)
    }
  }
}

function publicRivals(
  host: string,
  byHost: ReadonlyMap<string, readonly Resource<'VirtualService'>[]>,
): readonly Resource<'VirtualService'>[] {
  return [...byHost].flatMap(([key, resources]) =>
    key.startsWith('*/') && hostsOverlap(key.slice('*/'.length), host) ? resources : [],
  )
}

function checkGatewayHosts(resource: Resource<'VirtualService'>, manifests: Manifests, say: Say): void {
  const { gateways = [], hosts = [] } = resource.spec
  for (const [index, reference] of gateways.entries()) {
    if (reference === 'mesh') continue
    const { namespace, name } = gatewayReference(reference, resource.metadata.namespace)
    if (isOfGatewayApi(manifests, namespace, name)) continue
    const gateway = every(manifests, 'Gateway').find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
    )
    const served = gateway === undefined ? [] : gatewayHosts(gateway, resource.metadata.namespace)
    if (anyOverlap(served, hosts)) continue
    const message = `no host of [${hosts.join(' ')}] is one of Gateway ${namespace}/${name}${served.length > 0 ? `, which has [${served.join(' ')}]` : ''}`
    say(resource as AnyResource, manifests.origins.place(gateways, index), 'IST0132', message)
  }
}

function checkAddresses(entry: Resource<'ServiceEntry'>, manifests: Manifests, say: Say): void {
  const { addresses, ports = [] } = entry.spec
  if (addresses !== undefined) return
  for (const port of ports) {
    if (!['', 'TCP'].includes((port.protocol ?? '').toUpperCase())) continue
    const message = `port ${port.number} speaks TCP, so nothing but addresses tells which connections are meant: give addresses, or protocol: HTTP`
    say(entry as AnyResource, manifests.origins.place(port), 'IST0134', message)
  }
}

// --- Gateways against each other -----------------------------------------------------------------------------------------------------------

function checkConflictingGateways(manifests: Manifests, say: Say): void {
  const gateways = every(manifests, 'Gateway')
  for (const gateway of gateways) {
    for (const server of gateway.spec.servers ?? []) {
      const rivals = gateways.filter(
        (other) =>
          other !== gateway &&
          shareWorkload(gateway, other, manifests) &&
          (other.spec.servers ?? []).some((its) => collide(server, its)),
      )
      if (rivals.length === 0) continue
      const names = rivals.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ')
      const { hosts = [], port } = server
      const message = `${names} is on the same gateway with port ${port?.number} and hosts that overlap [${hosts.join(' ')}]: which one a request meets depends on their age`
      say(gateway as AnyResource, manifests.origins.place(server, 'hosts'), 'IST0145', message)
    }
  }
}

function shareWorkload(a: Resource<'Gateway'>, b: Resource<'Gateway'>, manifests: Manifests): boolean {
  const [left, right] = [withoutNulls(a.spec.selector), withoutNulls(b.spec.selector)]
  const same = left.size === right.size && hasLabels(left, right)
  return same || workloadsOf(manifests).some(({ labels }) => hasLabels(labels, left) && hasLabels(labels, right))
}

function collide(a: Server, b: Server): boolean {
  return (
    a.port?.number === b.port?.number && (a.bind ?? '') === (b.bind ?? '') && anyOverlap(bare(a.hosts), bare(b.hosts))
  )
}

function bare(hosts: readonly string[] = []): readonly string[] {
  return hosts.map((host) => host.slice(host.indexOf('/') + 1))
}
