import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { readResults } from '../../bench/report.ts'
import { page } from '../../bench/report/page.ts'
import type { BenchResult, IdleSample, Sample } from '../../bench/result.ts'

/** One round, in which each cell cost so many microseconds of CPU. */
function resultOf(kind: BenchResult['kind'], cells: readonly (readonly [string, string, number])[]): BenchResult {
  const samples = cells.map(([scenario, contender, cpuMicroseconds]): Sample => {
    const load = { requests: 1000, failed: 0, requestsPerSecond: 1000, p50: 1, p99: 2, cores: 1, residentKib: 1024 }
    return { scenario, contender, round: 0, cpuMicroseconds, ...load }
  })
  const names = [...new Set(cells.map(([, contender]) => contender))]
  return {
    kind,
    startedAt: '2026-01-01T10:00:00.000Z',
    seconds: 1,
    machine: { cpu: 'cpu', cores: 2, memoryGib: 1, system: 'Linux', node: 'v26', loadBefore: 0, loadAfter: 0 },
    load: { generator: 'wrk 4', connections: 64, seconds: 1, rounds: 1 },
    participants: names.map((name) => ({ name, about: '', version: `${kind} 1`, state: 'measured', remarks: [] })),
    samples,
    idle: [],
    coupling: [],
  }
}

function pageOf(bench: BenchResult, alone: readonly BenchResult[] = []): string {
  return page({ bench, alone, micro: undefined, profile: undefined, soak: undefined }, new Set())
}

describe('a missed bar', () => {
  const full = resultOf('full', [
    ['small', 'graylane', 20],
    ['small', 'nginx', 10],
    ['1m', 'graylane', 100],
    ['1m', 'nginx', 100],
  ])
  const alone = (scenario: string, graylane: number): BenchResult =>
    resultOf('alone', [
      [scenario, 'graylane', graylane],
      [scenario, 'nginx', 10],
    ])

  it('stands beside what one kind of request alone cost, where that was measured', () => {
    const row =
      '| small GET, browser headers | x nginx | 2 | 1.60 | **missed** | alone 1, 2026-01-01 10:00 UTC, 1 round |'
    expect(pageOf(full, [alone('small', 16), alone('64k', 99)])).toContain(row)
    expect(pageOf(full)).not.toContain('one kind of request alone')
  })

  it('is the only kind of bar that does', () => {
    expect(pageOf(full, [alone('1m', 12)])).not.toContain('one kind of request alone')
  })

  it('is found beside its run in the folder of results', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'graylane-alone-'))
    const results = { full, 'alone-small': alone('small', 16), 'alone-64k': alone('64k', 20), partial: alone('1k', 20) }
    for (const [kind, result] of Object.entries(results)) {
      await writeFile(join(folder, `2026-01-01-${kind}.json`), JSON.stringify(result))
    }
    expect((await readResults(folder)).alone).toEqual([results['alone-small'], results['alone-64k']])
    await rm(folder, { recursive: true })
  })
})

describe('where we lose', () => {
  const waiting = (contender: string, kib: number): IdleSample => {
    const residentKibBefore = 1000
    return {
      contender,
      connections: 100,
      failed: 0,
      residentKibBefore,
      residentKibAfter: residentKibBefore + 100 * kib,
    }
  }
  const full: BenchResult = {
    ...resultOf('full', [
      ['rules', 'graylane', 20],
      ['rules', 'nginx', 10],
      ['rules', 'graylane, 1000 rules', 30],
      ['rules', 'nginx, 1000 rules', 10],
      ['rules', 'envoy, 1000 rules', 40],
    ]),
    idle: [waiting('graylane', 4), waiting('graylane, bare', 3), waiting('nginx', 1), waiting('envoy', 17)],
  }

  it('compares like with like: 1000 rules with 1000 rules', () => {
    expect(pageOf(full)).toContain('\n- 1000 rules more: nginx (graylane costs 3.00 x)\n')
  })

  it('names others, not graylane itself', () => {
    expect(pageOf(full)).toContain('\n- idle connections take less memory in: nginx\n')
  })
})
