// The route tables of Istio's manifests, compiled: virtual host by Host, then the first route that matches, found by an index.
// Never half a table: one problem, and there is none.

import { compileFirstMatch, type FirstMatch } from './first-match.ts'
import { compileHosts, type HostTable } from './hosts.ts'
import type { MeshListenerSpec, MeshRouteSpec, MeshSpec, VirtualHostSpec } from './mesh-types.ts'
import { compileConditions } from './request-match.ts'
import type { RouteProblem } from './route-problem.ts'
import type { RequestFacts, StringMatchSpec } from './types.ts'

export interface MeshTable {
  readonly spec: MeshSpec
  readonly listeners: ReadonlyMap<MeshListenerSpec, MeshListener>
}

export interface MeshListener {
  readonly spec: MeshListenerSpec
  /** By Host value as sent: port and case do not matter. */
  readonly virtualHostFor: HostTable<VirtualHost>
}

export interface VirtualHost {
  readonly spec: VirtualHostSpec
  readonly firstRoute: (facts: RequestFacts) => MeshRoute | undefined
}

export interface MeshRoute {
  /** Its place among the routes of the virtual host. */
  readonly index: number
  readonly spec: MeshRouteSpec
  /** What the path was matched by, for rewrites of the matched prefix. */
  readonly matchedUri: StringMatchSpec | undefined
}

type Report = (problem: RouteProblem) => void

/** The table, or every problem there is. */
export function compileMesh(
  spec: MeshSpec,
): { readonly table: MeshTable } | { readonly problems: readonly RouteProblem[] } {
  const problems: RouteProblem[] = []
  const report: Report = (problem) => problems.push(problem)
  // A VirtualService has the same routes under each of its hosts, and behind each gateway port.
  const compiled = new Map<readonly MeshRouteSpec[], FirstMatch<MeshRoute>>()
  const routesOf = (routes: readonly MeshRouteSpec[]): FirstMatch<MeshRoute> => {
    const known = compiled.get(routes) ?? compileRoutes(routes, report)
    compiled.set(routes, known)
    return known
  }
  const listeners = new Map(
    spec.listeners.map((listener) => [listener, Object.freeze(compileListener(listener, routesOf))]),
  )
  return problems.length > 0 ? { problems } : { table: Object.freeze({ spec, listeners }) }
}

function compileListener(
  spec: MeshListenerSpec,
  routesOf: (routes: readonly MeshRouteSpec[]) => FirstMatch<MeshRoute>,
): MeshListener {
  const entries = spec.virtualHosts.map((host) => {
    const firstMatch = routesOf(host.routes)
    const value = Object.freeze({ spec: host, firstRoute: (facts: RequestFacts) => firstMatch(facts, undefined) })
    return { hosts: host.domains, value }
  })
  return { spec, virtualHostFor: compileHosts(entries, true) }
}

function compileRoutes(specs: readonly MeshRouteSpec[], report: Report): FirstMatch<MeshRoute> {
  const ways = specs.map((spec, index) => ({
    rule: Object.freeze({ index, spec, matchedUri: spec.match?.uri }),
    conditions: spec.match === undefined ? [] : compileConditions(spec.match, report),
  }))
  return compileFirstMatch(ways)
}
