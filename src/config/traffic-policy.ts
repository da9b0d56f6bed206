// `trafficPolicy` in its long form: Istio's defaults written out, durations in milliseconds, files of TLS read.

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
import { complain, type Draft } from './draft.ts'
import { timeMs } from './route-actions.ts'
import type { TrafficPolicyText } from './schema-traffic-policy.ts'
import { refusalOfFiles } from './upstream-files.ts'

type LoadBalancerText = NonNullable<TrafficPolicyText['loadBalancer']>
type ConsistentHashText = NonNullable<LoadBalancerText['consistentHash']>
type ConnectionPoolText = NonNullable<TrafficPolicyText['connectionPool']>
type OutlierDetectionText = NonNullable<TrafficPolicyText['outlierDetection']>
type TlsText = NonNullable<TrafficPolicyText['tls']>

export async function trafficPolicySpec(draft: Draft, text: TrafficPolicyText): Promise<TrafficPolicySpec> {
  const { loadBalancer, connectionPool, outlierDetection, tls } = text
  return {
    ...(loadBalancer && { loadBalancer: loadBalancerSpec(draft, text, loadBalancer) }),
    ...(connectionPool && { connectionPool: connectionPoolSpec(draft, connectionPool) }),
    ...(outlierDetection && { outlierDetection: outlierDetectionSpec(draft, outlierDetection) }),
    ...(tls && { tls: await tlsSpec(draft, text, tls) }),
  }
}

// --- load balancing ------------------------------------------------------------------------------------------------------------------

function loadBalancerSpec(draft: Draft, owner: object, text: LoadBalancerText): LoadBalancerSpec {
  const { simple, consistentHash } = text
  const warmup = text.warmup && warmupSpec(draft, text.warmup)
  if (simple !== undefined && consistentHash !== undefined)
    complain(draft, text, 'simple', 'value', 'loadBalancer takes simple or consistentHash, not both')
  if (warmup !== undefined && (consistentHash !== undefined || simple === 'RANDOM'))
    complain(draft, text, 'warmup', 'value', 'warmup is for LEAST_REQUEST and ROUND_ROBIN')
  if (consistentHash !== undefined) return consistentHashSpec(draft, text, consistentHash)
  if (simple === undefined && warmup === undefined)
    complain(draft, owner, 'loadBalancer', 'value', 'loadBalancer needs simple, consistentHash or warmup')
  const kind = simple === 'ROUND_ROBIN' || simple === 'RANDOM' ? simple : 'LEAST_REQUEST'
  return { kind, ...(warmup && { warmup }) }
}

function warmupSpec(draft: Draft, text: NonNullable<LoadBalancerText['warmup']>): WarmupSpec {
  return {
    durationMs: timeMs(draft, text, 'duration', text.duration),
    minimumPercent: text.minimumPercent,
    aggression: Number(text.aggression),
  }
}

function consistentHashSpec(draft: Draft, owner: object, text: ConsistentHashText): ConsistentHashSpec {
  const { ringHash, maglev } = text
  if (ringHash && maglev) complain(draft, text, 'maglev', 'value', 'consistentHash takes ringHash or maglev, not both')
  if (maglev && !isPrime(maglev.tableSize))
    complain(draft, maglev, 'tableSize', 'value', `${maglev.tableSize} is not a prime`)
  return {
    kind: 'CONSISTENT_HASH',
    key: hashKey(draft, owner, text),
    ring: maglev
      ? { kind: 'maglev', ...maglev }
      : { kind: 'ringHash', minimumRingSize: ringHash?.minimumRingSize ?? 1024 },
  }
}

function hashKey(draft: Draft, owner: object, text: ConsistentHashText): HashKeySpec {
  const { httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName } = text
  const keys: HashKeySpec[] = []
  if (httpHeaderName !== undefined) keys.push({ kind: 'header', name: httpHeaderName.toLowerCase() })
  if (httpCookie !== undefined) keys.push(cookieKey(draft, httpCookie))
  if (useSourceIp === true) keys.push({ kind: 'sourceIp' })
  if (httpQueryParameterName !== undefined) keys.push({ kind: 'queryParameter', name: httpQueryParameterName })
  const [first, second] = keys
  if (first === undefined || second !== undefined) {
    const message = 'consistentHash needs one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName'
    complain(draft, owner, 'consistentHash', 'value', message)
  }
  return first ?? { kind: 'sourceIp' }
}

function cookieKey(draft: Draft, text: NonNullable<ConsistentHashText['httpCookie']>): HashKeySpec {
  const { name, path, ttl, attributes } = text
  if (name === draft.document.pin.cookie)
    complain(draft, text, 'name', 'value', `${name} is the cookie of the pin: a hash needs one of its own`)
  const ttlMs = ttl === undefined ? undefined : timeMs(draft, text, 'ttl', ttl, 0)
  return {
    kind: 'cookie',
    name,
    path,
    ttlSeconds: ttlMs === undefined ? undefined : Math.floor(ttlMs / 1000),
    attributes: attributes.map((attribute) => [attribute.name, attribute.value] as const),
  }
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return number > 1
}

// --- connections, outliers -----------------------------------------------------------------------------------------------------------

function connectionPoolSpec(draft: Draft, { tcp, http }: ConnectionPoolText): ConnectionPoolSpec {
  const idle = http?.idleTimeout === undefined ? tcp?.idleTimeout : http.idleTimeout
  const idleOwner = http?.idleTimeout === undefined ? tcp : http
  return {
    ...(tcp?.maxConnections !== undefined && { maxConnections: tcp.maxConnections }),
    ...(tcp?.connectTimeout !== undefined && {
      connectTimeoutMs: timeMs(draft, tcp, 'connectTimeout', tcp.connectTimeout),
    }),
    ...(tcp?.tcpKeepalive && { keepaliveMs: timeMs(draft, tcp.tcpKeepalive, 'time', tcp.tcpKeepalive.time) }),
    ...(tcp?.maxConnectionDuration !== undefined && {
      maxConnectionDurationMs: timeMs(draft, tcp, 'maxConnectionDuration', tcp.maxConnectionDuration),
    }),
    ...(idle !== undefined && { idleTimeoutMs: timeMs(draft, idleOwner!, 'idleTimeout', idle, 0) }),
    ...(http?.http1MaxPendingRequests !== undefined && { maxPendingRequests: http.http1MaxPendingRequests }),
    ...(http?.http2MaxRequests !== undefined && { maxRequests: http.http2MaxRequests }),
    ...(http?.maxRequestsPerConnection !== undefined && { maxRequestsPerConnection: http.maxRequestsPerConnection }),
    ...(http?.maxRetries !== undefined && { maxRetries: http.maxRetries }),
  }
}

function outlierDetectionSpec(draft: Draft, text: OutlierDetectionText): OutlierDetectionSpec {
  const { consecutiveLocalOriginFailures, splitExternalLocalOriginErrors } = text
  if (consecutiveLocalOriginFailures !== undefined && !splitExternalLocalOriginErrors) {
    const message = 'consecutiveLocalOriginFailures needs splitExternalLocalOriginErrors: true'
    complain(draft, text, 'consecutiveLocalOriginFailures', 'value', message)
  }
  return {
    consecutive5xxErrors: text.consecutive5xxErrors,
    consecutiveGatewayErrors: text.consecutiveGatewayErrors,
    splitExternalLocalOriginErrors,
    consecutiveLocalOriginFailures: consecutiveLocalOriginFailures ?? 5,
    intervalMs: timeMs(draft, text, 'interval', text.interval),
    baseEjectionTimeMs: timeMs(draft, text, 'baseEjectionTime', text.baseEjectionTime),
    maxEjectionPercent: text.maxEjectionPercent,
  }
}

// --- TLS -----------------------------------------------------------------------------------------------------------------------------

async function tlsSpec(draft: Draft, owner: object, text: TlsText): Promise<UpstreamTlsSpec> {
  const { mode, sni, caCertificates, clientCertificate, privateKey, subjectAltNames, insecureSkipVerify } = text
  const isMutual = mode === 'MUTUAL'
  if (isMutual && (clientCertificate === undefined || privateKey === undefined))
    complain(draft, owner, 'tls', 'value', 'MUTUAL needs clientCertificate and privateKey')
  if (!isMutual && (clientCertificate !== undefined || privateKey !== undefined))
    complain(draft, owner, 'tls', 'value', 'clientCertificate and privateKey are for mode: MUTUAL')
  if (mode === 'DISABLE') return { mode }
  const ca = await pem(draft, text, 'caCertificates', caCertificates)
  const certificate = await pem(draft, text, 'clientCertificate', clientCertificate)
  const key = await pem(draft, text, 'privateKey', privateKey)
  const refusal = refusalOfFiles({ caCertificates: ca, clientCertificate: certificate, privateKey: key })
  if (refusal !== undefined) complain(draft, text, refusal.key, 'certificate', `${text[refusal.key]} ${refusal.why}`)
  return {
    mode,
    ...(sni !== undefined && { sni }),
    ...(ca !== undefined && { caCertificates: ca }),
    ...(certificate !== undefined && { clientCertificate: certificate }),
    ...(key !== undefined && { privateKey: key }),
    subjectAltNames,
    insecureSkipVerify,
  }
}

async function pem(
  draft: Draft,
  owner: TlsText,
  name: 'caCertificates' | 'clientCertificate' | 'privateKey',
  file: string | undefined,
): Promise<string | undefined> {
  if (file === undefined) return undefined
  const bytes = await draft.sources.pem(file, draft.origins.place(owner, name))
  if (bytes === undefined) return undefined
  // The hash of a configuration is shown, and must tell nothing of a key.
  if (name !== 'privateKey') draft.sources.mixIntoDigest(bytes)
  return Buffer.from(bytes).toString('latin1')
}
