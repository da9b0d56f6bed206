// Which DestinationRule holds for a service, and what its subsets and policies come to for one port.

import type { DestinationRuleSpec, PortTrafficPolicy, Subset, TrafficPolicy } from './model-destination-rule.ts'
import { byAge, covers, fullHost, isVisible, rootNamespace } from './names.ts'
import { accepted, type Manifests } from './read-manifests.ts'
import type { MeshService } from './services.ts'

/** Policy blocks of one cluster, inheritance resolved. */
export type ClusterPolicy = Omit<TrafficPolicy, 'portLevelSettings'>

export interface EffectiveRule {
  readonly subsets: ReadonlyMap<string, Subset>
  /** Undefined for the service as a whole. */
  policyOf(port: number, subset: string | undefined): ClusterPolicy | undefined
}

export interface DestinationRules {
  /** For callers of that namespace: the rule of their own namespace first, then that of the service's, then the root namespace's. */
  find(service: MeshService, callerNamespace: string): EffectiveRule | undefined
}

interface Rule {
  readonly host: string
  readonly namespace: string
  readonly spec: DestinationRuleSpec
}

export function collectDestinationRules(manifests: Manifests): DestinationRules {
  const rules = accepted(manifests, 'DestinationRule')
    .toSorted(byAge)
    .map(({ metadata, spec }) => ({
      host: fullHost(spec.host ?? '', metadata.namespace),
      namespace: metadata.namespace,
      spec,
    }))
  return {
    find(service, callerNamespace) {
      for (const namespace of new Set([callerNamespace, service.namespace, rootNamespace])) {
        const there = rules.filter(
          (rule) => rule.namespace === namespace && isVisible(rule.spec.exportTo, namespace, callerNamespace),
        )
        const host = mostSpecific(there, service.host)
        if (host !== undefined) return merge(there.filter((rule) => rule.host === host))
      }
      return undefined
    },
  }
}

/** The exact host, else the longest wildcard. */
function mostSpecific(rules: readonly Rule[], host: string): string | undefined {
  const fitting = rules.map((rule) => rule.host).filter((pattern) => covers(pattern, host))
  if (fitting.includes(host)) return host
  return fitting.toSorted((a, b) => b.length - a.length)[0]
}

/** Several rules for one host: the oldest counts, subsets that it does not know are added, its policy stays if it has one. */
function merge(rules: readonly Rule[]): EffectiveRule {
  const subsets = new Map<string, Subset>()
  for (const { spec } of rules) {
    for (const subset of spec.subsets ?? []) if (!subsets.has(subset.name ?? '')) subsets.set(subset.name ?? '', subset)
  }
  const policy = rules.find(({ spec }) => spec.trafficPolicy !== undefined)?.spec.trafficPolicy
  return {
    subsets,
    policyOf(port, subset) {
      const whole = applied(undefined, policy, port)
      return subset === undefined ? whole : applied(whole, subsets.get(subset)?.trafficPolicy, port)
    },
  }
}

/** A block that is given takes the place of the same block; what a port says takes the place of all of them. */
function applied(
  base: ClusterPolicy | undefined,
  policy: TrafficPolicy | undefined,
  port: number,
): ClusterPolicy | undefined {
  if (policy === undefined) return base
  const { portLevelSettings = [], ...own } = policy
  const ofPort: PortTrafficPolicy | undefined = portLevelSettings.find((settings) => settings.port?.number === port)
  if (ofPort !== undefined) {
    const { loadBalancer, connectionPool, outlierDetection, tls } = ofPort
    return { loadBalancer, connectionPool, outlierDetection, tls }
  }
  return {
    loadBalancer: own.loadBalancer ?? base?.loadBalancer,
    connectionPool: own.connectionPool ?? base?.connectionPool,
    outlierDetection: own.outlierDetection ?? base?.outlierDetection,
    tls: own.tls ?? base?.tls,
  }
}
