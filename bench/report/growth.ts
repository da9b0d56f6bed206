// Does memory grow? A figure that does not hang on where the first and the last sample happened to be.

import { spread } from './figures.ts'

/** Seconds in which every kind of request comes round a few times: how much is in flight differs by kind. */
const windowSeconds = 60

/** Less than this many windows say nothing about ten minutes. */
const fewestWindows = 5

export interface Point {
  readonly second: number
  readonly value: number
}

/** In the unit of the points, in ten minutes. */
export interface Growth {
  readonly median: number
  /** 95 of 100 such ranges hold the true growth. */
  readonly low: number
  readonly high: number
}

/**
 * What `value` grows by in ten minutes: the points are put together by minute (`pick` says how), then the median of the slopes between
 * every two minutes is taken, which a few odd minutes do not move, and the range that goes with it (P. K. Sen, Estimates of the
 * regression coefficient based on Kendall's tau, 1968). Undefined when there are too few points to say.
 */
export function growthInTenMinutes(
  points: readonly Point[],
  pick: (values: readonly number[]) => number,
): Growth | undefined {
  const windows = Map.groupBy(points, ({ second }) => Math.floor(second / windowSeconds))
  if (windows.size < fewestWindows) return undefined
  const picked = [...windows].map(([window, inside]) => ({ window, value: pick(inside.map(({ value }) => value)) }))
  const slopes = picked
    .flatMap((from, i) => picked.slice(i + 1).map((to) => (to.value - from.value) / (to.window - from.window)))
    .map((slope) => slope * (600 / windowSeconds))
    .toSorted((a, b) => a - b)
  const n = windows.size
  const width = 1.96 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)
  const left = Math.max(0, Math.floor((slopes.length - width) / 2) - 1)
  return { median: spread(slopes).median, low: slopes[left]!, high: slopes[slopes.length - 1 - left]! }
}
