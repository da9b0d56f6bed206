// A version that is new draws nobody until its time (rollout.settle), and takes nothing from those who have it.

import { expect, test } from 'vitest'
import { compileRoutes } from '../../src/rules/compile.ts'
import { decide } from '../../src/rules/decide.ts'
import type { Release } from '../../src/rules/release.ts'
import type { Settling, Step } from '../../src/rules/types.ts'
import { factsOf, held, matches, now, release, request, rule, share, type ShortRelease, stale, visit } from './specs.ts'

const everywhere = matches({ clientIp: ['0.0.0.0/0'] })
const all = rule('all', 'v2', share(100))
const office = rule('office', 'v2', everywhere)
const others = rule('others', 'v3', everywhere)

const v2IsNew: Settling = { drawsFrom: new Map([['v2', now + 1]]), stableBefore: undefined }
const v2IsKnown: Settling = { drawsFrom: new Map([['v2', now]]), stableBefore: undefined }
const newStable: Settling = { drawsFrom: new Map([['v2', now + 1]]), stableBefore: 'v1' }
const settledStable: Settling = { drawsFrom: new Map([['v2', now]]), stableBefore: 'v1' }

interface Row {
  readonly says: string
  readonly release?: ShortRelease
  readonly settling?: Settling
  readonly visit?: Parameters<typeof visit>[0]
  readonly is: string
}

test.each<Row>([
  { says: 'no share draws for it', release: { gray: [all] }, is: 'serve v1 stable' },
  { says: 'its explicit rule hits nobody', release: { gray: [office] }, is: 'serve v1 stable' },
  { says: 'the next rule that hits decides', release: { gray: [office, others] }, is: 'serve v3 rule others' },
  {
    says: 'a share takes nobody off stable',
    release: { gray: [all] },
    visit: { reading: held('v1') },
    is: 'serve v1 pin',
  },
  {
    says: 'a call of a client without a pin is not drawn either',
    release: { gray: [office] },
    visit: { kind: 'subresource' },
    is: 'serve v1 stable',
  },
  { says: 'a pin of it holds for its page', visit: { kind: 'subresource', reading: held('v2') }, is: 'serve v2 pin' },
  { says: 'a pin of it holds for documents', visit: { reading: held('v2') }, is: 'serve v2 pin' },
  {
    says: 'its rule hits those who have it from another gateway: no rule below takes them',
    release: { gray: [office, others] },
    visit: { reading: held('v2') },
    is: 'serve v2 rule office',
  },
  {
    says: 'and so does its share',
    release: { gray: [all, others] },
    visit: { reading: held('v2') },
    is: 'serve v2 share all',
  },
  {
    says: 'from its second on it draws',
    settling: v2IsKnown,
    release: { gray: [office] },
    is: 'serve v2 rule office',
  },
  {
    says: 'a new stable version waits: everyone else stays where they are',
    settling: newStable,
    release: { stable: 'v2', draining: ['v1'] },
    visit: { reading: held('v1') },
    is: 'serve v1 stable',
  },
  {
    says: 'a stale page is told of the version that is stable for now',
    settling: newStable,
    release: { stable: 'v2' },
    visit: { kind: 'subresource', reading: stale('v0') },
    is: 'reload v1 stale',
  },
  {
    says: 'nothing falls back to it either',
    settling: newStable,
    release: { stable: 'v2', gray: [others] },
    visit: { down: ['v3'] },
    is: 'serve v1 fallback others',
  },
  {
    says: 'a new stable version has its time as well',
    settling: settledStable,
    release: { stable: 'v2', draining: ['v1'] },
    visit: { reading: held('v1') },
    is: 'serve v2 stable',
  },
])('$says', ({ release: short = {}, settling = v2IsNew, visit: changes, is }) => {
  const {
    action,
    version,
    reason,
    rule: by,
  } = decide(compile(short), factsOf(request()), visit({ ...changes, settling }))
  expect([action, version, reason, by?.label].filter(Boolean).join(' ')).toBe(is)
})

test('explain says for how long', () => {
  const steps: Step[] = []
  const settling = { ...v2IsNew, drawsFrom: new Map([['v2', now + 90]]) }
  decide(compile({ gray: [office] }), factsOf(request()), visit({ settling }), (step) => steps.push(step))
  expect(steps[0]).toEqual({
    step: 'rule office (routes.yaml:1)',
    outcome: 'v2 is new and draws nobody for another 90 s',
  })
})

function compile(short: ShortRelease): Release {
  const compiled = compileRoutes([release(short)])
  if ('problems' in compiled) throw new Error(compiled.problems[0]?.message)
  return compiled.table.releases[0] as Release
}
