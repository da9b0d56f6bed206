// What passes in one second, in one process: who asked whom, how fast, how well. The hot side of the dashboard's figures: a request costs
// a few additions, and every second all of it is taken away as plain data. Names are configured ones; the rest is bounded.

import { LabelledCounter } from './counters.ts'
import { DistinctMarker, type PlainRises } from './distinct.ts'
import { fold, type KnownNames } from './istio-series.ts'
import { LatencyBuckets, type PlainLatencies } from './latency-buckets.ts'
import type { RequestRecord } from './record.ts'

/** Decisions that are shown one by one, of each process and second: the first ones, and as many that went wrong. */
const shownDecisions = 12
const longestPath = 160

/** Structured-clonable. Everything since the one before. */
export interface PlainTraffic {
  readonly lanes: readonly PlainLane[]
  readonly rules: readonly (readonly [release: string, rule: string, hits: number])[]
  readonly visitors: readonly (readonly [release: string, version: string, rises: PlainRises])[]
  /** Upgraded connections that are open now. */
  readonly sockets: readonly (readonly [release: string, version: string, open: number])[]
  readonly decisions: readonly ShownDecision[]
}

/** Requests of one decided version to one service; '' where a name is not known, or none was reached. */
export interface PlainLane {
  readonly internal: boolean
  readonly release: string
  readonly service: string
  readonly version: string
  /** The version that owns the pool. */
  readonly pool: string
  readonly requests: number
  /** Answered 5xx. */
  readonly errors: number
  /** Answered 4xx. */
  readonly refused: number
  /** The client left before the answer. */
  readonly left: number
  /** Answers of an upstream, and those that named the version they are of. */
  readonly answered: number
  readonly named: number
  /** Answers that named another version than the pool's. */
  readonly crossings: readonly (readonly [served: string, count: number])[]
  readonly latencies: PlainLatencies
  readonly endpoints: readonly (readonly [endpoint: string, requests: number, errors: number])[]
}

/** One request, for people to read. Without query, cookies and other fields. */
export interface ShownDecision {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly internal: boolean
  readonly release: string
  readonly service: string
  readonly version: string
  readonly pool: string
  readonly served: string | undefined
  readonly reason: string
  readonly rule: string
  readonly document: boolean
  readonly pinIn: string
  readonly pinOut: string
  readonly method: string
  /** At most 160 characters. */
  readonly path: string
  readonly client: string
  readonly status: number
  readonly flags: string
  readonly code: string
  readonly endpoint: string
  readonly durationMs: number
}

interface EndpointCount {
  requests: number
  errors: number
}

class Lane {
  readonly release: string
  readonly version: string
  readonly pool: string
  readonly internal: boolean
  readonly service: string
  readonly latencies = new LatencyBuckets()
  readonly endpoints = new Map<string, EndpointCount>()
  readonly crossings = new Map<string, number>()
  requests = 0
  errors = 0
  refused = 0
  left = 0
  answered = 0
  named = 0

  constructor(internal: boolean, release: string, service: string, version: string, pool: string) {
    this.internal = internal
    this.release = release
    this.service = service
    this.version = version
    this.pool = pool
  }

  is({ internal, release, service, version, poolVersion }: RequestRecord): boolean {
    return (
      this.service === service &&
      this.version === version &&
      this.pool === poolVersion &&
      this.internal === internal &&
      this.release === release
    )
  }

  count(record: RequestRecord, names: KnownNames): void {
    const { status, endpoint } = record
    this.requests++
    const failed = status >= 500
    if (failed) this.errors++
    else if (status >= 400) this.refused++
    else if (status === 0) this.left++
    // A socket is open for hours: that is no latency.
    if (status !== 101) this.latencies.observe(record.durationMs)
    if (endpoint !== '') {
      const count = this.endpoints.get(endpoint)
      if (count === undefined) this.endpoints.set(endpoint, { requests: 1, errors: failed ? 1 : 0 })
      else {
        count.requests++
        if (failed) count.errors++
      }
    }
    if (record.upstreamMs < 0) return
    this.answered++
    const served = record.servedVersion
    if (served === undefined) return
    this.named++
    if (served !== record.poolVersion) this.#cross(fold(served, names.versions))
  }

  #cross(served: string): void {
    this.crossings.set(served, (this.crossings.get(served) ?? 0) + 1)
  }

  plain(): PlainLane {
    const { internal, release, service, version, pool, requests, errors, refused, left, answered, named } = this
    const counts = { requests, errors, refused, left, answered, named }
    const endpoints = Array.from(this.endpoints, ([key, count]) => [key, count.requests, count.errors] as const)
    const latencies = this.latencies.plain()
    return {
      internal,
      release,
      service,
      version,
      pool,
      ...counts,
      crossings: [...this.crossings],
      latencies,
      endpoints,
    }
  }
}

interface Visitors {
  readonly release: string
  readonly version: string
  readonly marker: DistinctMarker
}

export class TrafficCounter {
  readonly #now: () => number
  /** By service. Of one service there are few, found by comparing names that are the same strings: cheaper than a joined key. */
  #lanes = new Map<string, Lane[]>()
  #last: Lane | undefined
  #rules = new LabelledCounter()
  #visitors: Visitors[] = []
  #minute = -1
  readonly #sockets = new Map<string, { readonly release: string; readonly version: string; open: number }>()
  #decisions: ShownDecision[] = []
  #failures: ShownDecision[] = []

  /** @param now milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** For each request, when it has ended. */
  count(record: RequestRecord, names: KnownNames): void {
    const lane = this.#last?.is(record) === true ? this.#last : this.#laneOf(record, names)
    lane.count(record, names)
    if (record.rule !== '') this.#rules.increment(record.release, record.rule)
    if (record.visitor !== '') this.#markerOf(record).mark(record.visitor)
    if (record.status === 101) this.#moveSockets(record, -1)
    if (record.status >= 500 || (record.servedVersion !== undefined && record.servedVersion !== record.poolVersion)) {
      if (this.#failures.length < shownDecisions) this.#failures.push(shown(record, this.#now()))
    } else if (this.#decisions.length < shownDecisions) this.#decisions.push(shown(record, this.#now()))
  }

  /** An upgraded connection opened; its record follows when it ends, with status 101. */
  socketOpened(record: RequestRecord): void {
    this.#moveSockets(record, 1)
  }

  /** Everything since the last time; undefined when there was nothing and nothing is open. */
  take(): PlainTraffic | undefined {
    if (this.#lanes.size === 0 && this.#sockets.size === 0) return undefined
    const traffic: PlainTraffic = {
      lanes: [...this.#lanes.values()].flat().map((lane) => lane.plain()),
      rules: Array.from(this.#rules.entries(), ({ values: [release, rule], count }) => [release, rule, count] as const),
      visitors: this.#takeVisitors(),
      sockets: Array.from(this.#sockets.values(), ({ release, version, open }) => [release, version, open] as const),
      decisions: [...this.#failures, ...this.#decisions].toSorted((a, b) => a.at - b.at),
    }
    // Dropped rather than set to zero: what is not used any more goes by itself.
    this.#lanes = new Map()
    this.#last = undefined
    this.#rules = new LabelledCounter()
    this.#decisions = []
    this.#failures = []
    for (const [key, { open }] of this.#sockets) if (open === 0) this.#sockets.delete(key)
    return traffic
  }

  /** By contract names are configured ones or ''; were they not, they would meet in one lane. */
  #laneOf(record: RequestRecord, names: KnownNames): Lane {
    for (const lane of this.#lanes.get(record.service) ?? []) if (lane.is(record)) return (this.#last = lane)
    const service = foldNamed(record.service, names.services)
    const version = foldNamed(record.version, names.versions)
    const poolVersion = foldNamed(record.poolVersion, names.versions)
    const release = foldNamed(record.release, names.releases)
    const folded = { ...record, release, service, version, poolVersion }
    const lanes = this.#lanes.get(service) ?? []
    this.#lanes.set(service, lanes)
    let lane = lanes.find((one) => one.is(folded))
    if (lane === undefined) lanes.push((lane = new Lane(record.internal, release, service, version, poolVersion)))
    return lane
  }

  #markerOf({ release, version }: RequestRecord): DistinctMarker {
    for (const known of this.#visitors) {
      if (known.version === version && known.release === release) return known.marker
    }
    const marker = new DistinctMarker()
    this.#visitors.push({ release, version, marker })
    return marker
  }

  #takeVisitors(): PlainTraffic['visitors'] {
    const visitors = this.#visitors.map(
      ({ release, version, marker }) => [release, version, marker.takeRises()] as const,
    )
    const minute = Math.floor(this.#now() / 60_000)
    // A new span: those who were seen before count again.
    if (minute !== this.#minute) this.#visitors = []
    this.#minute = minute
    return visitors.filter(([, , rises]) => rises.length > 0)
  }

  #moveSockets({ release, version }: RequestRecord, by: 1 | -1): void {
    const key = `${release}\0${version}`
    const known = this.#sockets.get(key)
    if (known === undefined) this.#sockets.set(key, { release, version, open: by })
    else known.open += by
  }
}

function foldNamed(name: string, known: ReadonlySet<string>): string {
  return name === '' ? '' : fold(name, known)
}

function shown(record: RequestRecord, at: number): ShownDecision {
  const { internal, release, service, version, servedVersion, reason, rule, document, pinIn, pinOut } = record
  const { method, path, clientAddress, status, flags, edgeCode, endpoint, durationMs } = record
  return {
    at,
    internal,
    release,
    service,
    version,
    pool: record.poolVersion,
    served: servedVersion?.slice(0, 64),
    reason,
    rule,
    document,
    pinIn,
    pinOut,
    method,
    path: path.slice(0, longestPath),
    client: clientAddress,
    status,
    flags,
    code: edgeCode,
    endpoint,
    durationMs: Math.round(durationMs * 100) / 100,
  }
}
