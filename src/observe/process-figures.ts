// The process itself: CPU, memory, and how late the event loop runs. Read at the scrape; between scrapes only Node's own
// histogram of the loop's delay works. prom-client's default set is not used: some of its names fail `promtool check metrics`.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** How often Node looks. Its histogram holds the whole time between two looks, so this much of it is no delay. */
const resolutionMs = 20

/** Structured-clonable. */
export interface ProcessFigures {
  /** User and system time. */
  readonly cpuSeconds: number
  readonly residentBytes: number
  /** Seconds since 1970. */
  readonly startedAt: number
  /** Seconds of delay since the last reading; undefined when there was no look in between. */
  readonly lag: Lag | undefined
}

interface Lag {
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface ProcessGauge {
  read(): ProcessFigures
  /** Stops measuring the event loop. */
  close(): void
}

export function createProcessGauge(): ProcessGauge {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  return {
    read() {
      const { user, system } = process.cpuUsage()
      const lag: Lag | undefined =
        delay.count === 0
          ? undefined
          : {
              mean: beyondResolution(delay.mean),
              p50: beyondResolution(delay.percentile(50)),
              p99: beyondResolution(delay.percentile(99)),
              max: beyondResolution(delay.max),
            }
      delay.reset()
      const startedAt = performance.timeOrigin / 1000
      return { cpuSeconds: (user + system) / 1e6, residentBytes: residentMemory(), startedAt, lag }
    },
    close: () => delay.disable(),
  }
}

let lastResidentBytes = 0

/** What it was last when the system cannot be asked: without a free descriptor Node throws, which must not end the process. */
export function residentMemory(): number {
  try {
    lastResidentBytes = process.memoryUsage.rss()
  } catch {
    // EMFILE, ENFILE.
  }
  return lastResidentBytes
}

/** Of several processes that act as one: sums, but the worst delay. The first one's start is theirs. */
export function addUpFigures(first: ProcessFigures, others: readonly ProcessFigures[]): ProcessFigures {
  const all = [first, ...others]
  return {
    cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    residentBytes: all.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    startedAt: first.startedAt,
    lag: worst(all.flatMap(({ lag }) => lag ?? [])),
  }
}

function worst(lags: readonly Lag[]): Lag | undefined {
  if (lags.length === 0) return undefined
  const most = (stat: keyof Lag): number => Math.max(...lags.map((lag) => lag[stat]))
  return { mean: most('mean'), p50: most('p50'), p99: most('p99'), max: most('max') }
}

function beyondResolution(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3)
}
