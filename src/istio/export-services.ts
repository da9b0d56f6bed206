// The pools of one service as a ServiceEntry with an endpoint for each upstream, and as a DestinationRule with a subset for each version.
// The service's trafficPolicy goes along field by field.

import type { Problem } from '../config/problem.ts'
import type {
  ConnectionPoolSpec,
  HashKeySpec,
  LoadBalancerSpec,
  OutlierDetectionSpec,
  TrafficPolicySpec,
} from '../rules/traffic-policy.ts'
import type { ServiceSpec } from '../rules/release.ts'
import type { UpstreamUrl } from '../rules/types.ts'
import { durationText } from './export-names.ts'
import { Commented } from './write-yaml.ts'

/** The port by which services call each other in the mesh; endpoints keep their own. */
export const servicePort = 80
const portName = 'http'

interface Around {
  readonly host: string
  readonly namespace: string
  readonly apiVersion: string
  readonly service: ServiceSpec
  readonly owners: readonly Owner[]
}

interface Owner {
  readonly subset: string
  readonly label: string
  readonly upstreams: readonly UpstreamUrl[]
}

export function serviceEntry({ host, namespace, apiVersion, owners }: Around): unknown {
  const all = owners.flatMap(({ upstreams }) => upstreams)
  const endpoints = owners.flatMap(({ label, upstreams }) =>
    upstreams.map(({ hostname, port, weight }) => ({
      address: hostname,
      ports: { [portName]: port },
      labels: { app: host, version: label },
      weight: weight === undefined || weight === 1 ? undefined : weight,
    })),
  )
  return new Commented(
    [
      'Where the pods are known to Kubernetes, its Service takes the place of this entry; each pod then needs the label version.',
    ],
    {
      apiVersion,
      kind: 'ServiceEntry',
      metadata: { name: host, namespace },
      spec: {
        hosts: [`${host}.${namespace}.svc.cluster.local`],
        location: 'MESH_INTERNAL',
        resolution: all.every(({ hostname }) => isAddress(hostname)) ? 'STATIC' : 'DNS',
        ports: [{ number: servicePort, name: portName, protocol: 'HTTP' }],
        endpoints,
      },
    },
  )
}

export function destinationRule(around: Around, omit: (problem: Problem) => void): unknown {
  const { host, namespace, apiVersion, service, owners } = around
  const subsets = owners.map(({ subset, label, upstreams }) => {
    const secure = upstreams.filter(({ protocol }) => protocol === 'https')
    if (secure.length > 0 && secure.length < upstreams.length) {
      const message = `${service.name}: a subset speaks https to all its endpoints or to none, and this pool mixes both: https is left out`
      omit({ ...service.place, severity: 'warning', code: 'export-tls', message })
    }
    const isSecure = secure.length > 0 && secure.length === upstreams.length
    return {
      name: subset,
      labels: { version: label },
      trafficPolicy: isSecure ? { tls: { mode: 'SIMPLE' } } : undefined,
    }
  })
  if (service.trafficPolicy?.tls !== undefined && service.trafficPolicy.tls.mode !== 'DISABLE') {
    const message = `${service.name}: the certificates of trafficPolicy.tls are read here; name their files in the mesh yourself`
    omit({ ...service.place, severity: 'warning', code: 'export-tls', message })
  }
  return {
    apiVersion,
    kind: 'DestinationRule',
    metadata: { name: host, namespace },
    spec: { host: `${host}.${namespace}.svc.cluster.local`, trafficPolicy: policyText(service.trafficPolicy), subsets },
  }
}

export function isAddress(hostname: string): boolean {
  return /^[\d.]+$/.test(hostname) || hostname.includes(':')
}

// --- trafficPolicy -----------------------------------------------------------------------------------------------------------------------

function policyText(policy: TrafficPolicySpec | undefined): object | undefined {
  const { loadBalancer, connectionPool, outlierDetection } = policy ?? {}
  if (loadBalancer === undefined && connectionPool === undefined && outlierDetection === undefined) return undefined
  return {
    loadBalancer: loadBalancer && balancerText(loadBalancer),
    connectionPool: connectionPool && connectionPoolText(connectionPool),
    outlierDetection: outlierDetection && outlierText(outlierDetection),
  }
}

function balancerText(balancer: LoadBalancerSpec): object {
  if (balancer.kind !== 'CONSISTENT_HASH') {
    const { kind, warmup } = balancer
    return {
      simple: kind,
      warmup: warmup && {
        duration: durationText(warmup.durationMs),
        minimumPercent: warmup.minimumPercent,
        aggression: warmup.aggression,
      },
    }
  }
  const { ring } = balancer
  const size =
    ring.kind === 'maglev'
      ? { maglev: { tableSize: ring.tableSize } }
      : { ringHash: { minimumRingSize: ring.minimumRingSize } }
  return { consistentHash: { ...hashKeyText(balancer.key), ...size } }
}

function hashKeyText(key: HashKeySpec): object {
  switch (key.kind) {
    case 'header':
      return { httpHeaderName: key.name }
    case 'sourceIp':
      return { useSourceIp: true }
    case 'queryParameter':
      return { httpQueryParameterName: key.name }
    case 'cookie': {
      const { name, path, ttlSeconds, attributes } = key
      return {
        httpCookie: {
          name,
          path: path === '' ? undefined : path,
          ttl: ttlSeconds === undefined ? undefined : `${ttlSeconds}s`,
          attributes:
            attributes.length === 0 ? undefined : attributes.map(([attribute, value]) => ({ name: attribute, value })),
        },
      }
    }
  }
}

function connectionPoolText(pool: ConnectionPoolSpec): object {
  const tcp = {
    maxConnections: pool.maxConnections,
    connectTimeout: time(pool.connectTimeoutMs),
    tcpKeepalive: pool.keepaliveMs === undefined ? undefined : { time: time(pool.keepaliveMs) },
    maxConnectionDuration: time(pool.maxConnectionDurationMs),
  }
  const http = {
    http1MaxPendingRequests: pool.maxPendingRequests,
    http2MaxRequests: pool.maxRequests,
    maxRequestsPerConnection: pool.maxRequestsPerConnection,
    maxRetries: pool.maxRetries,
    idleTimeout: time(pool.idleTimeoutMs),
  }
  return { tcp: given(tcp), http: given(http) }
}

function time(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : durationText(ms)
}

function given(part: object): object | undefined {
  return Object.values(part).some((value) => value !== undefined) ? part : undefined
}

function outlierText(outlier: OutlierDetectionSpec): object {
  const { splitExternalLocalOriginErrors: split, intervalMs, baseEjectionTimeMs, maxEjectionPercent } = outlier
  return {
    consecutive5xxErrors: outlier.consecutive5xxErrors,
    consecutiveGatewayErrors: outlier.consecutiveGatewayErrors === 0 ? undefined : outlier.consecutiveGatewayErrors,
    splitExternalLocalOriginErrors: split ? true : undefined,
    consecutiveLocalOriginFailures: split ? outlier.consecutiveLocalOriginFailures : undefined,
    interval: durationText(intervalMs),
    baseEjectionTime: durationText(baseEjectionTimeMs),
    maxEjectionPercent,
  }
}
