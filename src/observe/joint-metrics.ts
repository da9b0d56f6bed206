// The metrics of a gateway of several processes, rendered by the one that counts no requests itself: the tallies of the others are
// added up at each scrape. What a process counted before it ended goes on counting, so that no counter ever goes down.

import { Accounts } from './accounts.ts'
import { LabelledCounter, type PlainCounter } from './counters.ts'
import { createExposition } from './exposition.ts'
import { addFamilies, certificatesOf, type PoolFigures, type PresentingListener, type View } from './families.ts'
import type { Tally } from './metrics.ts'
import { addUpFigures, createProcessGauge } from './process-figures.ts'
import { ReloadCounts } from './reload-counts.ts'

export interface JointMetricsOptions {
  /** graylane's own version, for graylane_build_info. */
  readonly build: string
  /** Fetches the tallies of the processes that live; what they sent last, of those that do not answer in time. */
  readonly collect: () => Promise<readonly Tally[]>
  /** Of the configuration in force. */
  readonly pools: () => readonly PoolFigures[]
  /** Lines that this process was handed to write, and could not. */
  readonly lostLogLines: () => number
}

export interface JointMetrics {
  /** A process ended: this is the last that is known of it. */
  ended(tally: Tally): void
  /** See ReloadCounts.add. */
  reloaded(ok: boolean, changed: boolean): void
  restarted(): void
  /** The configuration in force, by its hash, and what its listeners present. */
  configured(hash: string, listeners: readonly PresentingListener[]): void
  readonly contentType: string
  /** The Prometheus text format, version 0.0.4. */
  text(): Promise<string>
  close(): void
}

export function createJointMetrics({ build, collect, pools, lostLogLines }: JointMetricsOptions): JointMetrics {
  const exposition = createExposition()
  const gauge = createProcessGauge()
  const ended = new Accounts()
  let endedCpuSeconds = 0
  let endedLostLines = 0
  let hash: string | undefined
  let certificates: View['certificates'] = []
  const reloads = new ReloadCounts()
  let workerRestarts = 0
  let view!: View
  addFamilies(exposition, build, () => view)
  let scrape: Promise<string> = Promise.resolve('')

  const look = async (): Promise<string> => {
    const tallies = await collect()
    const accounts = new Accounts()
    accounts.add(ended.plain())
    for (const tally of tallies) accounts.add(tally.accounts)
    const own = gauge.read()
    const figures = addUpFigures(
      { ...own, lag: undefined },
      tallies.map((tally) => tally.process),
    )
    view = {
      accounts,
      reloads,
      hash,
      certificates,
      live: {
        openConnections: tallies.reduce((sum, { live }) => sum + live.openConnections, 0),
        activeRequests: tallies.reduce((sum, { live }) => sum + live.activeRequests, 0),
        overloadRung: highest(tallies.flatMap(({ live }) => live.overloadRung ?? [])),
        longConnections: addedUp(tallies.map(({ live }) => live.longConnections ?? [])),
        lostLogLines: tallies.reduce((sum, { live }) => sum + live.lostLogLines, endedLostLines + lostLogLines()),
      },
      pools: pools(),
      process: { ...figures, cpuSeconds: figures.cpuSeconds + endedCpuSeconds },
      workerRestarts,
    }
    return exposition.text()
  }

  return {
    ended(tally) {
      ended.add(tally.accounts)
      endedCpuSeconds += tally.process.cpuSeconds
      endedLostLines += tally.live.lostLogLines
    },
    reloaded: (ok, changed) => reloads.add(ok, changed),
    restarted: () => void workerRestarts++,
    configured(newHash, listeners) {
      hash = newHash
      certificates = certificatesOf(listeners)
    },
    contentType: exposition.contentType,
    /** One after the other: a view belongs to one scrape. */
    text: () => (scrape = scrape.then(look, look)),
    close: () => gauge.close(),
  }
}

function highest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values)
}

function addedUp(counts: readonly PlainCounter[]): PlainCounter {
  const sum = new LabelledCounter()
  for (const count of counts) sum.add(count)
  return [...sum.entries()]
}
