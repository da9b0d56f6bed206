// VirtualServices as Istio's validation takes them.

import type { Findings } from './findings.ts'
import type { Destination } from './model-shared.ts'
import type { HttpRoute, HttpRouteDestination, TlsRoute, VirtualServiceSpec } from './model-virtual-service.ts'
import {
  checkAuthorityOnce,
  checkCors,
  checkDirectResponse,
  checkDuration,
  checkFault,
  checkMirrors,
  checkRedirect,
  checkRetries,
  checkRewrite,
} from './validate-actions.ts'
import { checkHeaders } from './validate-headers.ts'
import { checkMatch } from './validate-match.ts'
import { covers } from './names.ts'
import {
  checkExportTo,
  checkGatewayNames,
  hostsOverlap,
  isIpAddress,
  isLabel,
  portProblem,
  wildcardDomainProblem,
} from './validate-names.ts'

export function checkVirtualService(spec: VirtualServiceSpec, namespace: string, findings: Findings): void {
  const { hosts = [], gateways = [], http = [], tls = [], tcp = [] } = spec
  const isDelegate = hosts.length === 0
  if (isDelegate) {
    if (gateways.length > 0)
      findings.error(spec, 'gateways', 'delegate virtual service must have no gateways specified')
    if (tls.length > 0) findings.error(spec, 'tls', 'delegate virtual service must have no tls routes specified')
    if (tcp.length > 0) findings.error(spec, 'tcp', 'delegate virtual service must have no tcp routes specified')
  }
  checkGatewayNames(spec.gateways, findings)
  checkHosts(spec, hosts, gateways.length === 0 || gateways.includes('mesh'), findings)
  if (http.length === 0 && tls.length === 0 && tcp.length === 0) {
    findings.error(spec, undefined, 'http, tcp or tls must be provided in virtual service')
  }
  const atGateway = gateways.length > 0 && !gateways.includes('mesh')
  for (const route of http) {
    checkHttpRoute(route, isDelegate, findings)
    for (const match of route.match ?? []) checkMatch(match, atGateway, findings)
  }
  for (const [key, routes] of [
    ['tls', tls],
    ['tcp', tcp],
  ] as const) {
    for (const route of routes) {
      if (key === 'tls') checkSniHosts(route, hosts, findings)
      if ((route.route ?? []).length === 0) findings.error(route, undefined, `${key.toUpperCase()} route is required`)
      checkShares(route.route, findings)
      for (const target of route.route ?? []) checkTarget(target, findings)
    }
    if (routes.length > 0) findings.notHonoured(spec, key, `${key} routes are not honoured: only HTTP is routed here`)
  }
  checkExportTo(namespace, spec.exportTo, findings)
}

function checkHosts(spec: VirtualServiceSpec, hosts: readonly string[], inMesh: boolean, findings: Findings): void {
  let valid = true
  for (const [index, host] of hosts.entries()) {
    const problem = isIpAddress(host) ? undefined : wildcardDomainProblem(host)
    const message =
      problem ??
      (inMesh && host === '*'
        ? 'wildcard host * is not allowed for virtual services bound to the mesh gateway'
        : undefined)
    if (message === undefined) continue
    findings.error(spec.hosts as object, index, message)
    valid = false
  }
  if (!valid) return
  for (const [index, host] of hosts.entries()) {
    const before = hosts.slice(0, index).find((other) => hostsOverlap(other, host))
    if (before !== undefined)
      findings.error(spec.hosts as object, index, `duplicate hosts in virtual service: ${before} & ${host}`)
  }
}

function checkHttpRoute(route: HttpRoute, isDelegate: boolean, findings: Findings): void {
  if (route.delegate !== undefined) checkRootRoute(route, isDelegate, findings)
  else checkConflicts(route, findings)
  checkHeaders(route.headers, findings)
  if (route.corsPolicy !== undefined) checkCors(route.corsPolicy, findings)
  if (route.fault !== undefined) checkFault(route.fault, findings)
  checkMirrors(route, findings)
  checkDestination(route, 'mirror', route.mirror, findings)
  for (const mirror of route.mirrors ?? []) {
    if (mirror.destination === undefined) findings.error(mirror, undefined, 'destination is required')
    checkDestination(mirror, 'destination', mirror.destination, findings)
  }
  if (route.redirect !== undefined) checkRedirect(route.redirect, route.match ?? [], findings)
  if (route.directResponse !== undefined) checkDirectResponse(route.directResponse, findings)
  if (route.retries !== undefined) checkRetries(route.retries, findings)
  if (route.rewrite !== undefined) checkRewrite(route.rewrite, findings)
  checkAuthorityOnce(route, findings)
  checkDestinations(route, findings)
  checkDuration(route, 'timeout', route.timeout, findings)
}

/** A route that hands on to a delegate does nothing itself. */
function checkRootRoute(route: HttpRoute, isDelegate: boolean, findings: Findings): void {
  if (isDelegate) findings.error(route, 'delegate', 'delegate HTTP route cannot contain delegate')
  if ((route.route ?? []).length > 0) findings.error(route, 'route', 'root HTTP route must not specify route')
  if (route.redirect !== undefined) findings.error(route, 'redirect', 'root HTTP route must not specify redirect')
}

function checkConflicts(route: HttpRoute, findings: Findings): void {
  const forwards = (route.route ?? []).length > 0
  const both = (key: string, message: string): void => findings.error(route, key, message)
  if (route.redirect !== undefined) {
    if (forwards) both('redirect', 'HTTP route cannot contain both route and redirect')
    if (route.fault !== undefined) both('fault', 'HTTP route cannot contain both fault and redirect')
    if (route.rewrite !== undefined) both('rewrite', 'HTTP route rule cannot contain both rewrite and redirect')
    if (route.directResponse !== undefined)
      both('directResponse', 'HTTP route cannot contain both redirect and direct_response')
  } else if (route.directResponse !== undefined) {
    if (forwards) both('directResponse', 'HTTP route cannot contain both route and direct_response')
    if (route.fault !== undefined) both('fault', 'HTTP route cannot contain both fault and direct_response')
    if (route.rewrite !== undefined) both('rewrite', 'HTTP route rule cannot contain both rewrite and direct_response')
  } else if (!forwards) findings.error(route, undefined, 'HTTP route, redirect or direct_response is required')
}

function checkDestinations(route: HttpRoute, findings: Findings): void {
  for (const target of route.route ?? []) {
    checkHeaders(target.headers, findings)
    checkTarget(target, findings)
  }
  checkShares(route.route, findings)
}

function checkShares(destinations: readonly Target[] = [], findings: Findings): void {
  let total = 0
  for (const target of destinations) {
    const { weight = 0 } = target
    if (weight < 0) findings.error(target, 'weight', `weight ${weight} < 0`)
    total += weight
  }
  if (destinations.length > 1 && total === 0) findings.error(destinations, undefined, 'total destination weight = 0')
}

/** Of HTTP, TLS and TCP routes. */
type Target = Pick<HttpRouteDestination, 'destination' | 'weight'>

/** We route no TLS; but what is wrong there makes Istio refuse the http routes beside it too. */
function checkSniHosts(route: TlsRoute, hosts: readonly string[], findings: Findings): void {
  const { match = [] } = route
  if (match.length === 0) findings.error(route, undefined, 'TLS route must have at least one match condition')
  for (const item of match) {
    const { sniHosts = [] } = item
    if (sniHosts.length === 0) findings.error(item, undefined, 'TLS match must have at least one SNI host')
    for (const [index, sni] of sniHosts.entries()) {
      if (isIpAddress(sni) || hosts.some((host) => covers(host, sni))) continue
      const message = `SNI host ${JSON.stringify(sni)} is not a compatible subset of any of the virtual service hosts: [${hosts.join(', ')}]`
      findings.error(sniHosts, index, message)
    }
  }
}

function checkTarget(target: Target, findings: Findings): void {
  if (target.destination === undefined) findings.error(target, undefined, 'destination is required')
  checkDestination(target, 'destination', target.destination, findings)
}

function checkDestination(owner: object, key: string, destination: Destination | undefined, findings: Findings): void {
  if (destination === undefined) return
  const { host = '', subset = '', port } = destination
  const hostAt = destination.host === undefined ? ([owner, key] as const) : ([destination, 'host'] as const)
  if (host === '*') findings.error(...hostAt, 'invalid destination host *')
  else {
    const problem = wildcardDomainProblem(host)
    if (problem !== undefined) findings.error(...hostAt, problem)
  }
  if (subset !== '' && !isLabel(subset)) findings.error(destination, 'subset', `subset name is invalid: ${subset}`)
  if (port === undefined) return
  const problem = portProblem(port.number ?? 0)
  if (problem !== undefined) findings.error(destination, 'port', problem)
}
