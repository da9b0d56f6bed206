// The actions of an HTTPRoute as Istio's validation takes them: redirect, direct response, rewrite, retries, fault, mirrors, cors.

import { STATUS_CODES } from 'node:http'
import { grpcStatuses, inertRetryConditions, retryConditions } from '../rules/route-actions.ts'
import type { Findings } from './findings.ts'
import type {
  CorsPolicy,
  HttpDirectResponse,
  HttpFaultInjection,
  HttpMatchRequest,
  HttpRedirect,
  HttpRetry,
  HttpRewrite,
  HttpRoute,
} from './model-virtual-service.ts'
import { headerNameProblem } from './validate-headers.ts'
import { durationProblem, portProblem } from './validate-names.ts'
import { checkStringMatch, regexProblem } from './validate-string-match.ts'

export function checkDuration(owner: object, key: string, ms: number | undefined, findings: Findings): void {
  const problem = ms === undefined ? undefined : durationProblem(ms)
  if (problem !== undefined) findings.error(owner, key, problem)
}

export function checkRedirect(redirect: HttpRedirect, matches: readonly HttpMatchRequest[], findings: Findings): void {
  const { uri, prefixRewrite, authority, port, derivePort, scheme, redirectCode } = redirect
  const given = [uri, prefixRewrite, authority, scheme].some((text) => text !== undefined && text !== '')
  if (!given && port === undefined && derivePort === undefined) {
    findings.error(redirect, undefined, 'redirect must specify URI, authority, scheme, or port')
  }
  if (uri !== undefined && uri !== '' && prefixRewrite !== undefined && prefixRewrite !== '') {
    findings.error(redirect, 'prefixRewrite', 'redirect cannot specify both URI and prefix rewrite')
  }
  const others = matches.filter(({ uri: asked }) => asked !== undefined && asked.prefix === undefined)
  if (prefixRewrite !== undefined && prefixRewrite !== '' && others.length > 0) {
    findings.error(
      redirect,
      'prefixRewrite',
      'redirect prefix_rewrite requires all URI matches to use prefix match type',
    )
  }
  // 0 says as much as no port.
  if (port !== undefined && port !== 0) {
    const problem = portProblem(port)
    if (problem !== undefined) findings.error(redirect, 'port', problem)
  }
  if (scheme !== undefined && scheme !== '' && scheme !== 'http' && scheme !== 'https') {
    findings.error(redirect, 'scheme', 'invalid redirect scheme, must be "http" or "https"')
  }
  if (redirectCode === undefined || redirectCode === 0) return
  if (redirectCode < 300 || redirectCode > 399) {
    findings.error(redirect, 'redirectCode', `${redirectCode} is not a valid redirect code, must be 3xx`)
  } else if (![301, 302, 303, 307, 308].includes(redirectCode)) {
    findings.refusedByEnvoy(
      redirect,
      'redirectCode',
      `${redirectCode} is none of 301, 302, 303, 307, 308, the redirects that Envoy knows`,
    )
  }
}

const kilobyte = 1024

export function checkDirectResponse(response: HttpDirectResponse, findings: Findings): void {
  checkStatus(response, 'status', response.status ?? 0, findings)
  const { body } = response
  if (body === undefined) return
  const size = Math.max(Buffer.byteLength(body.string ?? ''), body.bytes?.length ?? 0)
  if (size > kilobyte * kilobyte) findings.error(response, 'body', `response body is ${size} bytes, more than 1 MB`)
  else if (size > 100 * kilobyte) findings.warn(response, 'body', `response body is ${size} bytes, more than 100 KB`)
}

function checkStatus(owner: object, key: string, status: number, findings: Findings): void {
  if (status < 200 || status > 600) findings.error(owner, key, `HTTP status ${status} is not in range 200-599`)
}

export function checkRewrite(rewrite: HttpRewrite, findings: Findings): void {
  const { uri = '', authority = '', uriRegexRewrite } = rewrite
  const bothPaths = uri !== '' && uriRegexRewrite !== undefined
  if ((uri === '' && authority === '' && uriRegexRewrite === undefined) || bothPaths) {
    const message =
      'rewrite must specify at least one of URI, UriRegexRewrite, or authority. Only one of URI or UriRegexRewrite may be specified'
    findings.error(rewrite, undefined, message)
  }
  if (uriRegexRewrite === undefined) return
  const { match = '', rewrite: text = '' } = uriRegexRewrite
  if (match === '' || text === '')
    findings.error(uriRegexRewrite, undefined, 'UriRegexRewrite requires both Rewrite and Match fields to be specified')
  const problem = match === '' ? undefined : regexProblem(match)
  if (problem !== undefined) findings.error(uriRegexRewrite, 'match', problem)
}

/** The authority may be set once: by the rewrite, or by a header operation. */
export function checkAuthorityOnce(route: HttpRoute, findings: Findings): void {
  let current = route.rewrite?.authority ?? ''
  for (const map of [route.headers?.request?.set, route.headers?.request?.add]) {
    for (const [name, value] of map ?? []) {
      const lower = name.toLowerCase()
      if (lower !== 'host' && lower !== ':authority') continue
      if (current !== '') {
        const message = `authority header cannot be set multiple times: have ${JSON.stringify(current)}, attempting to set ${JSON.stringify(value)}`
        findings.error(map as object, name, message)
      }
      current = value ?? ''
    }
  }
}

export function checkRetries(retries: HttpRetry, findings: Findings): void {
  const { attempts = 0, retryOn = '', perTryTimeout, retryRemoteLocalities } = retries
  if (attempts < 0) findings.error(retries, 'attempts', 'attempts cannot be negative')
  if (attempts === 0 && (perTryTimeout !== undefined || retryOn !== '' || retryRemoteLocalities !== undefined)) {
    findings.error(retries, undefined, 'http retry policy configured when attempts are set to 0 (disabled)')
  }
  checkDuration(retries, 'perTryTimeout', perTryTimeout, findings)
  checkDuration(retries, 'backoff', retries.backoff, findings)
  if (retryRemoteLocalities === true) {
    findings.notHonoured(
      retries,
      'retryRemoteLocalities',
      'there are no localities here: retryRemoteLocalities does nothing',
    )
  }
  if (retryOn === '') return
  for (const word of retryOn.split(',')) {
    const known = (retryConditions as readonly string[]).includes(word) || inertRetryConditions.includes(word)
    const isStatus = /^\d+$/.test(word) && STATUS_CODES[Number(word)] !== undefined
    if (!known && !isStatus) findings.error(retries, 'retryOn', `${JSON.stringify(word)} is not a valid retryOn policy`)
    else if (inertRetryConditions.includes(word) && !defaultWords.has(word)) {
      findings.notHonoured(retries, 'retryOn', `${word} never fits an HTTP/1.1 answer`)
    }
  }
}

/** Istio's own default holds these, and everybody copies it. */
const defaultWords = new Set(['refused-stream', 'unavailable', 'cancelled'])

export function checkFault(fault: HttpFaultInjection, findings: Findings): void {
  const { delay, abort } = fault
  if (delay === undefined && abort === undefined) {
    findings.error(fault, undefined, 'HTTP fault injection must have an abort and/or a delay')
  }
  if (delay !== undefined) {
    if (delay.percent !== undefined) {
      findings.warn(
        delay,
        'percent',
        'percent is deprecated, and means nothing beside percentage: write percentage: {value: ...}',
      )
    }
    checkPercentage(delay.percentage, findings)
    checkDuration(delay, 'fixedDelay', delay.fixedDelay, findings)
    if (delay.exponentialDelay !== undefined)
      findings.error(delay, 'exponentialDelay', 'exponentialDelay not supported yet')
  }
  if (abort === undefined) return
  checkPercentage(abort.percentage, findings)
  if (abort.http2Error !== undefined)
    findings.error(abort, 'http2Error', 'HTTP/2 abort fault injection not supported yet')
  else if (abort.grpcStatus !== undefined) {
    if (!grpcStatuses.includes(abort.grpcStatus)) {
      findings.error(abort, 'grpcStatus', `gRPC status ${JSON.stringify(abort.grpcStatus)} is not supported`)
    }
  } else if (abort.httpStatus !== undefined) checkStatus(abort, 'httpStatus', abort.httpStatus, findings)
  else findings.warn(abort, undefined, 'abort fault injection without httpStatus or grpcStatus does nothing')
}

function checkPercentage(percentage: { readonly value?: number | undefined } | undefined, findings: Findings): void {
  const value = percentage?.value ?? 0
  if (value !== 0 && (value < 0.0001 || value > 100)) {
    findings.error(percentage as object, 'value', `percentage ${value} is neither 0.0, nor in range [0.0001, 100.0]`)
  }
}

export function checkMirrors(route: HttpRoute, findings: Findings): void {
  if (route.mirror !== undefined && route.mirrors !== undefined && route.mirrors.length > 0) {
    findings.error(route, 'mirrors', 'HTTP route cannot contain both mirror and mirrors')
  }
  const { mirrorPercent } = route
  if (mirrorPercent !== undefined) {
    findings.warn(route, 'mirrorPercent', 'using deprecated setting "mirrorPercent", use "mirrorPercentage" instead')
    if (mirrorPercent > 100)
      findings.error(route, 'mirrorPercent', `mirror_percent must have a max value of 100 (it has ${mirrorPercent})`)
  }
  for (const percentage of [route.mirrorPercentage, ...(route.mirrors ?? []).map((mirror) => mirror.percentage)]) {
    const value = percentage?.value ?? 0
    if (value > 100)
      findings.error(
        percentage as object,
        'value',
        `mirror_percentage must have a max value of 100 (it has ${value.toFixed(6)})`,
      )
    if (value < 0)
      findings.error(
        percentage as object,
        'value',
        `mirror_percentage must have a min value of 0 (it has ${value.toFixed(6)})`,
      )
  }
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*'])

export function checkCors(policy: CorsPolicy, findings: Findings): void {
  for (const origin of policy.allowOrigins ?? []) {
    const text = origin.exact ?? origin.prefix ?? origin.regex ?? ''
    if (text === '') findings.error(origin, undefined, `'${text}' is not a valid match type for CORS allow origins`)
    else checkStringMatch(origin, 'corsAllowOrigins', findings)
  }
  for (const [index, method] of (policy.allowMethods ?? []).entries()) {
    if (!methods.has(method))
      findings.error(policy.allowMethods as object, index, `${JSON.stringify(method)} is not a supported HTTP method`)
  }
  for (const names of [policy.allowHeaders, policy.exposeHeaders]) {
    for (const [index, name] of (names ?? []).entries()) {
      const problem = name === '*' ? undefined : headerNameProblem(name)
      if (problem !== undefined) findings.error(names as object, index, problem)
    }
  }
  const { maxAge } = policy
  if (maxAge === undefined) return
  checkDuration(policy, 'maxAge', maxAge, findings)
  if (!Number.isInteger(maxAge / 1000))
    findings.error(policy, 'maxAge', 'max_age duration is accurate only to seconds precision')
}
