// The route tables of Istio's manifests as requests meet them: every route with its actions compiled and its pools filled by the resolver.

import type { MeshTable } from '../rules/mesh-table.ts'
import type { RouteSpec } from '../rules/route-actions.ts'
import type { Pool } from '../rules/types.ts'
import type { Endpoints } from './endpoints.ts'
import { PoolEndpoints } from './pool-endpoints.ts'
import { compileRoute, type Route } from './route-actions.ts'

export interface MeshEdge {
  readonly table: MeshTable
  readonly routes: ReadonlyMap<RouteSpec, Route>
  readonly pools: readonly PoolEndpoints[]
}

/** Throws on a header value or regex that validation has refused before. */
export function compileMeshEdge(table: MeshTable, endpoints: Endpoints): MeshEdge {
  const pools = new Map<Pool, PoolEndpoints>()
  const poolOf = (pool: Pool): PoolEndpoints => {
    const known = pools.get(pool) ?? new PoolEndpoints(pool, endpoints)
    pools.set(pool, known)
    return known
  }
  const routes = new Map<RouteSpec, Route>()
  for (const { virtualHosts } of table.spec.listeners) {
    for (const host of virtualHosts) {
      for (const { route } of host.routes) if (!routes.has(route)) routes.set(route, compileRoute(route, poolOf))
    }
  }
  return { table, routes, pools: [...pools.values()] }
}
