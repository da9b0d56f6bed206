import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type LiveMemory, notingCollections, readingCollections } from '../../bench/live-memory.ts'
import { memoryBar, outcomeOf } from '../../bench/report/bars.ts'
import { spread } from '../../bench/report/figures.ts'
import { growthInTenMinutes, type Point } from '../../bench/report/growth.ts'
import { memoryGrowth, soakChart, soakSection } from '../../bench/report/soak-section.ts'
import type { BenchResult } from '../../bench/result.ts'
import type { MemorySample, SoakResult } from '../../bench/soak.ts'

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'graylane-memory-'))))
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('memory that is alive', () => {
  /** Keeps 32 MiB of its heap and 16 MiB outside of it; lets go of twenty times as much. */
  const program = `
    const kept = Array.from({ length: 64 }, (_, i) => new Array(65536).fill(i + 0.5))
    const outside = Buffer.alloc(16 << 20, 1)
    let rounds = 0
    const churn = setInterval(() => {
      globalThis.waste = Array.from({ length: 200 }, () => new Array(8192).fill(rounds + 0.5))
      if (++rounds === 60) clearInterval(churn)
    }, 1)
    process.on('exit', () => kept.length + outside.length)`

  /** Lets go of everything while it is young. */
  const shortLived = `
    for (let i = 0; i < 5e6; i++) globalThis.waste = [i]
    setTimeout(() => undefined, 100)`

  const run = async (text: string, env: Record<string, string>, nodeArgs: readonly string[]): Promise<void> => {
    const child = spawn(process.execPath, [...nodeArgs, '-e', text], { env, stdio: ['ignore', 'ignore', 'inherit'] })
    expect(await once(child, 'exit')).toEqual([0, null])
  }

  it('is what V8 had left after full collections of its own, without the garbage in between', async () => {
    const file = join(folder, 'churn')
    const { env, nodeArgs } = notingCollections(file)
    await run(program, env, nodeArgs)
    const live = await readingCollections(file)()
    expect(live!.collections).toBeGreaterThan(1)
    const [heap, outside] = [live!.heapKib / 1024, live!.outsideKib / 1024]
    expect([heap > 32 && heap < 64, outside > 16 && outside < 32], `${heap} and ${outside} MiB`).toEqual([true, true])
  })

  it('is not what collections of the young generation left', async () => {
    const file = join(folder, 'young')
    const { env, nodeArgs } = notingCollections(file)
    await run(shortLived, env, nodeArgs)
    expect(await readingCollections(file)()).toBeUndefined()
  })

  it('is noted nowhere when no file is named', async () => {
    await run(shortLived, {}, notingCollections('').nodeArgs)
  })

  it('is read once for each collection, and is the least that they left', async () => {
    const file = join(folder, 'lines')
    const read = readingCollections(file)
    const mib = (heap: number, outside: number): string => JSON.stringify({ heap: heap << 20, outside: outside << 20 })
    const lives: (LiveMemory | undefined)[] = [await read()]
    for (const text of [`${mib(30, 60)}\n${mib(33, 20)}\n`, '', `${mib(31, 20)}\n${mib(1, 1)}`, '\n']) {
      await appendFile(file, text)
      lives.push(await read())
    }
    expect(lives).toEqual([
      undefined,
      { collections: 2, heapKib: 30 * 1024, outsideKib: 20 * 1024 },
      undefined,
      { collections: 1, heapKib: 31 * 1024, outsideKib: 20 * 1024 },
      { collections: 1, heapKib: 1024, outsideKib: 1024 },
    ])
  })
})

/** 20 minutes of samples, from `second` to a value. */
function everyTenSeconds<T>(of: (second: number, i: number) => T): readonly T[] {
  return Array.from({ length: 120 }, (_, i) => of(1 + i * 10, i))
}

/** -1 to 1, without order. */
function noise(i: number): number {
  return Math.sin(i * i * 1.7)
}

describe('growth', () => {
  const middle = (values: readonly number[]): number => spread(values).median
  const least = (values: readonly number[]): number => Math.min(...values)
  const points = (value: (minute: number, i: number) => number): readonly Point[] =>
    everyTenSeconds((second, i) => ({ second, value: value(second / 60, i) }))

  it.each([
    ['is nought where there is none', points(() => 300), middle, 0, 0],
    ['is found in ten minutes', points((minute) => 300 + minute / 5), middle, 2, 1e-9],
    ['is found under swings', points((minute, i) => 40 + minute / 5 + noise(i)), middle, 2, 0.5],
    [
      'is not moved by odd minutes',
      points((minute, i) => 40 + minute / 5 + (i > 110 || i < 6 ? 500 : 0)),
      middle,
      2,
      1e-9,
    ],
    [
      'hangs on the lowest of each minute where that is asked',
      points((minute, i) => 40 + minute / 5 + (i % 6) * 20),
      least,
      2,
      0.1,
    ],
  ])('%s', (_what, of, pick, expected, within) => {
    const { median, low, high } = growthInTenMinutes(of, pick)!
    expect(Math.abs(median - expected)).toBeLessThanOrEqual(within)
    expect([low <= median, median <= high]).toEqual([true, true])
  })

  it('comes with a range as wide as the swings make it', () => {
    const rangeOf = (swing: number): number => {
      const { low, high } = growthInTenMinutes(
        points((minute, i) => 40 + minute / 5 + swing * noise(i)),
        middle,
      )!
      expect([low <= 2 + 1e-9, high >= 2 - 1e-9]).toEqual([true, true])
      return high - low
    }
    expect(rangeOf(0)).toBeLessThan(1e-9)
    expect(rangeOf(10)).toBeGreaterThan(2 * rangeOf(1))
  })

  it('is not said of less than five minutes', () => {
    const of = points(() => 300)
    expect(growthInTenMinutes(of.slice(0, 24), middle)).toBeUndefined()
    expect(growthInTenMinutes(of.slice(0, 30), middle)).toEqual({ median: 0, low: 0, high: 0 })
  })
})

describe('a soak', () => {
  const soaked = (memory: readonly MemorySample[]): SoakResult =>
    ({
      startedAt: '2026-01-01T10:00:00.000Z',
      version: '1',
      machine: { loadBefore: 0.5 },
      minutes: 20,
      requests: 9,
      failed: 0,
      crossings: 0,
      reloads: 3,
      memory,
    }) as unknown as SoakResult
  const sectionOf = (soak: SoakResult): string =>
    soakSection(soak, '', (growth) => `**${outcomeOf(memoryBar, growth)}**`).replaceAll('\n', ' ')
  /** Resident memory grows by 14 MiB in ten minutes, what is alive by `mib`; before the fifth minute both do by much more. */
  const growing = (mib: number): SoakResult =>
    soaked(
      everyTenSeconds((second, i) => {
        const early = second < 300 ? second - 300 : 0
        const live = { collections: 8, heapKib: (early + 40 + (mib * second) / 600) * 1024, outsideKib: 20 * 1024 }
        const residentKib = (early + 700 + (14 * second) / 600) * 1024
        return { second, residentKib, ...(i % 5 === 4 ? {} : { live }) }
      }),
    )

  it('is judged by what is alive, and says what resident memory did, too', () => {
    const section = sectionOf(growing(0.5))
    expect(section).toContain('| alive after a full collection | 60.3 | 61.0 | 0.50 | 0.50 to 0.50 |')
    expect(section).toContain("| of it V8's heap | 40.3 | 41.0 | 0.50 | 0.50 to 0.50 |")
    expect(section).toMatch(/\| resident \| 707 \| 728 \| 14\.00 \| 14\.00 to 14\.00 \|/)
    expect(section).toContain('is judged by what is alive: **goal met**')
    expect(section).toContain('By resident memory it would be: **missed**')
    expect(sectionOf(growing(1.1))).toContain('is judged by what is alive: **missed**')
  })

  it('has a bar of its own: less than 1 MiB, and not measured without a soak', () => {
    const outcome = (soak?: SoakResult): string => outcomeOf(memoryBar, memoryBar.measure({} as BenchResult, soak))
    expect([outcome(growing(0.99)), outcome(growing(1)), outcome()]).toEqual(['goal met', 'missed', 'not measured'])
  })

  it('of the days when only resident memory was noted is judged by that', () => {
    const old = soaked(growing(0).memory.map(({ second, residentKib }) => ({ second, residentKib })))
    expect(memoryGrowth(old)).toBeCloseTo(14)
    expect(sectionOf(old)).toContain('is judged by resident memory, the only one that was noted: **missed**')
    expect(sectionOf(old)).not.toContain('alive after a full collection')
    expect(soakChart(old).match(/class="line /g)).toHaveLength(2)
  })

  it('that was too short says so', () => {
    const short = soaked(growing(0).memory.slice(0, 48))
    expect(memoryGrowth(short)).toBeUndefined()
    expect(sectionOf(short)).toContain('Too short to say whether memory grows')
  })

  it('is drawn as two lines, each with its name, and a mark where counting begins', () => {
    const chart = soakChart(growing(0.5))
    expect(chart.match(/class="line (?:first|second)" d="M[\d. ]+L/g)).toHaveLength(2)
    for (const word of ['>resident<', '>alive after a full collection<', '>counts from here<'])
      expect(chart).toContain(word)
  })
})
