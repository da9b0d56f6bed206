import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import { findCases } from '../conformance-runner/case.ts'
import { deviations } from '../conformance-runner/deviations.ts'
import { playAll } from '../conformance-runner/play-all.ts'
import { withTable } from '../conformance-runner/table.ts'

const corpus = resolve(import.meta.dirname, '../conformance')
const folder = mkdtempSync(join(tmpdir(), 'graylane-conformance-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function play(
  ...folders: readonly string[]
): Promise<{ passed: number; failed: number; lines: readonly string[] }> {
  const lines: string[] = []
  const { passed, failed } = await playAll(findCases(folders), (line) => lines.push(line))
  return { passed, failed, lines: lines.filter((line) => line.startsWith('FAIL')) }
}

describe('Istio and Envoy by their own verdicts', () => {
  it('are what graylane does, in every request of the corpus', { timeout: 180_000 }, async () => {
    const { passed, failed, lines } = await play(corpus)
    expect(lines).toEqual([])
    expect(failed).toBe(0)
    expect(passed).toBeGreaterThan(4260)
  })

  it('are what graylane answers by itself, measured in further cases', async () => {
    expect(await play(resolve(import.meta.dirname, 'cases'))).toEqual({ passed: 11, failed: 0, lines: [] })
  })

  it('are deviated from in five ways at most, each with its reason', () => {
    expect(deviations.length).toBeLessThanOrEqual(5)
    for (const { reason } of deviations) expect(reason.length).toBeGreaterThan(40)
  })
})

describe('the runner', () => {
  function copyOf(name: string, change: (verdicts: Verdicts) => void): string {
    const copy = join(folder, `${name}-${Math.random()}`)
    cpSync(join(corpus, name), copy, { recursive: true })
    const file = join(copy, 'verdicts.json')
    const verdicts = JSON.parse(readFileSync(file, 'utf8')) as Verdicts
    change(verdicts)
    writeFileSync(file, JSON.stringify(verdicts))
    return copy
  }

  interface Verdicts {
    readonly verdicts: {
      status: number
      upstream: { headers: string[][]; path: string }
      response: { headers: string[][] }
    }[]
    readonly resources: { accepted: boolean }[]
  }

  it('takes one case as well as a folder of cases', async () => {
    expect(await play(join(corpus, 'uri-exact'))).toEqual({ passed: 20, failed: 0, lines: [] })
  })

  it.each<readonly [what: string, change: (verdicts: Verdicts) => void]>([
    ['status', ({ verdicts }) => (verdicts[0]!.status = 201)],
    ['path that the backend got', ({ verdicts }) => (verdicts[0]!.upstream.path += 'x')],
    ['header that the backend got', ({ verdicts }) => verdicts[0]!.upstream.headers.push(['x-more', '1'])],
    ['header of the answer', ({ verdicts }) => verdicts[0]!.response.headers.push(['x-more', '1'])],
    ['acceptance of a resource', ({ resources }) => (resources[0]!.accepted = false)],
  ])('counts one changed %s as exactly one failure', async (_, change) => {
    const { failed, lines } = await play(copyOf('uri-exact', change))
    expect(failed).toBe(1)
    expect(lines).toHaveLength(1)
  })

  it('says what differs', async () => {
    const { lines } = await play(copyOf('uri-exact', ({ verdicts }) => (verdicts[0]!.status = 201)))
    expect(lines[0]).toMatch(/^FAIL uri-exact-[\d.]+\/r001: status: 200, Envoy 201$/)
  })

  it('refuses a folder that holds no case', () => {
    expect(() => findCases([mkdtempSync(join(folder, 'empty-'))])).toThrow('neither a case')
  })

  it('puts its table between the markers of a page, and nowhere else', () => {
    const page = 'before\n<!-- conformance: made by `pnpm conformance` -->\nold\n<!-- /conformance -->\nafter\n'
    const made = withTable(page, '| new |')
    expect(made).toContain(
      'before\n<!-- conformance: made by `pnpm conformance` -->\n\n| new |\n\n<!-- /conformance -->\nafter\n',
    )
    expect(withTable(made, '| new |')).toBe(made)
    expect(withTable('no place\n', '| new |')).toBe('no place\n')
  })
})
