// What a route does, compiled once a snapshot: for a service of routes.yaml, and for each destination of a VirtualService's route.
// route-execution.ts carries it out.

import type {
  DirectResponseSpec,
  FaultSpec,
  RedirectSpec,
  RetriesSpec,
  RouteActionsSpec,
  RouteDestinationSpec,
  RouteSpec,
} from '../rules/route-actions.ts'
import type { HashKeySpec } from '../rules/traffic-policy.ts'
import type { HeaderOperationsSpec, Pool } from '../rules/types.ts'
import { compileCors, type CorsPolicy } from './cors.ts'
import type { PoolEndpoints } from './pool-endpoints.ts'
import { compileHeaderOperations, type HeaderOperations } from './header-format.ts'
import { compilePathRewrite, type PathRewrite } from './rewrite.ts'

export interface RouteActions {
  /** Nothing but a time-out and header operations: most routes, and the short way. */
  readonly plain: boolean
  readonly timeoutMs: number
  /** In the order in which they are applied. */
  readonly requestHeaders: readonly HeaderOperations[]
  readonly responseHeaders: readonly HeaderOperations[]
  readonly redirect: RedirectSpec | undefined
  readonly directResponse: DirectResponseSpec | undefined
  readonly fault: FaultSpec | undefined
  readonly cors: CorsPolicy | undefined
  /** Host to send, instead of the one that came. */
  readonly authority: string | undefined
  readonly path: PathRewrite | undefined
  readonly retries: RetriesSpec | undefined
  readonly mirrors: readonly Mirror[]
  readonly hashKeys: readonly HashKeySpec[] | undefined
}

export interface Mirror {
  readonly pool: PoolEndpoints
  readonly version: string | undefined
  /** 0 to 100. */
  readonly percentage: number
}

/** One of a route's destinations with everything that happens to a request which is sent there. */
export interface Destination {
  /** Undefined: an unknown service or subset. */
  readonly pool: PoolEndpoints | undefined
  readonly actions: RouteActions
}

/** A route of a VirtualService. */
export interface Route {
  /** Undefined destinations: a redirect or a direct response, whose actions these are. */
  readonly actions: RouteActions
  readonly destinations: readonly Destination[]
  /** Sums of weights up to and with each destination. */
  readonly upTo: readonly number[]
}

/** Throws on a header value or regex that validation has refused before. */
export function compileRoute(spec: RouteSpec, poolOf: (pool: Pool) => PoolEndpoints): Route {
  const { destinations } = spec
  const several = destinations.length > 1
  let sum = 0
  return {
    actions: compileRouteActions(spec, poolOf),
    destinations: destinations.map((destination) => ({
      pool: destination.pool && poolOf(destination.pool),
      actions: compileRouteActions(spec, poolOf, { destination, several }),
    })),
    upTo: destinations.map(({ weight }) => (sum += several ? weight : 1)),
  }
}

/** The destination for one request, by weight; undefined when the route forwards nothing. `random`: 0 to 1, 1 excluded. */
export function chooseDestination({ destinations, upTo }: Route, random: () => number): Destination | undefined {
  if (destinations.length < 2) return destinations[0]
  const sum = upTo[upTo.length - 1]!
  const draw = random() * sum
  return destinations[upTo.findIndex((limit) => draw < limit)]
}

interface AtDestination {
  readonly destination: RouteDestinationSpec
  readonly several: boolean
}

export function compileRouteActions(
  spec: RouteActionsSpec,
  poolOf: (pool: Pool) => PoolEndpoints,
  at?: AtDestination,
): RouteActions {
  const { rewrite, redirect, directResponse, fault, corsPolicy, retries, mirrors = [], hashKeys } = spec
  const request = takeHost(spec.requestHeaders)
  const destinationRequest = takeHost(at?.destination.requestHeaders)
  const authority = rewrite?.authority ?? request.host ?? destinationRequest.host
  const path = rewrite && compilePathRewrite(rewrite)
  const several = at?.several === true
  const isPlain = !(redirect || directResponse || fault || corsPolicy || authority || path || retries || mirrors.length)
  return {
    plain: isPlain,
    timeoutMs: spec.timeoutMs,
    requestHeaders: levels(request.operations, destinationRequest.operations, several),
    responseHeaders: levels(spec.responseHeaders, at?.destination.responseHeaders, several),
    redirect,
    directResponse,
    fault,
    cors: corsPolicy && compileCors(corsPolicy),
    authority,
    path,
    retries,
    mirrors: mirrors.map(({ pool, version, percentage }) => ({ pool: poolOf(pool), version, percentage })),
    hashKeys,
  }
}

/**
 * Istio writes both levels into one list when there is one destination, route before destination; with several, Envoy does those of the
 * destination first, then those of the route.
 */
function levels(
  route: HeaderOperationsSpec | undefined,
  destination: HeaderOperationsSpec | undefined,
  several: boolean,
): readonly HeaderOperations[] {
  const given = several ? [destination, route] : [route, destination]
  const compiled = given.filter((operations) => operations !== undefined).map(compileHeaderOperations)
  if (several || compiled.length < 2) return compiled
  return [
    {
      remove: compiled.flatMap((level) => level.remove),
      set: compiled.flatMap((level) => level.set),
      add: compiled.flatMap((level) => level.add),
    },
  ]
}

/** `host` or `:authority` among the fields to set or add is a rewrite of the host; `set` counts before `add`. */
function takeHost(operations: HeaderOperationsSpec | undefined): {
  readonly host: string | undefined
  readonly operations: HeaderOperationsSpec | undefined
} {
  if (operations === undefined) return { host: undefined, operations }
  const { remove, set, add } = operations
  const host = [set, add].flatMap((fields) => [fields.get(':authority'), fields.get('host')]).find((value) => value)
  if (host === undefined) return { host, operations }
  return { host, operations: { remove, set: withoutHost(set), add: withoutHost(add) } }
}

function withoutHost(fields: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...fields].filter(([name]) => name !== 'host' && name !== ':authority'))
}
