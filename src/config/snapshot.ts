// One immutable compiled configuration: what a gateway has in force. Pins and trust are compiled where they are used.

import { compileRoutes } from '../rules/compile.ts'
import { compileMesh, type MeshTable } from '../rules/mesh-table.ts'
import type { RouteProblem } from '../rules/route-problem.ts'
import type { RouteTable } from '../rules/release.ts'
import type { Configuration } from './configuration.ts'
import type { Problem } from './problem.ts'

export interface Snapshot {
  /** The first twelve hex digits of the configuration's hash: the same wherever the content is the same. */
  readonly id: string
  readonly configuration: Configuration
  readonly table: RouteTable
  /** Of Istio's manifests. */
  readonly mesh?: MeshTable | undefined
}

/** The snapshot, or what does not hold together in the configuration. */
export function compileConfiguration(
  configuration: Configuration,
): { readonly snapshot: Snapshot } | { readonly problems: readonly Problem[] } {
  const compiled = compileRoutes(configuration.releases)
  if ('problems' in compiled) return { problems: compiled.problems.map(asProblem) }
  const mesh = configuration.mesh && compileMesh(configuration.mesh)
  if (mesh !== undefined && 'problems' in mesh) return { problems: mesh.problems.map(asProblem) }
  const id = configuration.hash.slice(0, 12)
  return { snapshot: Object.freeze({ id, configuration, table: compiled.table, mesh: mesh?.table }) }
}

function asProblem({ place, message }: RouteProblem): Problem {
  return { ...place, severity: 'error', code: 'route', message }
}
