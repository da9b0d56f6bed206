// Step 6 of docs/affinity.md, shares: who is drawn, who is moved, and who never is.

import { randomBytes } from 'node:crypto'
import { seedFor } from '../../src/affinity/pin-policy.ts'
import { draw } from '../../src/rules/share.ts'
import type { CaseGroup } from './case.ts'
import { page, seedWhere } from './case.ts'
import { config } from './document.ts'

const byV2 = seedWhere((drawOf) => drawOf('v2') < 500)
const notByV2 = seedWhere((drawOf) => drawOf('v2') >= 500)

/** A name whose hash is drawn (or not) by 5 % for v2. */
function userWhere(drawn: boolean): string {
  for (let i = 0; ; i += 1) {
    const seed = seedFor('shop', { state: 'none' }, `user-${i}`, randomBytes)
    if (draw('shop', 'v2', seed) < 500 === drawn) return `user-${i}`
  }
}

const drawnUser = userWhere(true)
const otherUser = userWhere(false)

const share: CaseGroup = {
  title: 'step 6: a share',
  config: config(`
  - { name: some, version: v2, share: 5% }
`),
  cases: [
    {
      says: 'draws an unpinned visitor by the hash of who he is',
      headers: page,
      cookies: [`user=${drawnUser}`],
      expect: { version: 'v2', reason: 'share', rule: 'some' },
    },
    {
      says: 'draws the same visitor by another source of the same identity',
      headers: [...page, `X-User: ${drawnUser}`],
      expect: { version: 'v2', reason: 'share' },
    },
    {
      says: 'leaves out who is not drawn',
      headers: page,
      cookies: [`user=${otherUser}`],
      expect: { version: 'v1', reason: 'stable', rule: '' },
    },
    {
      says: 'moves someone on stable whose seed is drawn',
      headers: page,
      pins: [{ pin: 'v1', seed: byV2 }],
      expect: {
        version: 'v2',
        reason: 'share',
        rule: 'some',
        pin: { version: 'v2', seed: byV2, history: ['v2', 'v1'] },
      },
    },
    {
      says: 'leaves someone on stable whose seed is not drawn',
      headers: page,
      pins: [{ pin: 'v1', seed: notByV2 }],
      expect: { version: 'v1', reason: 'pin', pin: 'kept' },
    },
    {
      says: 'is not changed by a login: the seed of the pin counts',
      headers: page,
      cookies: [`user=${drawnUser}`],
      pins: [{ pin: 'v1', seed: notByV2 }],
      expect: { version: 'v1', reason: 'pin', pin: 'kept' },
    },
    {
      says: 'is not changed by a login of someone who is not drawn',
      headers: page,
      cookies: [`user=${otherUser}`],
      pins: [{ pin: 'v2', seed: byV2 }],
      expect: { version: 'v2', reason: 'share', pin: 'kept' },
    },
    {
      says: 'never takes anyone back whom it draws no more',
      headers: page,
      pins: [{ pin: 'v2', seed: notByV2 }],
      expect: { version: 'v2', reason: 'pin', pin: 'kept' },
    },
    {
      says: 'does not move those of another version',
      headers: page,
      pins: [{ pin: 'v3', seed: byV2 }],
      expect: { version: 'v3', reason: 'pin', pin: 'kept' },
    },
    {
      says: 'draws again, by the same seed, when a pin has expired',
      headers: page,
      pins: [{ pin: 'v3', seed: byV2, age: '9h' }],
      expect: { version: 'v2', reason: 'share', pin: { version: 'v2', seed: byV2 } },
    },
    {
      says: 'draws by the seed of a stale pin',
      headers: page,
      pins: [{ pin: 'v0', seed: byV2 }],
      expect: { version: 'v2', reason: 'share', pin: { version: 'v2', seed: byV2 } },
    },
  ],
}

const shareEdges: readonly CaseGroup[] = [
  {
    title: 'step 6: a share of nothing',
    config: config(`
  - { name: none, version: v2, share: 0% }
`),
    cases: [
      {
        says: 'draws nobody',
        headers: page,
        pins: [{ pin: 'v1', seed: seedWhere((drawOf) => drawOf('v2') === 0) }],
        expect: { version: 'v1', reason: 'pin' },
      },
      {
        says: 'keeps the pinned version',
        headers: page,
        pins: [{ pin: 'v2' }],
        expect: { version: 'v2', reason: 'pin', pin: 'kept' },
      },
    ],
  },
  {
    title: 'step 6: a share of everything',
    config: config(`
  - { name: all, version: v2, share: 100% }
`),
    cases: [
      {
        says: 'draws the very last',
        headers: page,
        pins: [{ pin: 'v1', seed: seedWhere((drawOf) => drawOf('v2') === 9999) }],
        expect: { version: 'v2', reason: 'share' },
      },
      { says: 'draws the unpinned', headers: page, expect: { version: 'v2', reason: 'share', rule: 'all' } },
    ],
  },
]

const both = seedWhere((drawOf) => drawOf('v3') < 3000 && drawOf('v2') < 5000)
const onlyV2 = seedWhere((drawOf) => drawOf('v3') >= 3000 && drawOf('v2') < 5000)
const onlyV3 = seedWhere((drawOf) => drawOf('v3') < 3000 && drawOf('v2') >= 5000)
const neither = seedWhere((drawOf) => drawOf('v3') >= 3000 && drawOf('v2') >= 5000)

const shares: CaseGroup = {
  title: 'step 6: a share above a share, an explicit rule between them',
  config: config(`
  - { name: upper, version: v3, share: 30% }
  - { name: office, version: v2, ip: [127.0.0.58] }
  - { name: lower, version: v2, share: 50% }
`),
  cases: [
    {
      says: 'the upper one takes those it draws, though the lower one would as well',
      headers: page,
      pins: [{ pin: 'v1', seed: both }],
      expect: { version: 'v3', reason: 'share', rule: 'upper' },
    },
    {
      says: 'the lower one draws its own people among the rest',
      headers: page,
      pins: [{ pin: 'v1', seed: onlyV2 }],
      expect: { version: 'v2', reason: 'share', rule: 'lower' },
    },
    {
      says: 'the upper one draws its own people',
      headers: page,
      pins: [{ pin: 'v1', seed: onlyV3 }],
      expect: { version: 'v3', reason: 'share', rule: 'upper' },
    },
    {
      says: 'some are drawn by neither',
      headers: page,
      pins: [{ pin: 'v1', seed: neither }],
      expect: { version: 'v1', reason: 'pin' },
    },
    {
      says: 'the upper one does not take people from the lower',
      headers: page,
      pins: [{ pin: 'v2', seed: both }],
      expect: { version: 'v2', reason: 'share', rule: 'lower', pin: 'kept' },
    },
    {
      says: 'the lower one does not take people from the upper, even if that draws them no more',
      headers: page,
      pins: [{ pin: 'v3', seed: onlyV2 }],
      expect: { version: 'v3', reason: 'pin', pin: 'kept' },
    },
    {
      says: 'a share that draws stands above the explicit rule below it',
      from: '127.0.0.58',
      headers: page,
      pins: [{ pin: 'v1', seed: both }],
      expect: { version: 'v3', reason: 'share', rule: 'upper' },
    },
    {
      says: 'the explicit rule stands above the share below it',
      from: '127.0.0.58',
      headers: page,
      pins: [{ pin: 'v1', seed: onlyV2 }],
      expect: { version: 'v2', reason: 'rule', rule: 'office' },
    },
  ],
}

const seeds: CaseGroup = {
  title: 'step 6: the seed of a first visit',
  config: config(
    `
  - { name: none, version: v2, share: 0% }
`,
  ).replace('identity: [cookies.user, headers.x-user, clientIp]', 'identity: [cookies.user]'),
  cases: [
    {
      says: "is the identity's hash",
      headers: page,
      cookies: ['user=jason'],
      expect: {
        version: 'v1',
        pin: { version: 'v1', seed: seedFor('shop', { state: 'none' }, 'jason', randomBytes) },
      },
    },
    {
      says: 'is random without an identity (the table draws sevens)',
      headers: page,
      expect: { version: 'v1', pin: { version: 'v1', seed: Buffer.alloc(12, 7).toString('base64url') } },
    },
  ],
}

export const shareCases: readonly CaseGroup[] = [share, ...shareEdges, shares, seeds]
