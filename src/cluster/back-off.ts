// How long to wait before a worker that ended is started again: twice as long each time, from the start after a minute of life.
// Keeps no clock.

const firstMs = 100
const longestMs = 10_000
const aLifeMs = 60_000

/** @param previousMs the wait before that life; 0 for the first start. @param livedMs from start to end */
export function nextDelayMs(previousMs: number, livedMs: number): number {
  if (previousMs === 0 || livedMs >= aLifeMs) return firstMs
  return Math.min(longestMs, previousMs * 2)
}
