// What a trafficPolicy remembers, and weights that grow: on the pools themselves, with a clock of the test's own.

import { describe, expect, it } from 'vitest'
import { ConnectionRules } from '../../src/proxy/connection-rules.ts'
import { Endpoints } from '../../src/proxy/endpoints.ts'
import { PoolEndpoints } from '../../src/proxy/pool-endpoints.ts'
import type { TrafficPolicySpec } from '../../src/rules/traffic-policy.ts'
import type { UpstreamUrl } from '../../src/rules/types.ts'

const url = (last: number, weight?: number): UpstreamUrl => ({
  protocol: 'http',
  hostname: `10.0.0.${last}`,
  port: 80,
  ...(weight !== undefined && { weight }),
})

function poolOf(endpoints: Endpoints, trafficPolicy: TrafficPolicySpec | undefined, urls: readonly UpstreamUrl[]) {
  const pool = new PoolEndpoints(
    {
      key: 'shop/app@v1',
      release: 'shop',
      service: 'app',
      owner: 'v1',
      upstreams: urls,
      ...(trafficPolicy && { trafficPolicy }),
    },
    endpoints,
  )
  pool.replace(urls.map((one) => pool.endpointAt(one.hostname, one)))
  return pool
}

describe('http1MaxPendingRequests', () => {
  it('counts who waits for a connection that is being opened like who waits for one that is in use', () => {
    const rules = new ConnectionRules({ maxPendingRequests: 2 }, undefined)
    rules.opened({})
    expect(rules.isFull).toBe(false)
    rules.waiting++
    expect(rules.isFull).toBe(true)
    rules.connecting--
    expect(rules.isFull).toBe(false)
  })
})

describe('a pool without a policy', () => {
  it('sends to the one of two neighbours that has fewer requests in flight, whichever has its turn', () => {
    const pool = poolOf(new Endpoints(() => 0), undefined, [url(1), url(2)])
    pool.list[0]!.inFlight = 1
    expect([share(pool, 1, 100), share(pool, 2, 100)]).toEqual([0, 1])
  })

  it('takes turns among those that have equally many', () => {
    const pool = poolOf(new Endpoints(() => 0), undefined, [url(1), url(2), url(3)])
    expect([share(pool, 1, 300), share(pool, 2, 300), share(pool, 3, 300)]).toEqual([1 / 3, 1 / 3, 1 / 3])
  })
})

function share(pool: PoolEndpoints, last: number, times = 4000): number {
  let count = 0
  for (let i = 0; i < times; i++) if (pool.pick(undefined)!.address === `10.0.0.${last}`) count++
  return count / times
}

const ejecting: TrafficPolicySpec = {
  outlierDetection: {
    consecutive5xxErrors: 1,
    consecutiveGatewayErrors: 0,
    splitExternalLocalOriginErrors: false,
    consecutiveLocalOriginFailures: 5,
    intervalMs: 1000,
    baseEjectionTimeMs: 30_000,
    maxEjectionPercent: 100,
  },
}

describe('warmup', () => {
  it.each(['ROUND_ROBIN', 'LEAST_REQUEST'] as const)(
    'of %s: a new endpoint gets its share little by little',
    (kind) => {
      const clock = { now: 0 }
      const endpoints = new Endpoints(() => clock.now)
      const policy = { loadBalancer: { kind, warmup: { durationMs: 10_000, minimumPercent: 10, aggression: 1 } } }
      const before = poolOf(endpoints, policy, [url(1)])
      expect(share(before, 1)).toBe(1)
      clock.now = 60_000
      const pool = poolOf(endpoints, policy, [url(1), url(2)])
      const shares = [0, 5000, 10_000].map((age) => {
        clock.now = 60_000 + age
        return share(pool, 2)
      })
      // 10 % of a weight of 1 beside 1, then 50 %, then all.
      for (const [at, expected] of [1 / 11, 1 / 3, 1 / 2].entries()) expect(shares[at]).toBeCloseTo(expected, 1)
    },
  )

  it('of a pool that is new as a whole changes nothing', () => {
    const endpoints = new Endpoints(() => 0)
    const warmup = { durationMs: 10_000, minimumPercent: 0, aggression: 1 }
    const pool = poolOf(endpoints, { loadBalancer: { kind: 'ROUND_ROBIN', warmup } }, [url(1), url(2)])
    expect(share(pool, 1)).toBe(0.5)
  })
})

describe('weights of endpoints', () => {
  it('count without a trafficPolicy as well', () => {
    const pool = poolOf(new Endpoints(() => 0), undefined, [url(1, 3), url(2, 1)])
    expect(share(pool, 1)).toBeCloseTo(0.75, 1)
  })
})

describe('over a reload', () => {
  it('a policy that stays remembers who was ejected; one that changed begins anew', () => {
    const endpoints = new Endpoints(() => 5)
    const first = poolOf(endpoints, ejecting, [url(1), url(2)])
    first.policy!.answered(first.list[0]!, 500)
    expect(share(first, 1)).toBe(0)
    const same = poolOf(endpoints, { ...ejecting }, [url(1), url(2)])
    expect(same.list).toEqual(first.list)
    expect(share(same, 1)).toBe(0)
    const changed = poolOf(endpoints, { ...ejecting, connectionPool: { maxRequests: 9 } }, [url(1), url(2)])
    expect(share(changed, 1)).toBeGreaterThan(0.3)
  })

  it('limits count what began before', () => {
    const endpoints = new Endpoints(() => 5)
    const limited: TrafficPolicySpec = { connectionPool: { maxRequests: 1 } }
    expect(poolOf(endpoints, limited, [url(1)]).policy!.enter()).toBe(true)
    expect(poolOf(endpoints, limited, [url(1)]).policy!.enter()).toBe(false)
  })

  it('pools without a policy share their endpoints, those with one do not', () => {
    const endpoints = new Endpoints(() => 5)
    expect(poolOf(endpoints, undefined, [url(1)]).list[0]).toBe(poolOf(endpoints, undefined, [url(1)]).list[0])
    expect(poolOf(endpoints, ejecting, [url(1)]).list[0]).not.toBe(poolOf(endpoints, undefined, [url(1)]).list[0])
  })
})

describe('a pool whose endpoints are all ejected', () => {
  it('offers none, and counts as unavailable after two seconds', () => {
    const clock = { now: 5 }
    const pool = poolOf(new Endpoints(() => clock.now), ejecting, [url(1)])
    pool.policy!.answered(pool.list[0]!, 503)
    expect([pool.pick(undefined), pool.available]).toEqual([undefined, true])
    clock.now += 2000
    expect(pool.available).toBe(false)
    clock.now += 30_000
    expect([pool.pick(undefined) === pool.list[0], pool.available]).toEqual([true, true])
  })
})
