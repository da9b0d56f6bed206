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

/**
 * What `value` grows by in ten minutes: the points are put together by minute (`pick` says how), then the median of the slopes between
 * every two minutes is taken (Theil and Sen), which a few odd minutes do not move. Undefined when there are too few points to say.
 */
export function growthInTenMinutes(
  points: readonly Point[],
  pick: (values: readonly number[]) => number,
): number | undefined {
  const windows = Map.groupBy(points, ({ second }) => Math.floor(second / windowSeconds))
  if (windows.size < fewestWindows) return undefined
  const picked = [...windows].map(([window, inside]) => ({ window, value: pick(inside.map(({ value }) => value)) }))
  const slopes = picked.flatMap((from, i) =>
    picked.slice(i + 1).map((to) => (to.value - from.value) / (to.window - from.window)),
  )
  return spread(slopes).median * (600 / windowSeconds)
}
