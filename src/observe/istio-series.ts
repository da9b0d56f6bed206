// Istio's standard series (istio_requests_total and its histograms) for one request record: which series, with which label values.
// Label values are configured names or fixed words; what is not configured is `unknown`.

import { BucketCounts, type PlainBuckets } from './counters.ts'
import { istioBuckets, type IstioLabel } from './names.ts'
import type { RequestRecord } from './record.ts'

/** What Istio writes where a value is not known, but `latest` for a canonical revision. */
export const unknown = 'unknown'
const unknownRevision = 'latest'
/** Our own workload name, as istio-ingressgateway is Istio's. */
const self = 'graylane'
/** Where it runs, as Kubernetes' Downward API tells it and Istio's own proxies are told. */
const ownNamespace = process.env['POD_NAMESPACE'] || unknown

/** The names a configuration holds; everything else is `unknown` in labels. */
export interface KnownNames {
  readonly releases: ReadonlySet<string>
  readonly services: ReadonlySet<string>
  readonly versions: ReadonlySet<string>
}

export interface IstioSeries {
  readonly key: SeriesKey
  readonly labels: Readonly<Record<IstioLabel, string>>
  /** The same with reporter="destination"; undefined when the request reached no destination. */
  readonly destinationLabels: Readonly<Record<IstioLabel, string>> | undefined
  requests: number
  readonly durationMs: BucketCounts
  readonly wireBytesReceived: BucketCounts
  readonly wireBytesSent: BucketCounts
}

/** Everything of a request that labels show, but its status and flags. */
interface LaneKey {
  readonly internal: boolean
  readonly release: string
  readonly service: string
  readonly version: string
  readonly callerVersion: string
}

interface SeriesKey {
  readonly lane: LaneKey
  readonly flags: string
  readonly status: number
}

/** A series as plain data; its labels follow from its key. */
export interface PlainSeries {
  readonly key: SeriesKey
  readonly requests: number
  readonly durationMs: PlainBuckets
  readonly wireBytesReceived: PlainBuckets
  readonly wireBytesSent: PlainBuckets
}

export function countIn(series: IstioSeries, record: RequestRecord): void {
  series.requests++
  series.durationMs.observe(record.durationMs)
  series.wireBytesReceived.observe(record.wireBytesReceived)
  series.wireBytesSent.observe(record.wireBytesSent)
}

interface Lane {
  readonly key: LaneKey
  /** Since when one of its names is known no more; undefined while all are. */
  unknownSince: number | undefined
  /** Flags, then status, to series. */
  readonly series: Map<string, Map<number, IstioSeries>>
}

export class IstioSeriesSet {
  #all: IstioSeries[] = []
  readonly #edge = new LaneTree()
  readonly #internal = new LaneTree()

  /** The series of this record, as long as its names are known. */
  of(record: RequestRecord, known: KnownNames): IstioSeries {
    return this.#seriesOf(this.#laneOf(record, known), record.flags, record.status)
  }

  all(): Iterable<IstioSeries> {
    return this.#all
  }

  /**
   * Drops the series of names that are not `known` any more, an hour after they ceased to be: who watched a version go has seen it by
   * then, and what is gone for good should not be told for ever.
   * @param nowMs of any clock that only goes forward
   * @returns whether there were any
   */
  dropForgotten(known: KnownNames, nowMs: number): boolean {
    let dropped = false
    for (const tree of [this.#edge, this.#internal]) dropped = tree.dropForgotten(known, nowMs) || dropped
    if (dropped) this.#all = this.#all.filter(({ key }) => this.#treeOf(key.lane.internal).has(key.lane))
    return dropped
  }

  plain(): readonly PlainSeries[] {
    return this.#all.map(({ key, requests, durationMs, wireBytesReceived, wireBytesSent }) => ({
      key,
      requests,
      durationMs: durationMs.plain(),
      wireBytesReceived: wireBytesReceived.plain(),
      wireBytesSent: wireBytesSent.plain(),
    }))
  }

  addPlain(all: readonly PlainSeries[]): void {
    for (const { key, requests, durationMs, wireBytesReceived, wireBytesSent } of all) {
      const series = this.#seriesOf(this.#treeOf(key.lane.internal).findOrAdd(key.lane), key.flags, key.status)
      series.requests += requests
      series.durationMs.add(durationMs)
      series.wireBytesReceived.add(wireBytesReceived)
      series.wireBytesSent.add(wireBytesSent)
    }
  }

  #treeOf(internal: boolean): LaneTree {
    return internal ? this.#internal : this.#edge
  }

  /** Only names that are known make lanes, so that the tree cannot grow by what others send. */
  #laneOf(record: RequestRecord, known: KnownNames): Lane {
    const { internal } = record
    const lanes = this.#treeOf(internal)
    const caller = internal ? record.sourceVersion : ''
    return (
      lanes.find(record.release, record.service, record.poolVersion, caller) ??
      lanes.findOrAdd({
        internal,
        release: fold(record.release, known.releases),
        service: fold(record.service, known.services),
        version: fold(record.poolVersion, known.versions),
        callerVersion: internal ? fold(record.sourceVersion, known.versions) : '',
      })
    )
  }

  #seriesOf(lane: Lane, flags: string, status: number): IstioSeries {
    return lane.series.get(flags)?.get(status) ?? this.#addSeries(lane, flags, status)
  }

  #addSeries(lane: Lane, flags: string, status: number): IstioSeries {
    const labels = labelsOf(lane.key, flags, status)
    const series: IstioSeries = {
      key: { lane: lane.key, flags, status },
      labels,
      destinationLabels: reachedDestination(lane.key, flags) ? asDestination(labels) : undefined,
      requests: 0,
      durationMs: new BucketCounts(istioBuckets),
      wireBytesReceived: new BucketCounts(istioBuckets),
      wireBytesSent: new BucketCounts(istioBuckets),
    }
    const byStatus = lane.series.get(flags)
    if (byStatus === undefined) lane.series.set(flags, new Map([[status, series]]))
    else byStatus.set(status, series)
    this.#all.push(series)
    return series
  }
}

/** Lanes by name. Levels of Map instead of one joined key: the names' hashes are there already, a joined key's would not be. */
class LaneTree {
  readonly #root = new Map<string, Map<string, Map<string, Map<string, Lane>>>>()

  find(release: string, service: string, version: string, callerVersion: string): Lane | undefined {
    return this.#root.get(release)?.get(service)?.get(version)?.get(callerVersion)
  }

  has(key: LaneKey): boolean {
    return this.find(key.release, key.service, key.version, key.callerVersion) !== undefined
  }

  dropForgotten(known: KnownNames, nowMs: number): boolean {
    let dropped = false
    for (const services of this.#root.values()) {
      for (const versions of services.values()) {
        for (const lanes of versions.values()) {
          for (const [caller, lane] of lanes) {
            if (isKnown(lane.key, known)) lane.unknownSince = undefined
            else if (nowMs - (lane.unknownSince ??= nowMs) > forgottenAfterMs) dropped = lanes.delete(caller)
          }
        }
      }
    }
    return dropped
  }

  findOrAdd(key: LaneKey): Lane {
    const lanes = inner(inner(inner(this.#root, key.release), key.service), key.version)
    const present = lanes.get(key.callerVersion)
    if (present !== undefined) return present
    const lane: Lane = { key, unknownSince: undefined, series: new Map() }
    lanes.set(key.callerVersion, lane)
    return lane
  }
}

const forgottenAfterMs = 3600_000

/** Whether all names of a lane are configured, or were never known in the first place. */
function isKnown({ release, service, version, callerVersion }: LaneKey, known: KnownNames): boolean {
  return (
    isOneOf(release, known.releases) &&
    isOneOf(service, known.services) &&
    isOneOf(version, known.versions) &&
    isOneOf(callerVersion, known.versions)
  )
}

function isOneOf(name: string, names: ReadonlySet<string>): boolean {
  return name === unknown || name === '' || names.has(name)
}

function inner<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = new Map()))
  return value
}

export function fold(name: string, known: ReadonlySet<string>): string {
  return known.has(name) ? name : unknown
}

/**
 * A release stands where Istio has a namespace, a service in a version where it has a workload. At the edge the source is graylane,
 * as it is a gateway's own workload in Istio; on internal listeners it is the caller, of which the version is all we may know.
 */
function labelsOf(lane: LaneKey, flags: string, status: number): Record<IstioLabel, string> {
  const { release, version } = lane
  const service = serviceName(lane.service)
  const source = lane.internal ? unknown : self
  const sourceVersion = lane.internal ? lane.callerVersion : unknown
  return {
    reporter: 'source',
    source_workload: source,
    source_workload_namespace: lane.internal ? unknown : ownNamespace,
    source_canonical_service: source,
    source_canonical_revision: revision(sourceVersion),
    source_app: source,
    source_version: sourceVersion,
    source_cluster: unknown,
    source_principal: unknown,
    destination_workload: service === unknown || version === unknown ? unknown : `${service}-${version}`,
    destination_workload_namespace: release,
    destination_app: service,
    destination_version: version,
    destination_service: lane.service === unknown ? unknown : hostOf(lane.service, release),
    destination_service_name: service,
    destination_service_namespace: release,
    destination_canonical_service: service,
    destination_canonical_revision: revision(version),
    destination_cluster: unknown,
    destination_principal: unknown,
    request_protocol: 'http',
    response_code: String(status),
    grpc_response_status: '',
    response_flags: flags,
    connection_security_policy: unknown,
  }
}

/** Flags of requests that ended before an upstream had them. */
const endedBefore = new Set(['NR', 'NC', 'UH', 'UF', 'UO', 'DPE', 'DT', 'UAEX', 'RL', 'FI', 'OM', 'IH'])

function reachedDestination({ service, version }: LaneKey, flags: string): boolean {
  if (service === unknown || version === unknown) return false
  return !flags.split(',').some((flag) => endedBefore.has(flag))
}

/**
 * Kiali draws the edges into a namespace from what destinations report, and Istio's service dashboard has panels for either side: without
 * these, backends outside a mesh would not be there. What a sidecar reports of plain text is `none`.
 */
function asDestination(labels: Readonly<Record<IstioLabel, string>>): Readonly<Record<IstioLabel, string>> {
  return { ...labels, reporter: 'destination', connection_security_policy: 'none' }
}

/** Services of a mesh have their host for a name (`reviews.default.svc.cluster.local`); those of routes.yaml are in their release. */
export function hostOf(service: string, release: string): string {
  return service.includes('.') ? service : `${service}.${release}`
}

/** Istio's short name: the first label of a host in the cluster; other hosts whole. */
function serviceName(service: string): string {
  return /\.svc(?:\.|$)/.test(service) ? service.slice(0, service.indexOf('.')) : service
}

function revision(version: string): string {
  return version === unknown ? unknownRevision : version
}
