// The traffic of the last five minutes, second by second, added up over processes; views of it are made when somebody looks. Holds plain
// sums only, so that twenty thousand requests a second cost no more than twenty.

import { LatencyBuckets } from './latency-buckets.ts'
import type { PlainLane, PlainTraffic, ShownDecision } from './traffic-counter.ts'
import { type VisitorCounts, VisitorWindows } from './visitor-windows.ts'

/** Seconds that are kept, and the longest window of a view. */
const ringSeconds = 300
const keptDecisions = 200
/** Processes report once a second, each in its own time: the second that is under way, and the one before, may not be whole. */
const settlingSeconds = 1

export interface TrafficView {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Seconds that rates and latencies are over. */
  readonly window: number
  /** Everything that came in at the edge. */
  readonly edge: Flow
  readonly lanes: readonly LaneView[]
  readonly versions: readonly VersionView[]
  readonly rules: readonly RuleView[]
  readonly coupling: CouplingView
}

/** Rates are requests a second. */
interface Flow {
  readonly rate: number
  /** 0 to 1: answered 5xx, answered 4xx. */
  readonly errors: number
  readonly refused: number
  /** Milliseconds; undefined without requests. */
  readonly p50: number | undefined
  readonly p99: number | undefined
}

/** Which version to which service. */
export interface LaneView extends Flow {
  readonly internal: boolean
  readonly release: string
  readonly service: string
  readonly version: string
  readonly pool: string
  readonly crossings: readonly { readonly served: string; readonly count: number }[]
  readonly endpoints: readonly { readonly endpoint: string; readonly rate: number; readonly errors: number }[]
}

/** One version side by side with the others: what it answered at the edge. */
export interface VersionView extends Flow {
  readonly release: string
  readonly version: string
  readonly pins: VisitorCounts
  /** Upgraded connections that are open. */
  readonly sockets: number
  /** Requests and 5xx for each of the last sixty seconds, oldest first. */
  readonly requestsBySecond: readonly number[]
  readonly errorsBySecond: readonly number[]
}

export interface RuleView {
  readonly release: string
  readonly rule: string
  /** In the window, and since the start. */
  readonly hits: number
  readonly total: number
}

/** Since the start. */
export interface CouplingView {
  readonly crossings: number
  readonly answered: number
  /** Answers that named their version: what the count of crossings rests on. */
  readonly named: number
  readonly pairs: readonly {
    readonly release: string
    readonly service: string
    readonly asked: string
    readonly served: string
    readonly count: number
  }[]
}

/** What views of a while are made of. */
interface Second {
  readonly at: number
  readonly lanes: PlainLane[]
  readonly rules: PlainTraffic['rules'][number][]
}

export class TrafficRing {
  readonly #now: () => number
  #seconds: Second[] = []
  readonly #visitors = new Map<string, { release: string; version: string; windows: VisitorWindows }>()
  readonly #rules = new Map<string, { release: string; rule: string; total: number }>()
  readonly #pairs = new Map<string, CouplingView['pairs'][number]>()
  #answered = 0
  #named = 0
  /** By process. */
  readonly #sockets = new Map<unknown, PlainTraffic['sockets']>()
  #decisions: ShownDecision[] = []
  #newest = 0

  /** @param now milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Takes what one process counted. @param process any value that names it */
  add(process: unknown, traffic: PlainTraffic | undefined): void {
    this.#sockets.set(process, traffic?.sockets ?? [])
    if (traffic === undefined) return
    const at = this.#nowSeconds()
    const second = this.#secondAt(at)
    second.lanes.push(...traffic.lanes)
    second.rules.push(...traffic.rules)
    for (const lane of traffic.lanes) this.#audit(lane)
    for (const [release, rule, hits] of traffic.rules) this.#hit(release, rule, hits)
    for (const [release, version, rises] of traffic.visitors) this.#windowsOf(release, version).raise(rises, at)
    this.#newest += traffic.decisions.length
    this.#decisions.push(...traffic.decisions)
    if (this.#decisions.length > keptDecisions) this.#decisions = this.#decisions.slice(-keptDecisions)
  }

  /** Its open sockets ended with it. */
  forget(process: unknown): void {
    this.#sockets.delete(process)
  }

  /** @param window seconds that rates are over, 1 to 300 */
  view(window: number): TrafficView {
    const until = this.#nowSeconds() - settlingSeconds
    const recent = this.#seconds.filter(({ at }) => at > until - window && at <= until)
    const lanes = [...group(recent.flatMap((second) => second.lanes)).values()]
    const coupling = { crossings: 0, answered: this.#answered, named: this.#named, pairs: [...this.#pairs.values()] }
    for (const { count } of coupling.pairs) coupling.crossings += count
    return {
      at: this.#now(),
      window,
      edge: flowOf(
        lanes.flat().filter(({ internal }) => !internal),
        window,
      ),
      lanes: lanes.map((same) => laneView(same, window)),
      versions: this.#versionViews(lanes.flat(), window, until),
      rules: this.#ruleViews(recent),
      coupling,
    }
  }

  /** Number of the newest decision; decisions(since) gives those after it. */
  get newest(): number {
    return this.#newest
  }

  /** The decisions after that number, oldest first, at most two hundred. */
  decisions(since: number): readonly ShownDecision[] {
    const count = Math.min(this.#decisions.length, Math.max(0, this.#newest - since))
    return count === 0 ? [] : this.#decisions.slice(-count)
  }

  #nowSeconds(): number {
    return Math.floor(this.#now() / 1000)
  }

  #secondAt(at: number): Second {
    const newest = this.#seconds.at(-1)
    if (newest?.at === at) return newest
    const second: Second = { at, lanes: [], rules: [] }
    this.#seconds = this.#seconds.filter((old) => old.at > at - ringSeconds && old.at < at)
    this.#seconds.push(second)
    return second
  }

  #audit({ release, service, pool, answered, named, crossings }: PlainLane): void {
    this.#answered += answered
    this.#named += named
    for (const [served, count] of crossings) {
      const key = [release, service, pool, served].join('\0')
      const before = this.#pairs.get(key)?.count ?? 0
      this.#pairs.set(key, { release, service, asked: pool, served, count: before + count })
    }
  }

  #hit(release: string, rule: string, hits: number): void {
    const key = `${release}\0${rule}`
    const total = this.#rules.get(key)?.total ?? 0
    this.#rules.set(key, { release, rule, total: total + hits })
  }

  #windowsOf(release: string, version: string): VisitorWindows {
    const key = `${release}\0${version}`
    let known = this.#visitors.get(key)
    if (known === undefined) {
      for (const [old, { windows }] of this.#visitors)
        if (windows.isOver(this.#nowSeconds())) this.#visitors.delete(old)
      this.#visitors.set(key, (known = { release, version, windows: new VisitorWindows() }))
    }
    return known.windows
  }

  #versionViews(lanes: readonly PlainLane[], window: number, until: number): VersionView[] {
    const names = new Map<string, { readonly release: string; readonly version: string }>()
    const sockets = [...this.#sockets.values()].flat()
    for (const { release, version } of [...lanes, ...this.#visitors.values()]) {
      if (version !== '') names.set(`${release}\0${version}`, { release, version })
    }
    for (const [release, version, open] of sockets)
      if (open > 0) names.set(`${release}\0${version}`, { release, version })
    return Array.from(names.values(), ({ release, version }) => {
      const isOfIt = (lane: PlainLane): boolean =>
        !lane.internal && lane.version === version && lane.release === release
      const bySecond = this.#bySecond(isOfIt, until)
      return {
        release,
        version,
        ...flowOf(lanes.filter(isOfIt), window),
        pins: this.#visitors.get(`${release}\0${version}`)?.windows.counts(this.#nowSeconds()) ?? noVisitors,
        sockets: sum(sockets, ([of, name, open]) => (of === release && name === version ? open : 0)),
        requestsBySecond: bySecond.map((same) => sum(same, ({ requests }) => requests)),
        errorsBySecond: bySecond.map((same) => sum(same, ({ errors: count }) => count)),
      }
    })
  }

  #bySecond(isOfIt: (lane: PlainLane) => boolean, until: number): PlainLane[][] {
    const lanesAt = new Map(this.#seconds.map(({ at, lanes }) => [at, lanes.filter(isOfIt)]))
    return Array.from({ length: 60 }, (_, i) => lanesAt.get(until - 59 + i) ?? [])
  }

  #ruleViews(recent: readonly Second[]): RuleView[] {
    const hits = new Map<string, number>()
    for (const [release, rule, count] of recent.flatMap(({ rules }) => rules)) {
      const key = `${release}\0${rule}`
      hits.set(key, (hits.get(key) ?? 0) + count)
    }
    return Array.from(this.#rules, ([key, rule]) => ({ ...rule, hits: hits.get(key) ?? 0 }))
  }
}

const noVisitors: VisitorCounts = { fiveMinutes: 0, hour: 0, day: 0 }

/** Lanes of the same name of several seconds and processes. */
function group(lanes: readonly PlainLane[]): Map<string, PlainLane[]> {
  return Map.groupBy(lanes, ({ internal, release, service, version, pool }) =>
    [internal, release, service, version, pool].join('\0'),
  )
}

function laneView(same: readonly PlainLane[], window: number): LaneView {
  const { internal = false, release = '', service = '', version = '', pool = '' } = same[0] ?? {}
  const endpoints = new Map<string, { requests: number; errors: number }>()
  const crossings = new Map<string, number>()
  for (const lane of same) {
    for (const [endpoint, requests, errors] of lane.endpoints) {
      const known = endpoints.get(endpoint)
      endpoints.set(endpoint, { requests: requests + (known?.requests ?? 0), errors: errors + (known?.errors ?? 0) })
    }
    for (const [served, count] of lane.crossings) crossings.set(served, count + (crossings.get(served) ?? 0))
  }
  return {
    internal,
    release,
    service,
    version,
    pool,
    ...flowOf(same, window),
    crossings: Array.from(crossings, ([served, count]) => ({ served, count })),
    endpoints: Array.from(endpoints, ([endpoint, count]) => ({
      endpoint,
      rate: count.requests / window,
      errors: shareOf(count.errors, count.requests),
    })),
  }
}

function flowOf(lanes: readonly PlainLane[], window: number): Flow {
  const latencies = new LatencyBuckets()
  for (const lane of lanes) latencies.add(lane.latencies)
  const requests = sum(lanes, (lane) => lane.requests)
  return {
    rate: requests / window,
    errors: shareOf(
      sum(lanes, (lane) => lane.errors),
      requests,
    ),
    refused: shareOf(
      sum(lanes, (lane) => lane.refused),
      requests,
    ),
    p50: latencies.quantile(0.5),
    p99: latencies.quantile(0.99),
  }
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0)
}
