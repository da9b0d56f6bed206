// Counts every request and every reload, and renders the counts for Prometheus. observe() runs for each request and only adds;
// everything that costs waits for the scrape. Never takes a label value from a request.

import type { RouteTable } from '../rules/types.ts'
import { LabelledCounter } from './counters.ts'
import { createExposition, histogramSamples, type Exposition, type Sample } from './exposition.ts'
import { fold, IstioSeriesSet, type IstioSeries, type KnownNames, unknown } from './istio-series.ts'
import { istioBuckets, metricNames, type MetricName } from './names.ts'
import { addProcessMetrics } from './process-metrics.ts'
import type { Observer, RequestRecord } from './record.ts'

export interface MetricsOptions {
  /** graylane's own version, for graylane_build_info. */
  readonly build: string
}

/** What is counted elsewhere and read at each scrape. */
interface LiveCounts {
  readonly openConnections: () => number
  readonly activeRequests: () => number
}

export interface Metrics {
  readonly observe: Observer
  /** A message that never became a request and was answered with this EDGE_* code. */
  refused(code: string): void
  /** A reload was tried: it took effect (true) or changed nothing (false). */
  reloaded(ok: boolean): void
  /** This configuration is in force from now on. Its names (and, for requests still open, those of the one before) may be labels. */
  configured(table: RouteTable, hash: string): void
  watch(counts: LiveCounts): void
  readonly contentType: string
  /** The Prometheus text format, version 0.0.4. */
  text(): Promise<string>
  /** Stops measuring the event loop. */
  close(): void
}

export function createMetrics(options: MetricsOptions): Metrics {
  const exposition = createExposition()
  const istio = new IstioSeriesSet()
  const counts = addCounters(exposition)
  let names: KnownNames = { releases: new Set(), services: new Set(), versions: new Set() }
  let previous = names
  let hash: string | undefined
  let live: LiveCounts | undefined
  let reloads = 0
  let failures = 0

  addIstioMetrics(exposition, () => istio.all())
  exposition.add(metricNames.reloads, () => [{ value: reloads }])
  exposition.add(metricNames.reloadFailures, () => [{ value: failures }])
  exposition.add(metricNames.configInfo, () => (hash === undefined ? [] : [{ labels: { hash }, value: 1 }]))
  exposition.add(metricNames.buildInfo, () => [{ labels: { version: options.build, node: process.version }, value: 1 }])
  exposition.add(metricNames.connectionsOpen, () => (live === undefined ? [] : [{ value: live.openConnections() }]))
  exposition.add(metricNames.requestsActive, () => (live === undefined ? [] : [{ value: live.activeRequests() }]))
  const stopMeasuring = addProcessMetrics(exposition)

  return {
    observe(record) {
      istio.add(record, names)
      countRequest(counts, record, names)
    },
    refused: (code) => counts.edgeAnswers.increment(code),
    reloaded(ok) {
      if (ok) reloads++
      else failures++
    },
    configured(table, newHash) {
      const current = namesOf(table)
      names = union(current, previous)
      previous = current
      hash = newHash
    },
    watch(newCounts) {
      live = newCounts
    },
    contentType: exposition.contentType,
    text: exposition.text,
    close: stopMeasuring,
  }
}

interface RequestCounters {
  readonly decisions: LabelledCounter
  readonly pins: LabelledCounter
  readonly servedVersions: LabelledCounter
  readonly mismatches: LabelledCounter
  readonly edgeAnswers: LabelledCounter
}

function countRequest(counts: RequestCounters, record: RequestRecord, names: KnownNames): void {
  // A preflight belongs to no page: its decision says nothing about a visitor (design 4.5).
  if (record.reason !== '' && record.reason !== 'preflight') {
    counts.decisions.increment(fold(record.version, names.versions), record.reason)
    if (!record.internal) {
      counts.pins.increment(record.pinIn)
      if (record.pinOut === 'set') counts.pins.increment('set')
    }
  }
  if (record.edgeCode !== '') counts.edgeAnswers.increment(record.edgeCode)
  if (record.upstreamMs >= 0) countServedVersion(counts, record, names)
}

/** The coupling audit (design 4, last part): did the answer come from the version that was asked? */
function countServedVersion(counts: RequestCounters, record: RequestRecord, names: KnownNames): void {
  const service = fold(record.service, names.services)
  const served = record.servedVersion
  counts.servedVersions.increment(service, served === undefined ? 'no' : 'yes')
  if (served === undefined || served === record.poolVersion) return
  counts.mismatches.increment(service, fold(record.poolVersion, names.versions), fold(served, names.versions))
}

function addCounters(exposition: Exposition): RequestCounters {
  const add = (metric: MetricName): LabelledCounter => {
    const counter = new LabelledCounter()
    exposition.add(metric, () => counterSamples(metric, counter))
    return counter
  }
  return {
    decisions: add(metricNames.decisions),
    pins: add(metricNames.pins),
    servedVersions: add(metricNames.servedVersions),
    mismatches: add(metricNames.versionMismatches),
    edgeAnswers: add(metricNames.edgeAnswers),
  }
}

function* counterSamples(metric: MetricName, counter: LabelledCounter): Generator<Sample> {
  for (const { values, count } of counter.entries()) {
    yield { labels: Object.fromEntries(metric.labels.map((label, at) => [label, values[at] ?? unknown])), value: count }
  }
}

function addIstioMetrics(exposition: Exposition, all: () => Iterable<IstioSeries>): void {
  exposition.add(metricNames.istioRequests, function* samples() {
    for (const series of all()) yield { sharedLabels: series.labels, value: series.requests }
  })
  for (const [metric, part] of [
    [metricNames.istioDuration, 'durationMs'],
    [metricNames.istioRequestBytes, 'bytesReceived'],
    [metricNames.istioResponseBytes, 'bytesSent'],
  ] as const) {
    exposition.add(metric, function* samples() {
      for (const series of all()) yield* histogramSamples(metric.name, istioBuckets, series[part], series.labels)
    })
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
