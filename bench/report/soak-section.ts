// What the soak says about memory, in words, a table and a chart: both what is alive and what is resident, and which of them the bar is
// judged by.

import type { MemorySample, SoakResult } from '../soak.ts'
import { lineChart, short } from './charts.ts'
import { spread, timeOf } from './figures.ts'
import { type Growth, growthInTenMinutes, type Point } from './growth.ts'
import { table } from './table.ts'

/** Until then caches fill, and the 300 seconds that the dashboard remembers. */
const settledSecond = 300

interface Memory {
  readonly name: string
  readonly mib: (sample: MemorySample) => number | undefined
  /** One figure for a minute. */
  readonly pick: (values: readonly number[]) => number
}

const lowest = (values: readonly number[]): number => Math.min(...values)

const resident: Memory = {
  name: 'resident',
  mib: ({ residentKib }) => residentKib / 1024,
  pick: (values) => spread(values).median,
}
const alive: Memory = {
  name: 'alive after a full collection',
  mib: ({ live }) => live && (live.heapKib + live.outsideKib) / 1024,
  pick: lowest,
}
const heap: Memory = {
  name: "of it V8's heap",
  mib: ({ live }) => live && live.heapKib / 1024,
  pick: lowest,
}

/** MiB in ten minutes that the bar is judged by; undefined when the soak was too short, or there was none. */
export function memoryGrowth(soak: SoakResult | undefined): number | undefined {
  return soak && growthOf(soak, judgedBy(soak))?.median
}

function judgedBy(soak: SoakResult): Memory {
  return settled(soak, alive).length > 0 ? alive : resident
}

function growthOf(soak: SoakResult, memory: Memory): Growth | undefined {
  return growthInTenMinutes(settled(soak, memory), memory.pick)
}

function settled(soak: SoakResult, memory: Memory): readonly Point[] {
  return pointsOf(soak, memory).filter(({ second }) => second >= settledSecond)
}

function pointsOf(soak: SoakResult, { mib }: Memory): readonly Point[] {
  return soak.memory.flatMap((sample) => {
    const value = mib(sample)
    return value === undefined ? [] : [{ second: sample.second, value }]
  })
}

/** `outcome` puts a growth beside the bar. */
export function soakSection(
  soak: SoakResult | undefined,
  chart: string,
  outcome: (growth: number | undefined) => string,
): string {
  if (soak === undefined) return ''
  const { minutes, requests, failed, crossings, reloads, version, machine } = soak
  return `## Soak

\`pnpm bench --soak ${minutes}\`, ${version}, ${timeOf(soak)}, load average ${machine.loadBefore} before: all kinds of requests in turns, visitors, clients that leave in the middle, reloads. ${requests} requests, ${failed}
failed, ${crossings} crossings, ${reloads} reloads.

${chart}

${judged(soak, outcome)}`
}

function judged(soak: SoakResult, outcome: (growth: number | undefined) => string): string {
  if (memoryGrowth(soak) === undefined) {
    return 'Too short to say whether memory grows: the first five minutes do not count, and five more are the least.'
  }
  const rows = [alive, heap, resident].flatMap((memory) => {
    const points = settled(soak, memory)
    if (points.length === 0) return []
    const { min, max } = spread(points.map(({ value }) => value))
    const growth = growthOf(soak, memory)
    const cells = growth && [growth.median.toFixed(2), `${growth.low.toFixed(2)} to ${growth.high.toFixed(2)}`]
    return [[memory.name, short(min), short(max), ...(cells ?? ['–', '–'])]]
  })
  return `${table(['MiB after the first five minutes', 'lowest', 'highest', 'growth in ten minutes', 'with 95 %'], rows, 1)}

Growth is the median of the slopes between every two minutes (Theil–Sen), with the range that holds it in 95 of 100 cases; for a minute
stands the middle of its resident figures, and the lowest of what was alive. ${judgedBy(soak) === alive ? judgedByAlive(soak, outcome) : judgedByResident(soak, outcome)}`
}

function judgedByAlive(soak: SoakResult, outcome: (growth: number | undefined) => string): string {
  return `The bar, growth of less than 1 MiB, is judged by what is alive: ${outcome(growthOf(soak, alive)?.median)}. By resident memory
it would be: ${outcome(growthOf(soak, resident)?.median)}. Alive is what a full collection left, the heap and the buffers outside of it, read after
each one that V8 made of its own accord; of each ten seconds the lowest counts, since bodies on their way are alive, too. Resident is
also garbage between two collections and memory that V8 holds ready: it goes with the load, by more than the bar. What leaks in
JavaScript shows in what is alive; what would leak in native code shows in resident memory alone.`
}

function judgedByResident(soak: SoakResult, outcome: (growth: number | undefined) => string): string {
  return `The bar, growth of less than 1 MiB, is judged by resident memory, the only one that was noted: ${outcome(growthOf(soak, resident)?.median)}. That holds
garbage between two collections, too, and swings by more than the bar.`
}

export function soakChart(soak: SoakResult): string {
  const lines = [alive, resident].flatMap((memory) => {
    const points = pointsOf(soak, memory).map(({ second, value }) => [second / 60, value] as const)
    return points.length === 0 ? [] : [{ label: memory.name, points }]
  })
  const mark = { x: settledSecond / 60, label: 'counts from here' }
  return lineChart({ title: 'Memory during the soak', xUnit: 'minutes', yUnit: 'MiB', lines, mark })
}
