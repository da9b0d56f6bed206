// Every metric family with where its samples come from: one view of the counts, be they of this process or added up over several.
// Counts nothing itself.

import type { Accounts } from './accounts.ts'
import type { LabelledCounter, PlainCounter } from './counters.ts'
import { histogramSamples, type Exposition, type Sample } from './exposition.ts'
import { unknown, type IstioSeries } from './istio-series.ts'
import { istioBuckets, metricNames, type MetricName } from './names.ts'
import type { ProcessFigures } from './process-figures.ts'
import type { ReloadCounts } from './reload-counts.ts'

export interface View {
  readonly accounts: Accounts
  readonly reloads: ReloadCounts
  /** Hash of the configuration in force. */
  readonly hash: string | undefined
  readonly live: LiveFigures | undefined
  readonly process: ProcessFigures
  readonly certificates: readonly CertificateInForce[]
  readonly pools: readonly PoolFigures[]
  /** Undefined for a gateway of one process, which has none. */
  readonly workerRestarts: number | undefined
}

export interface CertificateInForce {
  /** Name of the listener. */
  readonly listener: string
  /** Path of the certificate as written. */
  readonly certificate: string
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** One pool of the configuration in force: its endpoints by health. */
export interface PoolFigures {
  readonly release: string
  readonly service: string
  /** The version that owns the pool. */
  readonly version: string
  readonly in: number
  readonly out: number
}

/** What comes and goes. */
export interface LiveFigures {
  readonly lostLogLines: number
  readonly openConnections: number
  readonly activeRequests: number
  /** 0 to 3. */
  readonly overloadRung?: number | undefined
  readonly longConnections?: PlainCounter
}

/** Registers all metrics. `view` is asked for each of them at each scrape. */
export function addFamilies(exposition: Exposition, build: string, view: () => View): void {
  addIstioMetrics(exposition, () => view().accounts.istio.all())
  for (const name of [
    'decisions',
    'pins',
    'servedVersions',
    'mismatches',
    'edgeAnswers',
    'tlsFailures',
    'mirrored',
    'overloads',
  ] as const) {
    const metric = metricNames[name === 'mismatches' ? 'versionMismatches' : name]
    exposition.add(metric, () => counterSamples(metric, view().accounts[name]))
  }
  exposition.add(metricNames.reloads, () => one(view().reloads.inForce))
  exposition.add(metricNames.reloadFailures, () => one(view().reloads.refused))
  exposition.add(metricNames.lastReload, () => one(view().reloads.isLastGood ? 1 : 0))
  exposition.add(metricNames.configInfo, () => {
    const { hash } = view()
    return hash === undefined ? [] : [{ labels: { hash }, value: 1 }]
  })
  exposition.add(metricNames.certificateExpiry, () =>
    view().certificates.map(({ listener, certificate, expiresAt }) => ({
      labels: { listener, certificate },
      value: expiresAt,
    })),
  )
  exposition.add(metricNames.istioBuild, () => [{ labels: { component: 'graylane', tag: build }, value: 1 }])
  exposition.add(metricNames.buildInfo, () => [{ labels: { version: build, node: process.version }, value: 1 }])
  exposition.add(metricNames.poolEndpoints, () =>
    view().pools.flatMap(({ release, service, version, ...counts }) =>
      (['in', 'out'] as const).map((state) => ({ labels: { release, service, version, state }, value: counts[state] })),
    ),
  )
  exposition.add(metricNames.lostLogLines, () => one(view().live?.lostLogLines))
  exposition.add(metricNames.connectionsOpen, () => one(view().live?.openConnections))
  exposition.add(metricNames.requestsActive, () => one(view().live?.activeRequests))
  exposition.add(metricNames.overloadRung, () => one(view().live?.overloadRung))
  exposition.add(metricNames.longConnections, () =>
    cellSamples(metricNames.longConnections, view().live?.longConnections ?? []),
  )
  exposition.add(metricNames.workerRestarts, () => one(view().workerRestarts))
  addProcessMetrics(exposition, () => view().process)
}

/** As the gateway tells it, and as the sidecar of the destination would: there is none, so we speak for it. */
function reportedBy({ labels, destinationLabels }: IstioSeries): readonly IstioSeries['labels'][] {
  return destinationLabels === undefined ? [labels] : [labels, destinationLabels]
}

function one(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ value }]
}

function* counterSamples(metric: MetricName, counter: LabelledCounter): Generator<Sample> {
  yield* cellSamples(metric, counter.entries())
}

function* cellSamples(metric: MetricName, cells: Iterable<PlainCounter[number]>): Generator<Sample> {
  for (const { values, count } of cells) {
    yield { labels: Object.fromEntries(metric.labels.map((label, at) => [label, values[at] ?? unknown])), value: count }
  }
}

function addIstioMetrics(exposition: Exposition, all: () => Iterable<IstioSeries>): void {
  exposition.add(metricNames.istioRequests, function* samples() {
    for (const series of all()) {
      for (const sharedLabels of reportedBy(series)) yield { sharedLabels, value: series.requests }
    }
  })
  for (const [metric, part] of [
    [metricNames.istioDuration, 'durationMs'],
    [metricNames.istioRequestBytes, 'wireBytesReceived'],
    [metricNames.istioResponseBytes, 'wireBytesSent'],
  ] as const) {
    exposition.add(metric, function* samples() {
      for (const series of all()) {
        for (const labels of reportedBy(series))
          yield* histogramSamples(metric.name, istioBuckets, series[part], labels)
      }
    })
  }
}

function addProcessMetrics(exposition: Exposition, figures: () => ProcessFigures): void {
  exposition.add(metricNames.eventLoopLag, () =>
    Object.entries(figures().lag ?? {}).map(([stat, value]) => ({ labels: { stat }, value })),
  )
  exposition.add(metricNames.cpuSeconds, () => one(figures().cpuSeconds))
  exposition.add(metricNames.residentMemory, () => one(figures().residentBytes))
  exposition.add(metricNames.startTime, () => one(figures().startedAt))
}

/** What listeners present, in their order. */
export function certificatesOf(listeners: readonly PresentingListener[]): readonly CertificateInForce[] {
  return listeners.flatMap(({ name, tls }) =>
    tls.map(({ file, expiresAt }) => ({ listener: name, certificate: file, expiresAt })),
  )
}

export interface PresentingListener {
  readonly name: string
  readonly tls: readonly { readonly file: string; readonly expiresAt: number }[]
}
