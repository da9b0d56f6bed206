// The gateway without sockets: a configuration compiled as gateway.ts compiles it, and requests decided by the very function that serves
// them. For check and explain; opens no port, resolves no name, asks no upstream: every pool counts as available.

import { randomBytes } from 'node:crypto'

import type { Configuration } from './config/configuration.ts'
import type { Surroundings } from './config/draft.ts'
import { loadAnyConfiguration } from './any-configuration.ts'
import { keyRingOf } from './config/pins.ts'
import type { Problem } from './config/problem.ts'
import { compileConfiguration, type Snapshot } from './config/snapshot.ts'
import { compileEdge, type Edge } from './proxy/edge.ts'
import { Endpoints } from './proxy/endpoints.ts'
import { explainRequest, type ExplainInput, type Explanation } from './proxy/explain.ts'

export interface Rehearsal {
  readonly configuration: Configuration
  /** Warnings: the configuration can be used. */
  readonly problems: readonly Problem[]
  /** What a listener would do with this request now. */
  readonly explain: (input: ExplainInput) => Explanation
}

/** A rehearsal, or the problems that prevent one. */
export async function rehearse(
  configPath: string,
  around: Partial<Surroundings> = {},
): Promise<Rehearsal | { readonly problems: readonly Problem[] }> {
  const loaded = await loadAnyConfiguration(configPath, around)
  if (!('configuration' in loaded)) return loaded
  const compiled = compileConfiguration(loaded.configuration)
  if (!('snapshot' in compiled)) return compiled
  const endpoints = new Endpoints(() => 0)
  try {
    const edge = compileOffline(compiled.snapshot, endpoints)
    const context = { edge, endpoints, nowSeconds: () => Math.floor(Date.now() / 1000), randomBytes }
    const { configuration, problems } = loaded
    return { configuration, problems, explain: (input) => explainRequest(context, input) }
  } catch (error) {
    // A header value that cannot be compiled: serve refuses it in the same words.
    const message = error instanceof Error ? error.message : String(error)
    return { problems: [{ file: configPath, line: 1, column: 1, severity: 'error', code: 'apply', message }] }
  }
}

/** Throws on a header value that cannot be compiled. */
function compileOffline({ id, table, mesh, configuration }: Snapshot, endpoints: Endpoints): Edge {
  const edge = compileEdge({
    id,
    table,
    trust: configuration.trust,
    targetMode: configuration.path,
    mesh,
    listeners: configuration.listen.map((spec, index) => ({ ...spec, name: String(index) })),
    keysOf: (release) => keyRingOf(configuration, release, randomBytes),
    settlingOf: () => undefined,
    endpoints,
    instance: 'rehearsal',
    tls: undefined,
  })
  // Names stand for their addresses: a pool without any endpoint would count as unavailable.
  for (const pool of edge.pools) {
    pool.replace(pool.pool.upstreams.map(({ hostname, port }) => endpoints.at(hostname, port)))
  }
  return edge
}
