import { describe, expect, it } from 'vitest'
import { compareConfigurations, type Comparison } from '../../src/config/compare.ts'
import { compileConfiguration, type Snapshot } from '../../src/config/snapshot.ts'
import { loadGood } from './configuration-files.ts'

const base = `name: shop
listen: [{ port: 8080 }]
services: { app: }
versions: { v1: { app: http://10.0.0.1 }, v2: { app: http://10.0.0.2 }, v3: { app: http://10.0.0.3 } }
stable: v1
gray:
  - { name: office, version: v2, ip: [10.1.0.0/16] }
  - { name: people, version: v2, users: [ann, bob] }
  - { version: v2, share: 20% }
identity: [cookies.user]
pin: { epoch: 3, ttl: 2h, keys: [{ env: GRAYLANE_KEY }] }
`

async function snapshot(text: string): Promise<Snapshot> {
  const compiled = compileConfiguration(await loadGood(text))
  if (!('snapshot' in compiled)) throw new Error(JSON.stringify(compiled.problems))
  return compiled.snapshot
}

async function compared(after: string, before = base): Promise<Comparison> {
  return compareConfigurations(await snapshot(before), await snapshot(after))
}

/** `v1 -> v2` to percent of the visitors drawn. */
function percents({ moves: [release] }: Comparison): Record<string, number> {
  const { visitors, moves } = release!.drawn
  return Object.fromEntries(moves.map((move) => [`${move.from} -> ${move.to}`, (100 * move.visitors) / visitors]))
}

describe('what is written otherwise', () => {
  it.each([
    ['nothing', base, []],
    ['a share', base.replace('20%', '30%'), ['release shop: rule at line 9.share: 20% -> 30%']],
    ['a user', base.replace('[ann, bob]', '[ann, cid]'), ['release shop: rule people.users: +cid -bob']],
    [
      'a rule that is new',
      base.replace('  - { version: v2, share', '  - { version: v3, share: 1% }\n  - { version: v2, share'),
      ['release shop: rule at line 9 is new: 1% get v3'],
    ],
    [
      'a rule that is gone',
      base.replace(/ {2}- \{ name: people.*\n/, ''),
      ['release shop: rule people is gone: 2 users get v2'],
    ],
    [
      'the order of rules',
      base.replace(/( {2}- \{ name: office.*\n)( {2}- .*\n)/, '$2$1'),
      ['release shop: gray rules stand in another order: rule people, rule office, rule at line 9'],
    ],
    [
      'a pool',
      base.replace('http://10.0.0.3', 'http://10.0.0.33'),
      [
        'release shop: versions.v3.pools.app: ' +
          '[{"protocol":"http","hostname":"10.0.0.3","port":"80"}] -> [{"protocol":"http","hostname":"10.0.0.33","port":"80"}]',
      ],
    ],
    ['what stands for the whole file', `${base}limits: { connections: 7 }\n`, ['limits.connections: 20000 -> 7']],
  ])('is %s', async (_what, after, expected) => {
    expect((await compared(after)).differences).toEqual(expected)
  })
})

describe('visitors', () => {
  it('move as far as a share grows, and nobody moves back when it shrinks: pins hold', async () => {
    const grown = percents(await compared(base.replace('20%', '50%')))
    expect(Object.keys(grown)).toEqual(['v1 -> v2'])
    expect(grown['v1 -> v2']).toBeCloseTo(30, 0)
    expect(percents(await compared(base.replace('20%', '1%')))).toEqual({})
  })

  it('move to a version that is promoted, all but those who have it', async () => {
    const promoted = base.replace('stable: v1', 'stable: v2\ndraining: [v1]').replace(/gray:[^]*identity/, 'identity')
    const moved = percents(await compared(promoted))
    expect(Object.keys(moved)).toEqual(['v1 -> v2'])
    expect(moved['v1 -> v2']).toBeCloseTo(80, 0)
  })

  it('are taken one by one where rules name them', async () => {
    const { moves } = await compared(base.replace('version: v2, users: [ann, bob]', 'version: v3, users: [bob, cid]'))
    expect(moves[0]?.named).toEqual({
      visitors: 4,
      moves: expect.arrayContaining([{ from: 'v2', to: 'v3', visitors: 1 }]),
    })
  })
})

describe('pins', () => {
  it.each([
    ['hold', base.replace('20%', '30%'), []],
    [
      'are stale after the epoch was raised',
      base.replace('epoch: 3', 'epoch: 4'),
      [/all pins are stale \(epoch 3 -> 4\)/],
    ],
    [
      'are stale when their version is gone, and it is said that it did not drain',
      base.replace(', v3: { app: http://10.0.0.3 }', ''),
      [/pins to v3 are stale.*v3 did not drain before/],
    ],
    [
      'end with the next page when their version drains',
      base.replace('stable: v1', 'stable: v1\ndraining: [v3]'),
      [/pins to v3 hold for open pages/],
    ],
    [
      'are forged to a gateway without their key',
      base.replace('GRAYLANE_KEY', 'OLDER_KEY'),
      [/signed with a key that is gone/],
    ],
    [
      'are not found under another name',
      base.replace('pin: {', 'pin: { cookie: other,'),
      [/pins in cookie graylane are not read/],
    ],
    ['bind no page load when they are older than a shorter ttl', base.replace('2h', '1h'), [/older than 3600 s/]],
  ])('%s', async (_what, after, expected) => {
    const { pins } = await compared(after)
    expect(pins).toEqual(expected.map((pattern) => expect.stringMatching(pattern)))
  })
})
