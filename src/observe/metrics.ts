// Counts every request and every reload of one process, and renders the counts for Prometheus. observe() runs for each request and
// only adds; everything that costs waits for the scrape. Never takes a label value from a request.

import type { RouteTable } from '../rules/release.ts'
import { Accounts, type PlainAccounts } from './accounts.ts'
import type { PlainCounter } from './counters.ts'
import { createExposition } from './exposition.ts'
import {
  addFamilies,
  certificatesOf,
  type LiveFigures,
  type PoolFigures,
  type PresentingListener,
  type View,
} from './families.ts'
import { Gathered } from './gathered.ts'
import type { KnownNames } from './istio-series.ts'
import { createProcessGauge, type ProcessFigures } from './process-figures.ts'
import type { Observer, RequestRecord } from './record.ts'
import { ReloadCounts } from './reload-counts.ts'
import { TrafficCounter } from './traffic-counter.ts'

export interface MetricsOptions {
  /** graylane's own version, for graylane_build_info. */
  readonly build: string
}

/** What is counted elsewhere and read at each scrape. */
interface LiveCounts {
  readonly openConnections: () => number
  readonly lostLogLines: () => number
  readonly pools: () => readonly PoolFigures[]
  readonly activeRequests: () => number
  readonly overloadRung?: () => number
  readonly longConnections?: () => PlainCounter
}

/** What one process counted and is, as plain data. */
export interface Tally {
  readonly accounts: PlainAccounts
  readonly live: LiveFigures
  readonly process: ProcessFigures
}

export interface Metrics {
  readonly observe: Observer
  /** The same by the second, for people who watch. */
  readonly traffic: TrafficCounter
  /** A message that never became a request and was answered with this EDGE_* code. */
  refused(code: string): void
  /** See ReloadCounts.add. */
  reloaded(ok: boolean, changed: boolean): void
  /** This configuration is in force from now on. Its names (and, for requests still open, those of the one before) may be labels. */
  configured(table: RouteTable, hash: string, pools?: readonly NamedPool[]): void
  /** The certificates of these listeners are in force from now on. */
  presented(listeners: readonly PresentingListener[]): void
  /** A TLS connection ended before its first byte of HTTP; `reason` is a fixed word. */
  tlsFailed(reason: string): void
  /** What became of a copy for a mirror; `outcome` is a fixed word. */
  mirrored(outcome: string): void
  /** A rung of the overload ladder was entered; `rung` is a fixed word. */
  overloaded(rung: string): void
  watch(counts: LiveCounts): void
  readonly contentType: string
  /** The Prometheus text format, version 0.0.4. */
  text(): Promise<string>
  /** For a process that adds up several. */
  tally(): Tally
  /** Stops measuring the event loop. */
  close(): void
}

export function createMetrics(options: MetricsOptions): Metrics {
  const exposition = createExposition()
  const accounts = new Accounts()
  const traffic = new TrafficCounter()
  const gauge = createProcessGauge()
  let names: KnownNames = { releases: new Set(), services: new Set(), versions: new Set() }
  let previous = names
  let hash: string | undefined
  let certificates: View['certificates'] = []
  let liveCounts: LiveCounts | undefined
  const reloads = new ReloadCounts()
  let figures: ProcessFigures | undefined

  const live = (): LiveFigures | undefined =>
    liveCounts && {
      openConnections: liveCounts.openConnections(),
      activeRequests: liveCounts.activeRequests(),
      overloadRung: liveCounts.overloadRung?.(),
      longConnections: liveCounts.longConnections?.() ?? [],
      lostLogLines: liveCounts.lostLogLines(),
    }
  addFamilies(exposition, options.build, (): View => {
    const process = (figures ??= gauge.read())
    const pools = liveCounts?.pools() ?? []
    return {
      accounts,
      pools,
      reloads,
      hash,
      certificates,
      live: live(),
      process,
      workerRestarts: undefined,
    }
  })

  const finished = new Gathered<RequestRecord>((records) => {
    for (let i = 0; i < records.length; i++) accounts.count(records[i]!, names)
    for (let i = 0; i < records.length; i++) traffic.count(records[i]!, names)
  })

  return {
    observe: (record) => finished.add(record),
    traffic,
    refused: (code) => accounts.edgeAnswers.increment(code),
    reloaded: (ok, changed) => reloads.add(ok, changed),
    configured(table, newHash, pools = []) {
      finished.flush()
      const current = union(namesOf(table), namesOfPools(pools))
      names = union(current, previous)
      previous = current
      hash = newHash
    },
    presented(listeners) {
      certificates = certificatesOf(listeners)
    },
    tlsFailed: (reason) => accounts.tlsFailures.increment(reason),
    mirrored: (outcome) => accounts.mirrored.increment(outcome),
    overloaded: (rung) => accounts.overloads.increment(rung),
    watch(counts) {
      liveCounts = counts
    },
    contentType: exposition.contentType,
    text() {
      finished.flush()
      figures = undefined
      accounts.dropForgotten(names, performance.now())
      return exposition.text()
    },
    tally() {
      finished.flush()
      accounts.dropForgotten(names, performance.now())
      return { accounts: accounts.plain(), live: live() ?? nothingLive, process: gauge.read() }
    },
    close: () => gauge.close(),
  }
}

const nothingLive: LiveFigures = { openConnections: 0, activeRequests: 0, lostLogLines: 0 }

/** What a pool is called; in a mesh there are no releases that list them. */
interface NamedPool {
  readonly release: string
  readonly service: string
  readonly owner: string
}

function namesOfPools(pools: readonly NamedPool[]): KnownNames {
  return {
    releases: new Set(pools.map(({ release }) => release)),
    services: new Set(pools.map(({ service }) => service)),
    versions: new Set(pools.map(({ owner }) => owner).filter((owner) => owner !== '')),
  }
}

function namesOf(table: RouteTable): KnownNames {
  return {
    releases: new Set(table.releases.map((release) => release.name)),
    services: new Set(table.releases.flatMap((release) => release.services.map((service) => service.name))),
    versions: new Set(table.releases.flatMap((release) => [...release.spec.versions.keys()])),
  }
}

function union(a: KnownNames, b: KnownNames): KnownNames {
  return {
    releases: new Set([...a.releases, ...b.releases]),
    services: new Set([...a.services, ...b.services]),
    versions: new Set([...a.versions, ...b.versions]),
  }
}
