// DestinationRules as Istio's validation takes them, and what of them is not honoured here.

import type { Findings } from './findings.ts'
import type {
  ConnectionPool,
  CookieAttributes,
  DestinationRuleSpec,
  LoadBalancer,
  OutlierDetection,
  TrafficPolicy,
} from './model-destination-rule.ts'
import type { ClientTls } from './model-shared.ts'
import { checkDuration } from './validate-actions.ts'
import { checkExportTo, checkLabels, isLabel, portProblem, wildcardDomainProblem } from './validate-names.ts'

export function checkDestinationRule(spec: DestinationRuleSpec, namespace: string, findings: Findings): void {
  const problem = wildcardDomainProblem(spec.host ?? '')
  if (problem !== undefined) findings.error(spec, 'host', problem)
  if (spec.trafficPolicy !== undefined) checkTrafficPolicy(spec.trafficPolicy, findings)
  const names = new Set<string>()
  for (const subset of spec.subsets ?? []) {
    const { name = '' } = subset
    if (name === '') findings.error(subset, undefined, 'subset name cannot be empty')
    else if (!isLabel(name)) findings.error(subset, 'name', `subset name is invalid: ${name}`)
    else if (names.has(name)) findings.error(subset, 'name', `duplicate subset names: ${name}`)
    names.add(name)
    checkLabels(subset.labels, findings)
    if (subset.trafficPolicy !== undefined) checkTrafficPolicy(subset.trafficPolicy, findings)
  }
  checkExportTo(namespace, spec.exportTo, findings)
  if (spec.workloadSelector !== undefined) {
    const elsewhere = (spec.exportTo ?? []).findIndex((name) => name !== '.' && name !== namespace)
    if (elsewhere !== -1) {
      const message = 'destination rule with workload selector cannot have exportTo beyond current namespace'
      findings.error(spec.exportTo as object, elsewhere, message)
    }
    findings.notHonoured(spec, 'workloadSelector', 'workloadSelector is not honoured: the rule holds for every caller')
  }
}

function checkTrafficPolicy(policy: TrafficPolicy, findings: Findings): void {
  if (Object.values(policy).every((value) => value === undefined)) {
    findings.error(policy, undefined, 'traffic policy must have at least one field')
  }
  checkParts(policy, findings)
  for (const port of policy.portLevelSettings ?? []) {
    const number = port.port?.number
    const problem = number === undefined ? 'traffic policy port is required' : portProblem(number)
    if (problem !== undefined) findings.error(port, 'port', problem)
    const { port: _, ...parts } = port
    if (Object.values(parts).every((value) => value === undefined)) {
      findings.error(port, undefined, 'port traffic policy must have at least one field')
    }
    checkParts(port, findings)
  }
  if (policy.tunnel !== undefined && policy.proxyProtocol !== undefined) {
    findings.error(policy, 'proxyProtocol', 'tunnel and proxyProtocol must not be set together')
  }
  for (const key of ['tunnel', 'proxyProtocol', 'retryBudget'] as const) {
    if (policy[key] !== undefined) findings.notHonoured(policy, key, `${key} is not honoured`)
  }
}

function checkParts(policy: Omit<TrafficPolicy, 'portLevelSettings'>, findings: Findings): void {
  if (policy.loadBalancer !== undefined) checkLoadBalancer(policy.loadBalancer, findings)
  if (policy.connectionPool !== undefined) checkConnectionPool(policy.connectionPool, findings)
  if (policy.outlierDetection !== undefined) checkOutlierDetection(policy.outlierDetection, findings)
  if (policy.tls !== undefined) checkTls(policy.tls, findings)
}

function checkLoadBalancer(settings: LoadBalancer, findings: Findings): void {
  const { simple, consistentHash: hash, warmup, warmupDurationSecs } = settings
  if (simple === 'PASSTHROUGH') {
    findings.notHonoured(
      settings,
      'simple',
      'PASSTHROUGH needs the original address, which a gateway has not: LEAST_REQUEST is used',
    )
  }
  if (hash?.httpCookie !== undefined && (hash.httpCookie.name ?? '') === '') {
    findings.error(hash.httpCookie, undefined, 'name required for HttpCookie')
  }
  checkAttributes(hash?.httpCookie?.attributes, findings)
  if (hash?.minimumRingSize !== undefined) {
    if (hash.ringHash !== undefined || hash.maglev !== undefined) {
      findings.error(hash, 'minimumRingSize', 'only one of MinimumRingSize or Maglev/Ringhash can be specified')
    } else
      findings.warn(
        hash,
        'minimumRingSize',
        "consistent hash MinimumRingSize is deprecated, use ConsistentHashLB's RingHash configuration instead",
      )
  }
  const { tableSize = 0 } = hash?.maglev ?? {}
  if (hash?.maglev !== undefined && tableSize === 0) {
    findings.error(hash.maglev, undefined, 'tableSize must be set for maglev')
  } else if (hash?.maglev !== undefined && (tableSize >= 5_000_011 || !isPrime(tableSize))) {
    findings.error(hash.maglev, 'tableSize', 'tableSize must be a prime number for maglev, less than 5000011')
  }
  if (warmup !== undefined && warmupDurationSecs !== undefined) {
    findings.error(settings, 'warmupDurationSecs', 'only one of warmupDurationSecs or warmup can be set')
  }
  if (warmup !== undefined) {
    if (warmup.duration === undefined) findings.error(warmup, undefined, 'duration is required')
    const { minimumPercent = 10, aggression = 1 } = warmup
    if (minimumPercent < 0 || minimumPercent > 100)
      findings.error(warmup, 'minimumPercent', 'minimumPercent value should be between 0 and 100')
    if (aggression < 1) findings.error(warmup, 'aggression', 'aggression should be greater than or equal to 1')
  }
  if (settings.localityLbSetting !== undefined && settings.zoneAwareLbSetting !== undefined) {
    const message = 'only one of localityLbSetting and zoneAwareLbSetting can be set'
    findings.error(settings, 'zoneAwareLbSetting', message)
  }
  for (const key of ['localityLbSetting', 'zoneAwareLbSetting'] as const) {
    if (settings[key] !== undefined)
      findings.notHonoured(settings, key, `${key} is not honoured: there are no localities here`)
  }
}

function checkAttributes(attributes: CookieAttributes = [], findings: Findings): void {
  const names = new Set<string>()
  for (const attribute of attributes) {
    const { name = '' } = attribute
    if (name === '') findings.error(attribute, undefined, 'cookie attribute name cannot be empty')
    else if (names.has(name)) findings.error(attribute, 'name', `duplicate cookie attribute name: ${name}`)
    names.add(name)
  }
}

function isPrime(number: number): boolean {
  if (number < 2) return false
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) return false
  return true
}

function checkConnectionPool(pool: ConnectionPool, findings: Findings): void {
  const { tcp, http } = pool
  if (tcp === undefined && http === undefined)
    findings.error(pool, undefined, 'connection pool must have at least one field')
  for (const [owner, keys] of [
    [tcp, ['maxConnections']],
    [
      http,
      ['http1MaxPendingRequests', 'http2MaxRequests', 'maxRequestsPerConnection', 'maxRetries', 'maxConcurrentStreams'],
    ],
  ] as const) {
    for (const key of keys) {
      const value = (owner as Record<string, number | undefined> | undefined)?.[key]
      if (value !== undefined && value < 0) findings.error(owner as object, key, `${key} must be non-negative`)
    }
  }
  if (tcp !== undefined) {
    checkDuration(tcp, 'connectTimeout', tcp.connectTimeout, findings)
    checkDuration(tcp, 'maxConnectionDuration', tcp.maxConnectionDuration, findings)
    if (tcp.idleTimeout !== 0) checkDuration(tcp, 'idleTimeout', tcp.idleTimeout, findings)
    sayUnheeded(tcp.tcpKeepalive, ['probes', 'interval'], 'the system decides', findings)
  }
  if (http === undefined) return
  checkDuration(http, 'idleTimeout', http.idleTimeout, findings)
  const upgrades = http.h2UpgradePolicy === 'UPGRADE'
  if (upgrades && http.useClientProtocol === true) {
    findings.error(http, 'useClientProtocol', 'use client protocol must not be true when H2UpgradePolicy is UPGRADE')
  }
  if (upgrades) findings.notHonoured(http, 'h2UpgradePolicy', 'upstreams are spoken to in HTTP/1.1')
  sayUnheeded(
    http,
    ['useClientProtocol', 'maxConcurrentStreams', 'http2KeepAlive'],
    'upstreams are spoken to in HTTP/1.1',
    findings,
  )
}

/** Fields of which nothing comes here: said, so that nobody counts on them. */
function sayUnheeded<T extends object>(
  owner: T | undefined,
  keys: readonly (keyof T & string)[],
  why: string,
  findings: Findings,
): void {
  for (const key of keys) {
    const value = owner?.[key]
    if (value !== undefined && value !== false) findings.notHonoured(owner as T, key, `${key} is not honoured: ${why}`)
  }
}

function checkOutlierDetection(outlier: OutlierDetection, findings: Findings): void {
  sayUnheeded(outlier, ['outlierDetectionHttpErrorCodes'], '500 and above count as errors', findings)
  const {
    splitExternalLocalOriginErrors,
    consecutiveLocalOriginFailures = 0,
    maxEjectionPercent = 0,
    minHealthPercent = 0,
  } = outlier
  checkDuration(outlier, 'interval', outlier.interval, findings)
  checkDuration(outlier, 'baseEjectionTime', outlier.baseEjectionTime, findings)
  if (outlier.consecutiveErrors !== undefined) {
    findings.warn(
      outlier,
      'consecutiveErrors',
      'outlier detection consecutive errors is deprecated, use consecutiveGatewayErrors or consecutive5xxErrors instead',
    )
  }
  if (splitExternalLocalOriginErrors !== true && consecutiveLocalOriginFailures > 0) {
    const message =
      'outlier detection consecutive local origin failures is specified, but split external local origin errors is set to false'
    findings.error(outlier, 'consecutiveLocalOriginFailures', message)
  }
  for (const [key, value] of Object.entries({ maxEjectionPercent, minHealthPercent })) {
    if (value < 0 || value > 100) findings.error(outlier, key, `percentage ${value} is not in range 0..100`)
  }
  if (minHealthPercent > 0)
    findings.notHonoured(
      outlier,
      'minHealthPercent',
      'minHealthPercent is not honoured: endpoints that are out stay out',
    )
}

function checkTls(tls: ClientTls, findings: Findings): void {
  const { mode, insecureSkipVerify, caCertificates = '', credentialName = '' } = tls
  sayUnheeded(tls, ['caCrl'], 'revocation lists are not read', findings)
  const files = ['clientCertificate', 'privateKey'] as const
  if (mode === 'ISTIO_MUTUAL') {
    findings.notHonoured(
      tls,
      'mode',
      'ISTIO_MUTUAL needs the certificates of a mesh: connections are made in plain text',
    )
  }
  if (insecureSkipVerify === true && (mode === 'SIMPLE' || mode === 'MUTUAL')) {
    const message = 'cannot specify CaCertificates or SubjectAltNames when InsecureSkipVerify is set true'
    if (caCertificates !== '') findings.error(tls, 'caCertificates', message)
    if (tls.subjectAltNames !== undefined) findings.error(tls, 'subjectAltNames', message)
    if (mode === 'SIMPLE' && credentialName !== '') {
      findings.error(tls, 'credentialName', 'cannot specify CredentialName when InsecureSkipVerify is set true')
    }
  }
  if (mode === 'MUTUAL' && credentialName === '') {
    for (const key of files)
      if ((tls[key] ?? '') === '') findings.error(tls, undefined, `${key} is required for MUTUAL`)
  }
  if (credentialName !== '' && (mode === 'SIMPLE' || mode === 'MUTUAL')) {
    for (const key of [...files, 'caCertificates', 'caCrl'] as const) {
      if ((tls[key] ?? '') !== '')
        findings.error(tls, key, `cannot specify client certificates or CA certificate when credentialName is set`)
    }
    findings.notHonoured(
      tls,
      'credentialName',
      'secrets are not read: name the files (clientCertificate, privateKey, caCertificates)',
    )
  }
}
