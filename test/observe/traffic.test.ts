import { describe, expect, it } from 'vitest'

import { DistinctCount, DistinctMarker } from '../../src/observe/distinct.ts'
import type { KnownNames } from '../../src/observe/istio-series.ts'
import { LatencyBuckets } from '../../src/observe/latency-buckets.ts'
import type { RequestRecord } from '../../src/observe/record.ts'
import { TrafficCounter } from '../../src/observe/traffic-counter.ts'
import { TrafficRing, type TrafficView } from '../../src/observe/traffic-ring.ts'
import { requestRecord } from './request-record.ts'

const names: KnownNames = {
  releases: new Set(['shop', 'blog']),
  services: new Set(['frontend', 'mqtt-server']),
  versions: new Set(['v1', 'v2', 'v3']),
}

/** One process and a ring, by a clock that the test moves. */
class Stand {
  nowMs = Date.UTC(2026, 0, 1)
  readonly counter = new TrafficCounter(() => this.nowMs)
  readonly ring = new TrafficRing(() => this.nowMs)

  /** These requests end within one second, which is reported. */
  second(...records: Partial<RequestRecord>[]): void {
    for (const record of records) this.counter.count(requestRecord(record), names)
    this.ring.add('one', this.counter.take())
    this.nowMs += 1000
  }

  /** Of everything up to the last second. */
  view(window = 10): TrafficView {
    return this.ring.view(window)
  }
}

describe('the traffic of the last seconds', () => {
  it('is by who was asked: service, decided version and the version that owns the pool', () => {
    const stand = new Stand()
    stand.second(
      {},
      {},
      { version: 'v3', service: 'mqtt-server', poolVersion: 'v1' },
      { internal: true, version: 'v2' },
    )
    const lanes = stand.view(2).lanes.map(({ internal, service, version, pool, rate }) => ({
      lane: `${internal ? 'inside' : 'edge'} ${version} ${service}@${pool}`,
      rate,
    }))
    expect(lanes).toEqual([
      { lane: 'edge v1 frontend@v1', rate: 1 },
      { lane: 'inside v2 frontend@v1', rate: 0.5 },
      { lane: 'edge v3 mqtt-server@v1', rate: 0.5 },
    ])
  })

  it('tells failures of the gateway’s side from refusals, and who left from both', () => {
    const stand = new Stand()
    stand.second({ status: 503 }, { status: 404 }, { status: 0, flags: 'DC' }, {})
    expect(stand.view().lanes[0]).toMatchObject({ errors: 0.25, refused: 0.25 })
    expect(stand.view().versions[0]).toMatchObject({ version: 'v1', errors: 0.25, refused: 0.25 })
  })

  it('is by endpoint as well: what each answered, and which part of it with 5xx', () => {
    const stand = new Stand()
    const second = [{}, {}, { status: 502 }, { endpoint: '127.0.1.9:8080', status: 500 }]
    stand.second(...second)
    stand.second(...second)
    expect(stand.view(2).lanes[0]?.endpoints).toEqual([
      { endpoint: '127.0.1.1:8080', rate: 3, errors: 1 / 3 },
      { endpoint: '127.0.1.9:8080', rate: 1, errors: 1 },
    ])
  })

  it('keeps apart what two releases call by one name', () => {
    const stand = new Stand()
    const blog = { release: 'blog', visitor: 'seed-1' }
    stand.counter.socketOpened(requestRecord(blog))
    stand.second({}, blog, {}, blog, blog)
    const { lanes, versions } = stand.view(1)
    expect(lanes).toMatchObject([
      { release: 'shop', version: 'v1', rate: 2 },
      { release: 'blog', version: 'v1', rate: 3 },
    ])
    expect(versions).toMatchObject([
      { release: 'shop', rate: 2, sockets: 0, pins: { day: 0 } },
      { release: 'blog', rate: 3, sockets: 1, pins: { day: 1 } },
    ])
  })

  it('has latencies to a few percent, over all seconds and without the hours of open sockets', () => {
    const stand = new Stand()
    for (let i = 0; i < 10; i++) {
      stand.second(...Array.from({ length: 99 }, () => ({ durationMs: 4 })), { durationMs: i === 0 ? 1000 : 4 })
    }
    stand.second({ status: 101, durationMs: 3_600_000 })
    const [lane] = stand.view(60).lanes
    expect(lane?.p50).toBeCloseTo(4, 0)
    expect(lane?.p99).toBeCloseTo(4, 0)
    expect(stand.view(60).lanes[0]?.endpoints).toMatchObject([{ endpoint: '127.0.1.1:8080' }])
  })

  it('forgets what is older than its window, and after five minutes everything', () => {
    const stand = new Stand()
    stand.second({})
    stand.nowMs += 9000
    expect(stand.view(10).lanes).toHaveLength(1)
    stand.nowMs += 1000
    expect(stand.view(10).lanes).toHaveLength(0)
    expect(stand.view(60).lanes).toHaveLength(1)
    stand.nowMs += 300_000
    stand.second({ version: 'v2', poolVersion: 'v2' })
    expect(stand.view(300).lanes.map(({ version }) => version)).toEqual(['v2'])
  })

  it('shows a second when it is over: until then processes go on telling what was in it', () => {
    const stand = new Stand()
    stand.second({})
    stand.counter.count(requestRecord({}), names)
    stand.ring.add('one', stand.counter.take())
    expect(stand.view(1).lanes).toMatchObject([{ rate: 1 }])
    expect(stand.view(2).lanes).toMatchObject([{ rate: 0.5 }])
    stand.nowMs += 1000
    expect(stand.view(2).lanes).toMatchObject([{ rate: 1 }])
  })

  it('adds up what several processes report', () => {
    const stand = new Stand()
    const other = new TrafficCounter(() => stand.nowMs)
    other.count(requestRecord({ durationMs: 4 }), names)
    stand.ring.add('two', other.take())
    stand.second({ durationMs: 4 })
    expect(stand.view(1).lanes).toMatchObject([{ rate: 2, endpoints: [{ endpoint: '127.0.1.1:8080', rate: 2 }] }])
  })

  it('has the requests and failures of each of the last sixty seconds', () => {
    const stand = new Stand()
    stand.second({}, {}, { status: 502 })
    stand.second({})
    const [version] = stand.view().versions
    expect(version?.requestsBySecond.slice(-3)).toEqual([0, 3, 1])
    expect(version?.errorsBySecond.slice(-3)).toEqual([0, 1, 0])
    expect(version?.requestsBySecond).toHaveLength(60)
  })

  it('counts the hits of rules in the window and since the start', () => {
    const stand = new Stand()
    stand.second({ rule: 'office', reason: 'rule' }, { rule: 'office', reason: 'rule' })
    stand.nowMs += 60_000
    stand.second({ rule: 'office', reason: 'rule' })
    expect(stand.view().rules).toEqual([{ release: 'shop', rule: 'office', hits: 1, total: 3 }])
  })

  it('makes no lane of names that are not configured', () => {
    const stand = new Stand()
    stand.second(
      ...Array.from({ length: 1000 }, (_, i) => ({ service: `s${i}`, version: `x${i}`, poolVersion: `y${i}` })),
    )
    expect(stand.view(1).lanes).toMatchObject([{ service: 'unknown', version: 'unknown', rate: 1000 }])
  })
})

describe('crossings', () => {
  it('are counted since the start, by service and pair, beside how many answers named their version at all', () => {
    const stand = new Stand()
    stand.second({ servedVersion: 'v1' }, { servedVersion: 'v2' }, { servedVersion: 'made-up' }, {}, { upstreamMs: -1 })
    stand.nowMs += 400_000
    stand.second({ servedVersion: 'v2' })
    expect(stand.view().coupling).toEqual({
      crossings: 3,
      answered: 5,
      named: 4,
      pairs: [
        { release: 'shop', service: 'frontend', asked: 'v1', served: 'v2', count: 2 },
        { release: 'shop', service: 'frontend', asked: 'v1', served: 'unknown', count: 1 },
      ],
    })
    expect(stand.view().lanes[0]?.crossings).toEqual([{ served: 'v2', count: 1 }])
  })
})

describe('the last decisions', () => {
  it('are shown in order, each once, without query, and no more of a second than a person could read', () => {
    const stand = new Stand()
    stand.second(...Array.from({ length: 1000 }, (_, i) => ({ path: `/${i}` })))
    const first = stand.ring.decisions(0)
    expect(first).toHaveLength(12)
    expect(first[0]).toMatchObject({ path: '/0', reason: 'stable', version: 'v1', client: '203.0.113.7' })
    const { newest } = stand.ring
    stand.second({ path: '/next' })
    expect(stand.ring.decisions(newest).map(({ path }) => path)).toEqual(['/next'])
    expect(stand.ring.decisions(newest + 1)).toEqual([])
  })

  it('show what went wrong also when much went well before', () => {
    const stand = new Stand()
    stand.second(...Array.from({ length: 1000 }, () => ({})), { status: 500 }, { servedVersion: 'v2' })
    const wrong = stand.ring.decisions(0).filter(({ status, served }) => status === 500 || served === 'v2')
    expect(wrong).toHaveLength(2)
  })

  it('are two hundred at most', () => {
    const stand = new Stand()
    for (let i = 0; i < 100; i++) stand.second(...Array.from({ length: 12 }, () => ({})))
    expect(stand.ring.decisions(0)).toHaveLength(200)
  })
})

describe('open sockets', () => {
  it('are those that opened and did not end, of all processes that live', () => {
    const stand = new Stand()
    const other = new TrafficCounter(() => stand.nowMs)
    const v2 = requestRecord({ version: 'v2', poolVersion: 'v2' })
    stand.counter.socketOpened(v2)
    stand.counter.socketOpened(v2)
    other.socketOpened(v2)
    stand.ring.add('two', other.take())
    stand.second()
    const open = (): number | undefined => stand.view().versions.find(({ version }) => version === 'v2')?.sockets
    expect(open()).toBe(3)
    stand.second({ version: 'v2', poolVersion: 'v2', status: 101 })
    expect(open()).toBe(2)
    stand.ring.forget('two')
    expect(open()).toBe(1)
  })
})

describe('pins seen', () => {
  const visitor = (i: number): Partial<RequestRecord> => ({ visitor: `seed-${i}`, pinIn: 'held' })

  it('count each visitor once, in five minutes, an hour and a day, over all processes', () => {
    const stand = new Stand()
    const other = new TrafficCounter(() => stand.nowMs)
    for (let i = 50; i < 150; i++) other.count(requestRecord(visitor(i)), names)
    stand.ring.add('two', other.take())
    stand.second(...Array.from({ length: 300 }, (_, i) => visitor(i % 100)))
    const pins = (): unknown => stand.view().versions[0]?.pins
    const around150 = expect.toSatisfy((count: number) => count >= 145 && count <= 155)
    expect(pins()).toEqual({ fiveMinutes: around150, hour: around150, day: around150 })

    stand.nowMs += 10 * 60_000
    stand.second(visitor(7))
    expect(pins()).toEqual({ fiveMinutes: 1, hour: around150, day: around150 })
    stand.nowMs += 2 * 3600_000
    stand.second(visitor(7))
    expect(pins()).toEqual({ fiveMinutes: 1, hour: 1, day: around150 })
    stand.nowMs += 25 * 3600_000
    stand.second(visitor(7))
    expect(pins()).toEqual({ fiveMinutes: 1, hour: 1, day: 1 })
  })

  it('go with the version that nobody has been seen with for a day, when another comes', () => {
    const stand = new Stand()
    stand.second(visitor(1))
    stand.nowMs += 25 * 3_600_000
    expect(stand.view().versions).toMatchObject([{ version: 'v1', pins: { day: 0 } }])
    stand.second({ ...visitor(1), version: 'v2', poolVersion: 'v2' })
    expect(stand.view().versions.map(({ version }) => version)).toEqual(['v2'])
  })

  it('are of each version for itself', () => {
    const stand = new Stand()
    stand.second(visitor(1), visitor(2), { ...visitor(1), version: 'v2', poolVersion: 'v2' })
    expect(stand.view().versions).toMatchObject([
      { version: 'v1', pins: { day: 2 } },
      { version: 'v2', pins: { day: 1 } },
    ])
  })

  it.each([
    ['fiveMinutes', 300],
    ['hour', 3600],
    ['day', 86_400],
  ] as const)('are forgotten when their window is over: %s', (window, seconds) => {
    const stand = new Stand()
    const begin = stand.nowMs
    stand.second(visitor(1))
    const seenAfter = (ms: number): number | undefined => {
      stand.nowMs = begin + ms
      return stand.view().versions[0]?.pins[window]
    }
    expect(seenAfter(seconds * 1000 - 1)).toBe(1)
    expect(seenAfter(seconds * 1000)).toBe(0)
  })

  it('are told once: who was seen before is no news', () => {
    const marker = new DistinctMarker()
    for (const name of ['ann', 'bob']) marker.mark(name)
    expect(marker.takeRises()).toHaveLength(2)
    for (const name of ['ann', 'bob', 'ann']) marker.mark(name)
    expect(marker.takeRises()).toEqual([])
  })

  it('see a visitor again who stays beyond a minute', () => {
    const stand = new Stand()
    stand.second(visitor(1))
    for (let i = 0; i < 8; i++) {
      stand.nowMs += 60_000
      stand.second(visitor(1))
    }
    expect(stand.view().versions[0]?.pins.fiveMinutes).toBe(1)
  })

  it.each([10, 1000, 100_000])('are right to five percent at %i visitors', (visitors) => {
    const marker = new DistinctMarker()
    for (let i = 0; i < visitors; i++) marker.mark(`visitor ${i}`)
    const count = new DistinctCount()
    count.raise(marker.takeRises())
    expect(Math.abs(count.estimate() / visitors - 1)).toBeLessThan(0.05)
  })
})

describe('latency buckets', () => {
  it('are off by a sixteenth at most, from a microsecond to half an hour', () => {
    for (const milliseconds of [0.002, 0.5, 1, 3.3, 17, 250, 999, 60_000, 1_800_000]) {
      const buckets = new LatencyBuckets()
      buckets.observe(milliseconds)
      const quantile = buckets.quantile(0.5)!
      expect(Math.abs(quantile / milliseconds - 1)).toBeLessThan(milliseconds < 0.008 ? 0.5 : 1 / 16)
    }
  })

  it('take what is longer still', () => {
    const buckets = new LatencyBuckets()
    buckets.observe(Number.MAX_SAFE_INTEGER)
    expect(buckets.quantile(0.99)).toBeGreaterThan(1_800_000)
    expect(new LatencyBuckets().quantile(0.5)).toBeUndefined()
  })
})
