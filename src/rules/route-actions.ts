// What a route does with a request that it matched: Istio's HTTPRoute without its `match` and without where it goes. One form for
// routes.yaml's services and for VirtualServices; the semantics are Envoy's (src/proxy/route-execution.ts carries them out).

import type { HashKeySpec } from './traffic-policy.ts'
import type { HeaderOperationsSpec, Pool, StringMatchSpec } from './types.ts'

/** Istio's HTTPRoute fields. What is undefined is not done. */
export interface RouteActionsSpec {
  /** Whole answer, retries and back-off included, from the complete request on; milliseconds, 0 for none. HTTPRoute.timeout. */
  readonly timeoutMs: number
  readonly retries?: RetriesSpec
  readonly rewrite?: RewriteSpec
  /** Excludes directResponse, rewrite and fault; nothing is forwarded. */
  readonly redirect?: RedirectSpec
  /** Excludes redirect, rewrite and fault; nothing is forwarded. */
  readonly directResponse?: DirectResponseSpec
  /** Route level. Towards the upstream; after x-envoy-* and before rewrites of host and path. */
  readonly requestHeaders?: HeaderOperationsSpec
  /** Route level. On answers of the upstream, on redirects, direct responses and on what the edge answers for this route. */
  readonly responseHeaders?: HeaderOperationsSpec
  readonly corsPolicy?: CorsPolicySpec
  readonly fault?: FaultSpec
  readonly mirrors?: readonly MirrorSpec[]
  /**
   * What a consistent hash is taken of, for endpoints only. Istio writes the keys of all destinations of a route into one list;
   * undefined: the key of the pool that was chosen.
   */
  readonly hashKeys?: readonly HashKeySpec[]
}

/** A route that forwards: what it does, and the destinations it draws from. */
export interface RouteSpec extends RouteActionsSpec {
  /** Empty for redirects and direct responses. A single one gets everything, whatever its weight. */
  readonly destinations: readonly RouteDestinationSpec[]
}

/** Istio's HTTPRouteDestination. */
export interface RouteDestinationSpec {
  /** Undefined when no such service or subset is known: 503 with flag NC and an empty body. A pool without upstreams is 503 UH. */
  readonly pool: Pool | undefined
  /** Against the sum of all; 0 gets nothing. They need not add up to 100. */
  readonly weight: number
  /**
   * Destination level. Envoy's order depends on the number of destinations as listed (weight 0 counts): with one, both levels are one
   * list, route before destination, so the destination's `set` wins; with several the destination's are done first, then the
   * route's, so the route's `set` wins and its `remove` takes what the destination set.
   */
  readonly requestHeaders?: HeaderOperationsSpec
  readonly responseHeaders?: HeaderOperationsSpec
}

/** HTTPRewrite. `uri` and `uriRegexRewrite` exclude each other. */
export interface RewriteSpec {
  /** Takes the place of the matched prefix, as a string; of the whole path when an exact or regex match fitted. The query stays. */
  readonly uri?: string
  /** Host to send. */
  readonly authority?: string
  /** RE2; every match in the path (not the query) is replaced, `\1`..`\9` are its groups. An empty result leaves the path alone. */
  readonly uriRegexRewrite?: { readonly match: string; readonly rewrite: string }
}

/** HTTPRedirect. */
export interface RedirectSpec {
  /** Replaces the whole path; the query is kept unless this has one. */
  readonly uri?: string
  /** Replaces the matched prefix, as a string. Excludes `uri`. */
  readonly prefixRewrite?: string
  /** Host, perhaps with a port. Default: the request's Host, its port included. */
  readonly authority?: string
  readonly scheme?: string
  /** Excludes derivePort. The default port of the resulting scheme is not written. */
  readonly port?: number
  /** FROM_PROTOCOL_DEFAULT adds none; FROM_REQUEST_PORT is the listener's port as configured (the Gateway server's), not the Host's. */
  readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT'
  readonly redirectCode: number
}

/** HTTPDirectResponse. */
export interface DirectResponseSpec {
  readonly status: number
  /** Text goes out as UTF-8, bytes as they are; both as text/plain unless the response header operations say otherwise. */
  readonly body: string | Uint8Array
}

// --- retries -------------------------------------------------------------------------------------------------------------------------

/** Envoy's words for `retryOn` that HTTP/1.1 can meet; the others (gRPC, HTTP/2, HTTP/3, retriable-headers) are accepted and inert. */
export const retryConditions = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'envoy-ratelimited',
] as const

export type RetryCondition = (typeof retryConditions)[number]

/** Words of `retryOn` that Istio accepts and that no HTTP/1.1 answer fits; the first says that status codes stand beside it. */
export const inertRetryConditions: readonly string[] = [
  'retriable-status-codes',
  'refused-stream',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]

/** HTTPRetry. */
export interface RetriesSpec {
  /** Retries beside the first attempt; 0 for none. */
  readonly attempts: number
  /** Milliseconds; 0 for none. Nothing when it is not below the timeout of the route. */
  readonly perTryTimeoutMs: number
  readonly retryOn: ReadonlySet<RetryCondition>
  /** Status codes named in `retryOn`; fit only answers of the upstream. */
  readonly statusCodes: ReadonlySet<number>
  /** Base of the back-off in milliseconds: retry n waits at random up to 2^(n-1) times this, at most ten times this. */
  readonly backoffMs: number
  /** Avoid endpoints that were tried for this request. Default true; Istio: false with a consistent hash. */
  readonly ignorePreviousHosts: boolean
}

export const defaultBackoffMs = 25

/** What Istio gives every forwarding route of a manifest without `retries`. Says nothing of a 503 that the application sent. */
export const istioDefaultRetries: RetriesSpec = {
  attempts: 2,
  perTryTimeoutMs: 0,
  retryOn: new Set<RetryCondition>(['connect-failure']),
  statusCodes: new Set<number>(),
  backoffMs: defaultBackoffMs,
  ignorePreviousHosts: true,
}

// --- cors, fault, mirrors ------------------------------------------------------------------------------------------------------------

/** CorsPolicy. */
export interface CorsPolicySpec {
  /** `exact: *` fits every origin. The answer names the client's origin, never `*`. */
  readonly allowOrigins: readonly StringMatchSpec[]
  readonly allowMethods: readonly string[]
  readonly allowHeaders: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly maxAgeSeconds: number | undefined
  /** Undefined adds no field; false neither. */
  readonly allowCredentials: boolean | undefined
  /** A preflight of another origin: sent on to the upstream, or answered 200 without allowing anything. */
  readonly unmatchedPreflights: 'FORWARD' | 'IGNORE'
}

/** HTTPFaultInjection. Each is drawn by itself; the delay comes first. Nothing at 0 percent, which is Istio's default. */
export interface FaultSpec {
  readonly delay?: { readonly fixedDelayMs: number; /** 0 to 100, four decimals */ readonly percentage: number }
  readonly abort?: {
    readonly status: number
    /** Status number of gRPC: a request of gRPC is answered with `grpc-status`; `status` is then 200. */
    readonly grpcStatus?: number
    /** 0 to 100, four decimals. */
    readonly percentage: number
  }
}

/** gRPC's status names, each at the place of its number. */
export const grpcStatuses: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** A copy of each request, after header operations and rewrites, to another pool; its answer is thrown away. */
export interface MirrorSpec {
  readonly pool: Pool
  /** The version that the copy is told it is of (routes.yaml); undefined leaves what was sent. */
  readonly version?: string
  /** 0 to 100; drawn for each mirror by itself. */
  readonly percentage: number
}
