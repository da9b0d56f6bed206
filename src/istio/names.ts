// Names of the mesh: what a short name means, who may see what, which host covers which, and what is older.

import type { Metadata } from './resource.ts'
import { isIpAddress } from './validate-names.ts'

export const clusterDomain = 'cluster.local'
/** Where Istio itself runs: rules of this namespace hold for all. */
export const rootNamespace = 'istio-system'
/** The name by which a VirtualService is for callers inside of the mesh. */
export const meshGateway = 'mesh'

/** A host without a dot is a service of the namespace in which it is written. */
export function fullHost(host: string, namespace: string): string {
  if (host.includes('.') || host === '*' || isIpAddress(host)) return host
  return `${host}.${namespace}.svc.${clusterDomain}`
}

/** `namespace/name` of a Gateway as a VirtualService refers to it; `mesh` stays. */
export function fullGatewayName(name: string, namespace: string): string {
  if (name === meshGateway) return name
  const slash = name.indexOf('/')
  if (slash !== -1) return name.startsWith('./') ? `${namespace}${name.slice(slash)}` : name
  // Of old: name.namespace.svc.cluster.local
  const [own = '', other] = name.split('.')
  return `${other ?? namespace}/${own}`
}

/** Whether what is exported from one namespace can be seen in another. Empty: everywhere. */
export function isVisible(exportTo: readonly string[] | undefined, from: string, to: string): boolean {
  if (exportTo === undefined || exportTo.length === 0) return true
  return exportTo.some((name) => name === '*' || name === to || (name === '.' && from === to))
}

/** Is every host that `inner` stands for among those of `outer`? */
export function covers(outer: string, inner: string): boolean {
  if (!outer.startsWith('*')) return outer === inner
  const rest = inner.startsWith('*') ? inner.slice(1) : inner
  return rest.length >= outer.length - 1 && rest.endsWith(outer.slice(1))
}

/** The hosts that both sides stand for: of two that overlap the narrower one. */
export function commonHosts(a: readonly string[], b: readonly string[]): readonly string[] {
  const common = new Set<string>()
  for (const one of a) {
    for (const other of b) {
      if (covers(one, other)) common.add(other)
      else if (covers(other, one)) common.add(one)
    }
  }
  return [...common]
}

/** Istio's order: by creation, then name, then namespace. Manifests without a time are the oldest. */
export function byAge(a: { readonly metadata: Metadata }, b: { readonly metadata: Metadata }): number {
  const age = createdAt(a.metadata) - createdAt(b.metadata)
  if (age !== 0) return age
  return compare(a.metadata.name, b.metadata.name) || compare(a.metadata.namespace, b.metadata.namespace)
}

function createdAt({ creationTimestamp }: Metadata): number {
  const time = creationTimestamp === undefined ? Number.NaN : Date.parse(creationTimestamp)
  return Number.isNaN(time) ? 0 : time
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Are all of these labels among those of the workload? */
export function selects(
  labels: ReadonlyMap<string, string | null> | undefined,
  workload: ReadonlyMap<string, string>,
): boolean {
  for (const [name, value] of labels ?? []) if (workload.get(name) !== (value ?? '')) return false
  return true
}
