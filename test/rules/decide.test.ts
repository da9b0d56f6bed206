// Deciding, row by row of decide-cases.ts; service to service; what `explain` is told.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileRoutes } from '../../src/rules/compile.ts'
import { decide, decideInternal } from '../../src/rules/decide.ts'
import { describeReason } from '../../src/rules/describe.ts'
import { draw } from '../../src/rules/share.ts'
import type { Release } from '../../src/rules/release.ts'
import type { Decision, Step, Visit } from '../../src/rules/types.ts'
import { documents, inV2, office, preflights, type Row, someV2, subresources } from './decide-cases.ts'
import { factsOf, held, place, release, request, rule, share, type ShortRelease, version, visit } from './specs.ts'

const both = { frontend: ['f'], api: ['a'] }

function compile(short: ShortRelease): Release {
  const compiled = compileRoutes([release(short)])
  if ('problems' in compiled) throw new Error(compiled.problems[0]?.message)
  return compiled.table.releases[0] as Release
}

function summary({ action, version: to, reason, rule: by }: Decision): string {
  return [action === 'serve' ? '' : action, to, reason, by?.label ?? ''].filter((part) => part !== '').join(' ')
}

function decisionOf(row: Row, kind: Visit['kind'], trace?: (step: Step) => void): Decision {
  return decide(compile(row.release ?? {}), factsOf(request(row.request)), visit({ ...row.visit, kind }), trace)
}

describe.each([
  ['document', documents],
  ['subresource', subresources],
  ['preflight', preflights],
] as const)('a %s', (kind, rows) => {
  test.each(rows)('$says: $is', (row) => {
    expect(summary(decisionOf(row, kind))).toBe(row.is)
  })

  test.each(rows)('is decided the same when somebody looks: $says', (row) => {
    const steps: Step[] = []
    const decision = decisionOf(row, kind, (step) => steps.push(step))
    expect(summary(decision)).toBe(row.is)
    expect(steps.at(-1)?.step).toBe('decision')
    expect(steps.at(-1)?.outcome).toContain(describeReason(decision))
  })
})

/** Hundredths of a percent for v2 and v3. */
function withShares(v2: number, v3: number): Release {
  return compile({ gray: [rule('some', 'v2', share(v2 / 100)), rule('few', 'v3', share(v3 / 100))] })
}

describe('raising a share', () => {
  test('moves people from stable to its version, and nobody else anywhere', () => {
    const percent = fc.integer({ min: 0, max: 10_000 })
    fc.assert(
      fc.property(fc.string(), percent, percent, percent, (seed, a, b, other) => {
        const [low, high] = a < b ? [a, b] : [b, a]
        const before = decide(withShares(low, other), factsOf(request()), visit({ seed }))
        const pinned = visit({ seed, reading: held(before.version) })
        const after = decide(withShares(high, other), factsOf(request()), pinned)
        if (after.version !== before.version) expect([before.version, after.version]).toEqual(['v1', 'v2'])
        const drawnBefore = visit({ seed, reading: held(after.version) })
        const lowered = decide(withShares(0, other), factsOf(request()), drawnBefore)
        if (after.version !== 'v1') expect(lowered.version).toBe(after.version)
      }),
    )
  })
})

function unasked(): never {
  throw new Error('asked without need')
}

describe('an internal call', () => {
  const internal = compile({
    draining: ['v3'],
    versions: [version('v1', both), version('v2', both), version('v3', both)],
  })
  type InternalRow = readonly [
    says: string,
    labels: Readonly<Record<string, string>> | undefined,
    asked: string | undefined,
    address: () => string | undefined,
    is: string,
  ]
  const rows: readonly InternalRow[] = [
    ['the labels of the listener first', { version: 'v2' }, 'v3', unasked, 'v2 source-labels'],
    ['labels that name no listed version count as not said', { version: 'old' }, 'v3', unasked, 'v3 asked'],
    ['labels without a version', { app: 'x' }, 'v2', unasked, 'v2 asked'],
    ['x-version of a listed version', undefined, 'v2', unasked, 'v2 asked'],
    ['x-version of a draining version: its pages are open', undefined, 'v3', unasked, 'v3 asked'],
    ['x-version of no listed version counts as not said', undefined, 'old', () => 'v2', 'v2 source-address'],
    ['the version that owns the address of the caller', undefined, undefined, () => 'v2', 'v2 source-address'],
    ['an address of no version, or of several: stable', undefined, undefined, () => undefined, 'v1 default'],
  ]

  test.each(rows)('%s', (_, labels, asked, address, is) => {
    expect(summary(decideInternal(internal, labels, asked, address))).toBe(is)
  })

  test('says why', () => {
    const steps: Step[] = []
    decideInternal(internal, undefined, 'v2', unasked, (step) => steps.push(step))
    expect(steps).toEqual([{ step: 'decision', outcome: 'v2: the caller asked for the version' }])
  })
})

test('the trace names every rule down to the one that hit, by name and line, with the numbers of each draw', () => {
  const gray = [
    { ...office, place: place(31) },
    rule('gone', 'v3', share(50), { place: place(33) }),
    rule('more', 'v2', share(10), { name: undefined, place: place(35) }),
    rule('below', 'v2', share(99)),
  ]
  const steps: Step[] = []
  decide(compile({ draining: ['v3'], gray }), factsOf(request()), visit({ seed: inV2 }), (step) => steps.push(step))
  const percent = `${draw('shop', 'v2', inV2) / 100} %`
  expect(steps).toEqual([
    { step: 'rule office (routes.yaml:31)', outcome: 'no hit' },
    { step: 'rule gone (routes.yaml:33)', outcome: 'v3 is draining and draws nobody' },
    { step: 'rule at routes.yaml:35', outcome: `hit: v2, draw ${percent} against a share of 10 %` },
    { step: 'decision', outcome: 'v2: rule at routes.yaml:35 drew the visitor' },
  ])
})

test('the trace says whom a share does not move', () => {
  const steps: Step[] = []
  const moved = visit({ seed: inV2, reading: held('v3') })
  decide(compile({ gray: [someV2] }), factsOf(request()), moved, (step) => steps.push(step))
  expect(steps[0]?.outcome).toMatch(/^no hit, draw .* against a share of 10 %, and nobody is moved off v3$/)
  expect(steps.at(-1)?.outcome).toBe('v3: the pin holds')
})
