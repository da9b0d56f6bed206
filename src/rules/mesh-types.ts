// What Istio's manifests come to once names, namespaces, gateways and delegates are resolved: listeners, their virtual hosts, and routes
// in order. The shape of Envoy's own route table; src/istio makes it, mesh-table.ts compiles it.

import type { RouteSpec } from './route-actions.ts'
import type { Place, RequestMatchSpec } from './types.ts'

/** Istio's meshConfig.pathNormalization. */
export type PathNormalization = 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES'

export interface MeshSpec {
  readonly pathNormalization: PathNormalization
  /** meshConfig.defaultConfig.gatewayTopology.numTrustedProxies: how many hops before the gateway are believed. */
  readonly trustedHops: number
  /**
   * How a header that came in several lines is matched: line by line (Envoy 1.39 and later), or all of them joined by commas (before;
   * its flag match_headers_individually is off).
   */
  readonly repeatedHeaders: 'each' | 'joined'
  readonly listeners: readonly MeshListenerSpec[]
}

/** Where requests come in: a port of the gateway, or one that stands for the sidecar of a workload. */
export interface MeshListenerSpec {
  readonly kind: 'gateway' | 'sidecar'
  /** The Gateway server's port, or the port of the services that are called; what is bound may be another. */
  readonly port: number
  /** Address to bind; undefined for all, or loopback for a sidecar. */
  readonly bind: string | undefined
  readonly place: Place
  readonly virtualHosts: readonly VirtualHostSpec[]
}

export interface VirtualHostSpec {
  /** Exact, `*.suffix`, `*suffix`, or `*`; in lower case. */
  readonly domains: readonly string[]
  /** Every request that did not come over HTTPS is redirected there (tls.httpsRedirect). */
  readonly httpsRedirect: boolean
  /** First match wins. */
  readonly routes: readonly MeshRouteSpec[]
}

export interface MeshRouteSpec {
  /** `rule`, or `rule.match`; '' when the manifest gives none. */
  readonly name: string
  /** Of the match, or of the rule that has none. */
  readonly place: Place
  /** `VirtualService namespace/name`, or the host of a service without one. */
  readonly origin: string
  /** One item of the rule's `match`; undefined matches everything. */
  readonly match: RequestMatchSpec | undefined
  /** Shared by all items of a rule. */
  readonly route: RouteSpec
}
