// DestinationRule's policy blocks in the words of our own pools (rules/traffic-policy.ts). Istio's zeros mean "not given".

import type {
  ConnectionPoolSpec,
  ConsistentHashSpec,
  HashKeySpec,
  LoadBalancerSpec,
  OutlierDetectionSpec,
  TrafficPolicySpec,
  UpstreamTlsSpec,
  WarmupSpec,
} from '../rules/traffic-policy.ts'
import type { ClusterPolicy } from './destination-rules.ts'
import type { ConnectionPool, ConsistentHash, LoadBalancer, OutlierDetection } from './model-destination-rule.ts'
import type { ClientTls } from './model-shared.ts'

/** The PEM text of a file that a DestinationRule names; undefined when it could not be read, which was reported. */
export type PemFiles = (path: string) => string | undefined

export function trafficPolicySpec(policy: ClusterPolicy | undefined, pem: PemFiles): TrafficPolicySpec | undefined {
  if (policy === undefined) return undefined
  const { loadBalancer, connectionPool, outlierDetection, tls } = policy
  const spec: TrafficPolicySpec = {
    ...given('loadBalancer', loadBalancer && loadBalancerSpec(loadBalancer)),
    ...given('connectionPool', connectionPool && connectionPoolSpec(connectionPool)),
    ...given('outlierDetection', outlierDetection && outlierDetectionSpec(outlierDetection)),
    ...given('tls', tls && tlsSpec(tls, pem)),
  }
  return Object.keys(spec).length === 0 ? undefined : spec
}

function given<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T }
}

// --- load balancing ------------------------------------------------------------------------------------------------------------------

function loadBalancerSpec(settings: LoadBalancer): LoadBalancerSpec {
  const { simple, consistentHash } = settings
  if (consistentHash !== undefined) {
    const key = hashKey(consistentHash)
    return key === undefined ? { kind: 'LEAST_REQUEST' } : { kind: 'CONSISTENT_HASH', key, ring: ring(consistentHash) }
  }
  if (simple === 'RANDOM') return { kind: 'RANDOM' }
  return { kind: simple === 'ROUND_ROBIN' ? simple : 'LEAST_REQUEST', ...given('warmup', warmupSpec(settings)) }
}

function warmupSpec({ warmup, warmupDurationSecs }: LoadBalancer): WarmupSpec | undefined {
  const durationMs = warmup?.duration ?? warmupDurationSecs
  if (durationMs === undefined || durationMs === 0) return undefined
  return { durationMs, minimumPercent: warmup?.minimumPercent ?? 10, aggression: warmup?.aggression ?? 1 }
}

/** What a request is told apart by, or nothing when the manifest does not say. */
export function hashKey(hash: ConsistentHash): HashKeySpec | undefined {
  const { httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName } = hash
  if (httpHeaderName !== undefined) return { kind: 'header', name: httpHeaderName.toLowerCase() }
  if (httpQueryParameterName !== undefined) return { kind: 'queryParameter', name: httpQueryParameterName }
  if (useSourceIp === true) return { kind: 'sourceIp' }
  if (httpCookie === undefined) return undefined
  const { name = '', path = '', ttl, attributes = [] } = httpCookie
  return {
    kind: 'cookie',
    name,
    path,
    ttlSeconds: ttl === undefined ? undefined : Math.floor(ttl / 1000),
    attributes: attributes.map((attribute) => [attribute.name ?? '', attribute.value ?? ''] as const),
  }
}

function ring(hash: ConsistentHash): ConsistentHashSpec['ring'] {
  if (hash.maglev !== undefined) return { kind: 'maglev', tableSize: hash.maglev.tableSize || 65_537 }
  return { kind: 'ringHash', minimumRingSize: hash.ringHash?.minimumRingSize || hash.minimumRingSize || 1024 }
}

// --- connections ---------------------------------------------------------------------------------------------------------------------

function connectionPoolSpec({ tcp = {}, http = {} }: ConnectionPool): ConnectionPoolSpec {
  return {
    ...given('maxConnections', tcp.maxConnections || undefined),
    ...given('connectTimeoutMs', tcp.connectTimeout),
    ...given('keepaliveMs', tcp.tcpKeepalive?.time),
    ...given('maxConnectionDurationMs', tcp.maxConnectionDuration),
    ...given('maxPendingRequests', http.http1MaxPendingRequests || undefined),
    ...given('maxRequests', http.http2MaxRequests || undefined),
    ...given('maxRequestsPerConnection', http.maxRequestsPerConnection || undefined),
    ...given('maxRetries', http.maxRetries || undefined),
    ...given('idleTimeoutMs', http.idleTimeout ?? tcp.idleTimeout),
  }
}

function outlierDetectionSpec(outlier: OutlierDetection): OutlierDetectionSpec {
  return {
    consecutive5xxErrors: outlier.consecutive5xxErrors ?? 5,
    consecutiveGatewayErrors: outlier.consecutiveGatewayErrors ?? outlier.consecutiveErrors ?? 0,
    splitExternalLocalOriginErrors: outlier.splitExternalLocalOriginErrors ?? false,
    consecutiveLocalOriginFailures: outlier.consecutiveLocalOriginFailures ?? 5,
    intervalMs: outlier.interval ?? 10_000,
    baseEjectionTimeMs: outlier.baseEjectionTime ?? 30_000,
    maxEjectionPercent: outlier.maxEjectionPercent || 10,
  }
}

// --- TLS -----------------------------------------------------------------------------------------------------------------------------

/** ISTIO_MUTUAL needs a mesh's certificates: validation has said that it is plain text here. */
function tlsSpec(tls: ClientTls, pem: PemFiles): UpstreamTlsSpec {
  const { mode = 'DISABLE' } = tls
  if (mode === 'DISABLE' || mode === 'ISTIO_MUTUAL') return { mode: 'DISABLE' }
  const file = (path: string | undefined): string | undefined =>
    path === undefined || path === '' ? undefined : pem(path)
  return {
    mode,
    ...given('sni', tls.sni === '' ? undefined : tls.sni),
    ...given('caCertificates', file(tls.caCertificates)),
    ...(mode === 'MUTUAL' ? given('clientCertificate', file(tls.clientCertificate)) : {}),
    ...(mode === 'MUTUAL' ? given('privateKey', file(tls.privateKey)) : {}),
    subjectAltNames: tls.subjectAltNames ?? [],
    insecureSkipVerify: tls.insecureSkipVerify ?? false,
  }
}
