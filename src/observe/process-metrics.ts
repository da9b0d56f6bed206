// The process itself: CPU, memory, and how late the event loop runs. Read at the scrape; between scrapes only Node's own
// histogram of the loop's delay works. prom-client's default set is not used: some of its names fail `promtool check metrics`.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

import type { Exposition, Sample } from './exposition.ts'
import { metricNames } from './names.ts'

/** How often Node looks. Its histogram holds the whole time between two looks, so this much of it is no delay. */
const resolutionMs = 20

/** Registers the metrics of this process. Returns what stops the measuring of the event loop. */
export function addProcessMetrics(exposition: Exposition): () => void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()

  exposition.add(metricNames.eventLoopLag, () => {
    const samples: Sample[] = [
      lag('mean', delay.mean),
      lag('p50', delay.percentile(50)),
      lag('p99', delay.percentile(99)),
      lag('max', delay.max),
    ]
    const measured = delay.count > 0
    delay.reset()
    return measured ? samples : []
  })
  exposition.add(metricNames.cpuSeconds, () => {
    const { user, system } = process.cpuUsage()
    return [{ value: (user + system) / 1e6 }]
  })
  exposition.add(metricNames.residentMemory, () => [{ value: process.memoryUsage.rss() }])
  exposition.add(metricNames.startTime, () => [{ value: performance.timeOrigin / 1000 }])
  return () => delay.disable()
}

function lag(stat: string, nanoseconds: number): Sample {
  return { labels: { stat }, value: Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3) }
}
