// Istio's outlierDetection at a table of moments: when an endpoint is left out, for how long, and when nobody is.

import { describe, expect, it } from 'vitest'
import { noOutlier, OutlierDetection } from '../../src/proxy/outlier-detection.ts'
import type { OutlierDetectionSpec } from '../../src/rules/traffic-policy.ts'

const defaults: OutlierDetectionSpec = {
  consecutive5xxErrors: 5,
  consecutiveGatewayErrors: 0,
  splitExternalLocalOriginErrors: false,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 100,
}

function detection(spec: Partial<OutlierDetectionSpec>, count = 3) {
  const clock = { now: 1000 }
  const endpoints = Array.from({ length: count }, () => ({ outlier: noOutlier() }))
  const outliers = new OutlierDetection(
    { ...defaults, ...spec },
    () => endpoints,
    () => clock.now,
  )
  const [first] = endpoints as [{ outlier: ReturnType<typeof noOutlier> }]
  /** Statuses; 0 stands for a failure without an answer. */
  const meets = (...results: readonly number[]): boolean => {
    for (const result of results) {
      if (result > 0) outliers.answered(first, result)
      else outliers.failed(first)
    }
    return outliers.isEjected(first)
  }
  return { clock, endpoints, outliers, first, meets }
}

describe('outlier detection', () => {
  it.each([
    ['five errors in a row', {}, [500, 500, 502, 503, 500], true],
    ['four', {}, [500, 500, 500, 500], false],
    ['five with a good answer between', {}, [500, 500, 500, 500, 200, 500], false],
    ['a 404 is a good answer', {}, [500, 500, 500, 500, 404, 500], false],
    ['failures count as errors', {}, [0, 0, 500, 0, 503], true],
    ['0 turns it off', { consecutive5xxErrors: 0 }, [500, 500, 500, 500, 500, 500], false],
    ['gateway errors have a count of their own', { consecutiveGatewayErrors: 2 }, [502, 504], true],
    ['which a 500 ends', { consecutiveGatewayErrors: 2 }, [502, 500, 504], false],
    ['failures are gateway errors', { consecutiveGatewayErrors: 2 }, [0, 0], true],
    ['apart, failures count alone', { splitExternalLocalOriginErrors: true }, [0, 0, 0, 0, 0], true],
    ['and an answer ends them', { splitExternalLocalOriginErrors: true }, [0, 0, 0, 0, 200, 0], false],
    ['and they are no errors', { splitExternalLocalOriginErrors: true, consecutive5xxErrors: 2 }, [500, 0], false],
  ] as const)('%s', (_says, spec, results, ejected) => {
    expect(detection(spec).meets(...results)).toBe(ejected)
  })

  it('takes it back at the first sweep after its time', () => {
    const { clock, outliers, first, meets } = detection({ consecutive5xxErrors: 1, baseEjectionTimeMs: 25_000 })
    meets(500)
    clock.now += 29_999
    expect(outliers.isEjected(first)).toBe(true)
    clock.now += 1
    expect(outliers.isEjected(first)).toBe(false)
  })

  it('leaves it out longer each time that it fails again at once, 300 s at most', () => {
    const { clock, first, meets } = detection({ consecutive5xxErrors: 1 })
    const seconds = Array.from({ length: 12 }, () => {
      meets(500)
      const out = first.outlier.ejectedUntil - clock.now
      clock.now = first.outlier.ejectedUntil
      return out / 1000
    })
    expect(seconds).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300])
  })

  it.each([
    ['two fewer after two sweeps', 3, 20_000, 60],
    ['none fewer before the first', 3, 9_999, 120],
    ['as new after an hour', 3, 3_600_000, 30],
    ['from eleven down, however often it failed', 50, 100_000, 60],
  ])('forgets an ejection for each sweep that finds it back: %s', (_says, before, backMs, expected) => {
    const { clock, first, meets } = detection({ consecutive5xxErrors: 1 })
    for (let i = 0; i < before; i++) {
      meets(500)
      clock.now = first.outlier.ejectedUntil
    }
    clock.now += backMs
    const now = clock.now
    meets(500)
    // Until the first sweep after its time.
    expect(Math.floor((first.outlier.ejectedUntil - now) / 10_000) * 10).toBe(expected)
  })

  it.each([
    ['ten endpoints, 10 percent: one', 10, 10, 1],
    ['nine endpoints, 10 percent: none', 9, 10, 0],
    ['three endpoints, 50 percent: one', 3, 50, 1],
    ['one endpoint, 100 percent: one', 1, 100, 1],
    ['four endpoints, 100 percent: all', 4, 100, 4],
  ])('%s', (_says, count, maxEjectionPercent, most) => {
    const { endpoints, outliers } = detection({ consecutive5xxErrors: 1, maxEjectionPercent }, count)
    for (const endpoint of endpoints) outliers.answered(endpoint, 500)
    expect(endpoints.filter((endpoint) => outliers.isEjected(endpoint)).length).toBe(most)
  })

  it('counts anew after errors for which it might leave out nobody more', () => {
    const { clock, endpoints, outliers, meets } = detection({ consecutive5xxErrors: 3, maxEjectionPercent: 50 }, 2)
    for (let i = 0; i < 3; i += 1) outliers.answered(endpoints[1]!, 500)
    expect(meets(500, 500, 500)).toBe(false)
    clock.now += 60_000
    expect(outliers.isEjected(endpoints[1]!)).toBe(false)
    expect(meets(500, 500)).toBe(false)
    expect(meets(500)).toBe(true)
  })
})
