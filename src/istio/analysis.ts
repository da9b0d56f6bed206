// The words of analyzing manifests: a finding with its origin, and how hosts and namespaces are looked up, as istioctl analyze does it.

import type { Problem } from '../config/problem.ts'
import type { Place } from '../rules/types.ts'
import type { Manifests } from './read-manifests.ts'
import { type AnyResource, type Kind, nameOf, type Resource } from './resource.ts'
import { hostsOverlap } from './validate-names.ts'

export interface LintProblem extends Problem {
  /** `VirtualService default/frontend`: the resource that it is about. */
  readonly origin: string
}

export type Say = (resource: AnyResource, place: Place, code: string, message: string) => void

const severities: Readonly<Record<string, Problem['severity']>> = {
  IST0101: 'error',
  IST0109: 'error',
  IST0112: 'error',
  IST0130: 'warning',
  IST0131: 'info',
  IST0132: 'warning',
  IST0134: 'warning',
  IST0140: 'warning',
  IST0145: 'error',
  IST0173: 'error',
  IST0174: 'warning',
}

/** A finding with the level that istioctl gives its code. */
export function istioFinding(resource: AnyResource, place: Place, code: string, message: string): LintProblem {
  return { ...place, severity: severities[code] ?? 'warning', code, message, origin: nameOf(resource) }
}

/** All resources of a kind, refused ones too: istioctl looks at those as well. */
export function every<K extends Kind>(manifests: Manifests, kind: K): readonly Resource<K>[] {
  return manifests.resources.filter((resource) => resource.kind === kind) as unknown as readonly Resource<K>[]
}

// --- hosts -------------------------------------------------------------------------------------------------------------------------------

export const clusterDomain = 'svc.cluster.local'

/** A name without a dot belongs to the namespace of whoever wrote it. */
export function fqdnOf(host: string, namespace: string): string {
  return host.startsWith('*') || host.includes('.') ? host : `${host}.${namespace}.${clusterDomain}`
}

/** What a service is to those who route to it. */
export interface KnownService {
  readonly fqdn: string
  readonly namespace: string
  readonly ports: readonly number[]
  /** Labels of its pods; undefined when it lists endpoints itself. */
  readonly selector: ReadonlyMap<string, string> | undefined
  readonly resource: Resource<'Service'> | Resource<'ServiceEntry'>
}

/** Services and ServiceEntries by `scope/fqdn`, where the scope is a namespace or `*`. */
export class ServiceLookUp {
  readonly #byScope = new Map<string, KnownService>()

  constructor(manifests: Manifests) {
    for (const entry of every(manifests, 'ServiceEntry')) this.#addEntry(entry)
    for (const service of every(manifests, 'Service')) this.#addService(service)
  }

  /** Seen from a resource of that namespace with that exportTo. */
  find(host: string, namespace: string, exportTo: readonly string[] = []): KnownService | undefined {
    const fqdn = fqdnOf(host, namespace)
    const scopes = exportTo.length === 0 ? [namespace] : exportTo.map((scope) => (scope === '.' ? namespace : scope))
    for (const scope of ['*', ...scopes]) {
      const found = this.#byScope.get(`${scope}/${fqdn}`)
      if (found !== undefined) return found
    }
    for (const [key, service] of this.#byScope) {
      const [scope, pattern = ''] = key.split('/')
      if (!pattern.startsWith('*') || (scope !== '*' && scope !== namespace)) continue
      if (host.replace(/^\*/, '').endsWith(pattern.slice(1))) return service
    }
    return undefined
  }

  all(): readonly KnownService[] {
    return [...new Set(this.#byScope.values())]
  }

  #addEntry(resource: Resource<'ServiceEntry'>): void {
    const { namespace } = resource.metadata
    const { hosts = [], ports = [], exportTo = [], workloadSelector, endpoints = [] } = resource.spec
    const selector = workloadSelector?.labels && withoutNulls(workloadSelector.labels)
    for (const host of hosts) {
      const service: KnownService = {
        fqdn: fqdnOf(host, namespace),
        namespace,
        ports: ports.map((port) => port.number ?? 0),
        selector: endpoints.length > 0 ? undefined : selector,
        resource,
      }
      const scopes = exportTo.length === 0 ? ['*'] : exportTo.map((scope) => (scope === '.' ? namespace : scope))
      for (const scope of scopes) this.#byScope.set(`${scope}/${service.fqdn}`, service)
    }
  }

  #addService(resource: Resource<'Service'>): void {
    const { name, namespace, annotations } = resource.metadata
    const service: KnownService = {
      fqdn: fqdnOf(name, namespace),
      namespace,
      ports: (resource.spec.ports ?? []).map(({ port }) => port ?? 0),
      selector: withoutNulls(resource.spec.selector),
      resource,
    }
    const exported = annotations.get('networking.istio.io/exportTo') ?? '*'
    for (const scope of exported.split(',')) {
      this.#byScope.set(`${scope === '.' ? namespace : scope.trim()}/${service.fqdn}`, service)
    }
  }
}

export function withoutNulls(map: ReadonlyMap<string, string | null> | undefined): ReadonlyMap<string, string> {
  return new Map([...(map ?? [])].map(([key, value]) => [key, value ?? '']))
}

// --- gateways ----------------------------------------------------------------------------------------------------------------------------

/** The namespace and name that a reference to a Gateway means. */
export function gatewayReference(reference: string, namespace: string): { namespace: string; name: string } {
  const slash = reference.indexOf('/')
  if (slash === -1) return { namespace, name: reference }
  const own = reference.slice(0, slash)
  return { namespace: own === '.' ? namespace : own, name: reference.slice(slash + 1) }
}

/** A Gateway of Kubernetes' own Gateway API: in a cluster VirtualServices may be bound to those too. */
export function isOfGatewayApi({ others }: Manifests, namespace: string, name: string): boolean {
  return others.some(
    (other) =>
      other.kind === 'Gateway' &&
      other.apiVersion.startsWith('gateway.networking.k8s.io/') &&
      other.namespace === namespace &&
      other.name === name,
  )
}

/** The hosts of a Gateway that a VirtualService of that namespace may take part in, `ns/` cut off. */
export function gatewayHosts(gateway: Resource<'Gateway'>, namespace: string): readonly string[] {
  return (gateway.spec.servers ?? []).flatMap(({ hosts = [] }) =>
    hosts.flatMap((host) => {
      const slash = host.indexOf('/')
      if (slash === -1) return [host]
      const scope = host.slice(0, slash)
      const meant = scope === '.' ? gateway.metadata.namespace : scope
      return meant === '*' || meant === namespace ? [host.slice(slash + 1)] : []
    }),
  )
}

export function anyOverlap(left: readonly string[], right: readonly string[]): boolean {
  return left.some((host) => right.some((other) => hostsOverlap(host, other)))
}

/** Bound to the sidecars of the mesh: by name, or by naming no gateway. */
export function isInMesh({ gateways = [] }: { readonly gateways?: readonly string[] | undefined }): boolean {
  return gateways.length === 0 || gateways.includes('mesh')
}

export function isAtGateway({ gateways = [] }: { readonly gateways?: readonly string[] | undefined }): boolean {
  return gateways.some((name) => name !== 'mesh')
}
