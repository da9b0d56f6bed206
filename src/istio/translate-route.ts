// What an HTTPRoute does, in the words of rules/route-actions.ts.

import type { Origins } from '../config/origins.ts'
import {
  type CorsPolicySpec,
  defaultBackoffMs,
  type DirectResponseSpec,
  type FaultSpec,
  grpcStatuses,
  istioDefaultRetries,
  type MirrorSpec,
  type RedirectSpec,
  type RetriesSpec,
  type RewriteSpec,
  type RouteDestinationSpec,
  type RouteSpec,
} from '../rules/route-actions.ts'
import { parseRetryOn } from '../rules/retry-on.ts'
import type { HeaderOperationsSpec } from '../rules/types.ts'
import type { Cluster, Clusters } from './clusters.ts'
import type { HeaderOperations } from './model-shared.ts'
import type {
  CorsPolicy,
  HttpDirectResponse,
  HttpFaultInjection,
  HttpRedirect,
  HttpRetry,
  HttpRewrite,
  HttpRoute,
} from './model-virtual-service.ts'
import { isFieldName, notHonoured } from './validate-headers.ts'
import { originSpec } from './translate-match.ts'

/** Where a rule is carried out. */
export interface RouteContext {
  readonly clusters: Clusters
  /** Of the VirtualService that the rule stands in: short names are its services. */
  readonly namespace: string
  /** Port of the listener: for destinations that name none. */
  readonly listenerPort: number
  readonly origins: Origins
}

export function routeSpec(route: HttpRoute, context: RouteContext): RouteSpec {
  const targets = (route.route ?? []).map((target) => ({
    target,
    cluster: context.clusters.find(target.destination, context.namespace, context.listenerPort),
  }))
  const destinations = targets.map(({ target, cluster }): RouteDestinationSpec => {
    return { pool: cluster?.pool, weight: target.weight ?? 0, ...headerSpecs(target.headers) }
  })
  const wrong = invalidName([route.headers, ...targets.map(({ target }) => target.headers)])
  if (wrong !== undefined && destinations.length > 0) return invalidNameRoute(wrong, headerSpecs(route.headers))
  const clusters = targets.map(({ cluster }) => cluster)
  return { ...actionsSpec(route, context, clusters), destinations }
}

/** Envoy takes a configuration with such a name, and then fails to send: every request of the route is answered so. */
function invalidNameRoute(name: string, { responseHeaders }: ReturnType<typeof headerSpecs>): RouteSpec {
  const directResponse = { status: 503, body: `invalid header name: ${name}` }
  return {
    timeoutMs: 0,
    directResponse,
    ...(responseHeaders === undefined ? {} : { responseHeaders }),
    destinations: [],
  }
}

function invalidName(levels: readonly HttpRoute['headers'][]): string | undefined {
  const names = levels.flatMap((headers) => [...(headers?.request?.set ?? []), ...(headers?.request?.add ?? [])])
  return names.map(([name]) => name.toLowerCase()).find((name) => !isFieldName(name) && name !== ':authority')
}

function actionsSpec(
  route: HttpRoute,
  context: RouteContext,
  clusters: readonly (Cluster | undefined)[],
): Omit<RouteSpec, 'destinations'> {
  const { redirect, directResponse, rewrite, fault, corsPolicy } = route
  const forwards = clusters.length > 0
  const hashKeys = clusters.flatMap((cluster) => cluster?.hashKey ?? [])
  const retries = forwards ? retriesSpec(route.retries, clusters.length === 1 && hashKeys.length > 0) : undefined
  const mirrors = forwards ? mirrorSpecs(route, context) : []
  const faultOnly = fault && faultSpec(fault)
  return {
    timeoutMs: route.timeout ?? 0,
    ...headerSpecs(route.headers),
    ...(retries === undefined ? {} : { retries }),
    ...(redirect === undefined ? {} : { redirect: redirectSpec(redirect) }),
    ...(directResponse === undefined ? {} : { directResponse: directResponseSpec(directResponse) }),
    ...(rewrite === undefined ? {} : { rewrite: rewriteSpec(rewrite) }),
    ...(faultOnly === undefined ? {} : { fault: faultOnly }),
    ...(corsPolicy === undefined ? {} : { corsPolicy: corsSpec(corsPolicy, context.origins) }),
    ...(mirrors.length === 0 ? {} : { mirrors }),
    ...(hashKeys.length === 0 ? {} : { hashKeys }),
  }
}

// --- headers -------------------------------------------------------------------------------------------------------------------------

function headerSpecs(headers: HttpRoute['headers']): Pick<RouteSpec, 'requestHeaders' | 'responseHeaders'> {
  const request = headers?.request && operationsSpec(headers.request)
  const response = headers?.response && operationsSpec(headers.response)
  return {
    ...(request === undefined ? {} : { requestHeaders: request }),
    ...(response === undefined ? {} : { responseHeaders: response }),
  }
}

function operationsSpec({ set, add, remove }: HeaderOperations): HeaderOperationsSpec {
  const names = (remove ?? []).map((name) => name.toLowerCase())
  return { set: sorted(set), add: sorted(add), remove: names.filter((name) => notHonoured(name, '') === undefined) }
}

/** Istio writes them sorted by name, as it was given. Validation has told of names that cannot be sent. */
function sorted(map: ReadonlyMap<string, string | null> = new Map()): ReadonlyMap<string, string> {
  const entries = Array.from(map, ([name, value]) => [name, value ?? ''] as const).filter(
    ([name, value]) =>
      (isFieldName(name) || name.toLowerCase() === ':authority') && notHonoured(name, value) === undefined,
  )
  const inOrder = entries.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return new Map(inOrder.map(([name, value]) => [name.toLowerCase(), value] as const))
}

// --- answers of our own --------------------------------------------------------------------------------------------------------------

function redirectSpec(redirect: HttpRedirect): RedirectSpec {
  const { uri, prefixRewrite, authority, scheme, port, derivePort, redirectCode } = redirect
  return {
    ...text('uri', uri),
    ...text('prefixRewrite', prefixRewrite),
    ...text('authority', authority),
    ...text('scheme', scheme),
    ...(port === undefined || port === 0 ? {} : { port }),
    ...(derivePort === undefined ? {} : { derivePort }),
    redirectCode: redirectCode || 301,
  }
}

/** Istio's empty texts are not given. */
function text<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  return (value === undefined || value === '' ? {} : { [key]: value }) as { readonly [P in K]?: string }
}

function directResponseSpec({ status = 0, body }: HttpDirectResponse): DirectResponseSpec {
  return { status, body: body?.bytes === undefined ? (body?.string ?? '') : Buffer.from(body.bytes, 'latin1') }
}

function rewriteSpec({ uri, authority, uriRegexRewrite }: HttpRewrite): RewriteSpec {
  const { match = '', rewrite = '' } = uriRegexRewrite ?? {}
  return {
    ...text('uri', uri),
    ...text('authority', authority),
    ...(uriRegexRewrite === undefined ? {} : { uriRegexRewrite: { match, rewrite } }),
  }
}

// --- retries, fault, mirrors, cors -----------------------------------------------------------------------------------------------------

function retriesSpec(retries: HttpRetry | undefined, isHashed: boolean): RetriesSpec {
  const { attempts = 0, retryOn = '', perTryTimeout = 0, backoff } = retries ?? {}
  const ignorePreviousHosts = retries?.retryIgnorePreviousHosts ?? !isHashed
  if (retries === undefined) return { ...istioDefaultRetries, ignorePreviousHosts }
  // Not even a refused connection, which the engine would take to the next endpoint of its own accord.
  if (attempts <= 0) return { ...istioDefaultRetries, attempts: 0 }
  const asked = retryOn === '' ? istioDefaultRetries : parseRetryOn(retryOn)
  // Validation has refused words that are none.
  const { retryOn: conditions, statusCodes } = 'unknown' in asked ? istioDefaultRetries : asked
  return {
    attempts,
    perTryTimeoutMs: perTryTimeout,
    retryOn: conditions,
    statusCodes,
    backoffMs: backoff ?? defaultBackoffMs,
    ignorePreviousHosts,
  }
}

function faultSpec({ delay, abort }: HttpFaultInjection): FaultSpec | undefined {
  const grpcStatus = abort?.grpcStatus === undefined ? undefined : grpcStatuses.indexOf(abort.grpcStatus)
  const status = grpcStatus === undefined ? abort?.httpStatus : 200
  const spec: FaultSpec = {
    ...(delay?.fixedDelay === undefined
      ? {}
      : { delay: { fixedDelayMs: delay.fixedDelay, percentage: delay.percentage?.value ?? delay.percent ?? 0 } }),
    ...(status === undefined
      ? {}
      : {
          abort: {
            status,
            ...(grpcStatus === undefined ? {} : { grpcStatus }),
            percentage: abort?.percentage?.value ?? 0,
          },
        }),
  }
  return spec.delay === undefined && spec.abort === undefined ? undefined : spec
}

function mirrorSpecs(route: HttpRoute, { clusters, namespace, listenerPort }: RouteContext): readonly MirrorSpec[] {
  const asked =
    route.mirror === undefined
      ? (route.mirrors ?? []).map(({ destination, percentage }) => ({
          destination,
          percentage: percentage === undefined ? 100 : (percentage.value ?? 0),
        }))
      : [{ destination: route.mirror, percentage: mirrorPercentage(route) }]
  return asked.flatMap(({ destination, percentage }) => {
    const pool = clusters.find(destination, namespace, listenerPort)?.pool
    return pool === undefined || percentage === 0 ? [] : [{ pool, percentage }]
  })
}

function mirrorPercentage({ mirrorPercentage: percentage, mirrorPercent }: HttpRoute): number {
  if (percentage !== undefined) return percentage.value ?? 0
  return mirrorPercent ?? 100
}

function corsSpec(policy: CorsPolicy, origins: Origins): CorsPolicySpec {
  const { allowOrigin = [], allowOrigins = [], maxAge } = policy
  return {
    allowOrigins:
      allowOrigins.length > 0
        ? allowOrigins.map((match) => originSpec(match, origins))
        : allowOrigin.map((value) => ({ kind: 'exact', value })),
    allowMethods: policy.allowMethods ?? [],
    allowHeaders: policy.allowHeaders ?? [],
    exposeHeaders: policy.exposeHeaders ?? [],
    maxAgeSeconds: maxAge === undefined ? undefined : Math.floor(maxAge / 1000),
    allowCredentials: policy.allowCredentials,
    unmatchedPreflights: policy.unmatchedPreflights === 'IGNORE' ? 'IGNORE' : 'FORWARD',
  }
}
