// Each sentence that the rules have for a decision is known in Chinese: what stays is names, numbers and places.

import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { describeDecision, traceRules } from '../../src/rules/describe.ts'
import type { Release } from '../../src/rules/release.ts'
import type { Decision, GrayRule, Reason, Step, Visit } from '../../src/rules/types.ts'

const folder = join(import.meta.dirname, '../../src/admin/dashboard')
const { chooseWords, words } = (await import(join(folder, 'words.js'))) as {
  chooseWords: (language: string) => void
  words: Record<string, unknown>
}
const { stepText } = (await import(join(folder, 'steps.js'))) as { stepText: (text: string) => string }

const office = {
  label: 'office',
  version: 'v2',
  place: { file: 'routes.yaml', line: 31, column: 1 },
  index: 0,
} as GrayRule
const unnamed = { ...office, label: 'line 31' } as GrayRule
const reasons = Object.keys(words)
  .filter((name) => name.startsWith('reason-'))
  .map((name) => name.slice('reason-'.length) as Reason)
const actions = ['serve', 'reload', 'unavailable'] as const

const decisions = reasons.flatMap((reason) =>
  actions.flatMap((action) =>
    [office, unnamed, undefined].map((rule): Decision => ({ action, version: 'v2', reason, rule })),
  ),
)

/** What rules say of a visitor who is at v3, of shares too; v4 drains and v5 is new. */
function rulesTold(hit: GrayRule | undefined): readonly Step[] {
  const rule = (version: string, index: number): GrayRule => ({ ...office, version, index }) as GrayRule
  const gray = [rule('v4', 3), rule('v5', 4), rule('v2', 1), hit ?? office]
  const release = {
    name: 'shop',
    stable: 'v1',
    gray,
    shares: [{ index: 1, version: 'v2', share: 500 }],
    spec: { draining: new Set(['v4']) },
  } as unknown as Release
  const visit = { seed: 'seed', nowSeconds: 10, settling: { drawsFrom: new Map([['v5', 60]]) } } as unknown as Visit
  const steps: Step[] = []
  for (const bound of [undefined, 'v3']) traceRules(release, visit, bound, hit, (step) => steps.push(step))
  return steps
}

const others = [
  '127.0.0.1, the peer of the socket',
  '192.168.0.58, said by the trusted peer 127.0.0.1',
  'shop, by host localhost',
  'none has the host localhost',
  'document',
  'subresource',
  'preflight',
  'none',
  'forged',
  'two',
  'held: v2, epoch 1, history v2 v1',
  'stale: v2, epoch 1, history v2',
  'frontend of v2',
  'mqtt-server, pool of v1',
  'gray of frontend/shop, line 12',
  'client address',
  'release',
  'kind',
  'pin',
  'service',
  'decision',
  'virtual host',
  'route',
]

const names = /v\d|shop|frontend|mqtt-server|gray|office|routes\.yaml|localhost/g

describe('a sentence of an explanation', () => {
  const told = [...rulesTold(undefined), ...rulesTold(office)].flatMap(({ step, outcome }) => [step, outcome])
  const sentences = [...new Set([...decisions.map(describeDecision), ...told, ...others])]

  it.each(sentences)('%s: is said in Chinese', (sentence) => {
    chooseWords('zh')
    const text = stepText(sentence)
    expect(text).toMatch(/\p{Script=Han}/u)
    expect(text.replaceAll(names, '')).not.toMatch(/[A-Za-z{}<>]/)
    // What is named is named in both.
    expect(new Set(text.match(names))).toEqual(new Set(sentence.match(names)))
  })

  it('stays as it is in English, and where it is not known', () => {
    chooseWords('en')
    expect(stepText('no hit')).toBe('no hit')
    chooseWords('zh')
    expect(stepText('something that nobody says')).toBe('something that nobody says')
  })
})
