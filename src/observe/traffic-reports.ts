// Takes a process's traffic away once a second, watched or not: what was counted in one second has to be taken within it.

import type { PlainTraffic, TrafficCounter } from './traffic-counter.ts'

const everyMs = 1000

/** Calls `report` once a second, until the function that is returned is called. */
export function reportTraffic(
  counter: TrafficCounter,
  report: (traffic: PlainTraffic | undefined) => void,
): () => void {
  let wasQuiet = true
  const timer = setInterval(() => {
    const traffic = counter.take()
    // One report of nothing says that the sockets are closed; more would say nothing.
    if (traffic !== undefined || !wasQuiet) report(traffic)
    wasQuiet = traffic === undefined
  }, everyMs).unref()
  return () => clearInterval(timer)
}
