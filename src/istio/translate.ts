// Manifests to the route tables of one gateway and its internal listeners. Pure.

import type { Problem } from '../config/problem.ts'
import type { MeshListenerSpec, MeshSpec, PathNormalization } from '../rules/mesh-types.ts'
import { type Cluster, Clusters } from './clusters.ts'
import { collectDestinationRules } from './destination-rules.ts'
import { gatewayListeners, gatewayNamespace } from './gateway-listeners.ts'
import type { MeshConfig } from './model-mesh-config.ts'
import type { Manifests } from './read-manifests.ts'
import { collectServices } from './services.ts'
import { type Caller, sidecarListener } from './sidecar-listeners.ts'
import type { PemFiles } from './translate-policy.ts'
import { rootServices } from './virtual-hosts.ts'

export interface Translation {
  readonly mesh: MeshSpec
  /** One for each caller, in their order; they stand in `mesh.listeners` too. */
  readonly sidecars: readonly MeshListenerSpec[]
}

export interface TranslationOptions {
  readonly callers: readonly Caller[]
  readonly pem: PemFiles
  /** Where requests for an endpoint go instead, both as `host:port`. */
  readonly resolve: ReadonlyMap<string, string>
  readonly report: (problem: Problem) => void
  /** Over what the manifests say. */
  readonly meshConfig?: MeshConfig
  readonly repeatedHeaders?: MeshSpec['repeatedHeaders']
}

export function translate(manifests: Manifests, options: TranslationOptions): Translation {
  const { callers, pem, report, resolve } = options
  const services = collectServices(manifests)
  const rules = collectDestinationRules(manifests)
  const known = new Map<string, Cluster>()
  const clustersOf = (namespace: string): Clusters => new Clusters(services, rules, namespace, { pem, resolve, known })
  const roots = rootServices(manifests)
  const gateways = gatewayListeners(manifests, roots, clustersOf(gatewayNamespace), report)
  const sidecars = callers.map((caller) => {
    return sidecarListener(caller, roots, services, clustersOf(caller.namespace), manifests.origins)
  })
  const meshConfig = { ...manifests.meshConfig, ...options.meshConfig }
  const mesh = {
    pathNormalization: pathNormalization(meshConfig),
    trustedHops: meshConfig.defaultConfig?.gatewayTopology?.numTrustedProxies ?? 0,
    repeatedHeaders: options.repeatedHeaders ?? 'each',
    listeners: [...gateways, ...sidecars],
  }
  return { mesh, sidecars }
}

function pathNormalization({ pathNormalization: settings }: MeshConfig): PathNormalization {
  const { normalization = 'DEFAULT' } = settings ?? {}
  return normalization === 'DEFAULT' ? 'BASE' : normalization
}
