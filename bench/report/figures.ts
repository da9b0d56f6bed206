// Samples into figures: medians, ranges, ratios. A ratio compares what one round measured, then takes the middle of the rounds: a machine
// that slows down between rounds slows both sides of it.

import type { BenchResult, Sample } from '../result.ts'

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Cell {
  readonly contender: string
  /** CPU microseconds a request; undefined where the system does not tell, and for `direct`. */
  readonly cpu: Spread | undefined
  readonly requestsPerSecond: Spread
  /** Microseconds. */
  readonly p50: Spread
  readonly p99: Spread
  readonly residentKib: Spread | undefined
  /** The contender had time to spare: requests/s and latency are those of the load generator, the backend or the machine. */
  readonly limitedByLoad: boolean
  readonly failed: number
}

/** Less than this of one core busy, and it was not the contender that set the pace. */
const saturated = 0.9

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** One scenario, the cheapest first; those without a cost last. */
export function cellsOf(result: BenchResult, scenario: string): readonly Cell[] {
  const samples = result.samples.filter((sample) => sample.scenario === scenario)
  const names = [...new Set(samples.map(({ contender }) => contender))]
  const cells = names.map((name) => cellOf(name, samples))
  return cells.toSorted((a, b) => (a.cpu?.median ?? Infinity) - (b.cpu?.median ?? Infinity))
}

function cellOf(contender: string, all: readonly Sample[]): Cell {
  const samples = all.filter((sample) => sample.contender === contender)
  const known = (pick: (sample: Sample) => number | undefined): Spread | undefined => {
    const values = samples.map(pick).filter((value) => value !== undefined)
    return values.length === 0 ? undefined : spread(values)
  }
  const cores = known(({ cores: busy }) => busy)
  return {
    contender,
    cpu: known(({ cpuMicroseconds }) => cpuMicroseconds),
    requestsPerSecond: known(({ requestsPerSecond }) => requestsPerSecond)!,
    p50: known(({ p50 }) => p50)!,
    p99: known(({ p99 }) => p99)!,
    residentKib: known(({ residentKib }) => residentKib),
    limitedByLoad: cores === undefined || cores.median < saturated,
    failed: samples.reduce((sum, { failed }) => sum + failed, 0),
  }
}

/** CPU of one by that of another, round by round; undefined when no round has both. */
export function ratio(result: BenchResult, scenario: string, contender: string, to: string): Spread | undefined {
  const costOf = (name: string, round: number): number | undefined =>
    result.samples.find((one) => one.scenario === scenario && one.contender === name && one.round === round)
      ?.cpuMicroseconds
  const ratios: number[] = []
  for (let round = 0; round < result.load.rounds; round++) {
    const above = costOf(contender, round)
    const below = costOf(to, round)
    if (above !== undefined && below !== undefined && below > 0) ratios.push(above / below)
  }
  return ratios.length === 0 ? undefined : spread(ratios)
}

/** `2026-11-27 02:09 UTC`. */
export function timeOf({ startedAt }: { readonly startedAt: string }): string {
  return `${startedAt.slice(0, 16).replace('T', ' ')} UTC`
}

/** graylane, in any of its variants. */
export function isOurs(contender: string): boolean {
  return contender.startsWith('graylane')
}

/** KiB a connection that waits. */
export function idleKib(result: BenchResult, contender: string): number | undefined {
  const sample = result.idle.find((one) => one.contender === contender)
  if (sample === undefined || sample.connections === 0) return undefined
  return (sample.residentKibAfter - sample.residentKibBefore) / sample.connections
}
