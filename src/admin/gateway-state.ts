// All that changes seldom, for the dashboard: what is configured, what is in force, how reloads went, which processes serve.

import { formatProblem } from '../config/problem.ts'
import { type Topology, topologyOf } from './topology.ts'
import type { AdminView } from './view.ts'

export interface GatewayState {
  readonly build: string
  readonly node: string
  readonly state: AdminView['state']
  /** Id of the configuration in force. */
  readonly snapshot: string
  readonly file: string
  readonly listeners: ReturnType<AdminView['listeners']>
  readonly workers: readonly object[]
  readonly endpointsOut: readonly string[]
  readonly releases: readonly Topology[]
  /** Newest first. */
  readonly reloads: readonly ReloadLine[]
}

interface ReloadLine {
  readonly at: number
  readonly ok: boolean
  /** False where files that had been refused are again as what is in force. */
  readonly changed: boolean
  readonly snapshot: string
  /** `file:line:column: severity code: text`. */
  readonly problems: readonly string[]
  /** A unified diff, without the values of fields that carry credentials. */
  readonly patch: string
}

const shownReloads = 20

export function gatewayState(view: AdminView, build: string): GatewayState {
  const configuration = view.configuration()
  return {
    build,
    node: process.version,
    state: view.state,
    snapshot: view.lastReload().snapshot,
    file: configuration.file,
    listeners: view.listeners(),
    workers: view.workers?.() ?? [],
    endpointsOut: view.endpointsOut(),
    releases: topologyOf(configuration),
    reloads: view.reloads.history.slice(0, shownReloads).map(({ at, ok, changed, snapshot, problems, patch }) => ({
      at,
      ok,
      changed,
      snapshot,
      problems: problems.map(formatProblem),
      patch,
    })),
  }
}
