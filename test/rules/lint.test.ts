// What the linter says of releases that are right and yet not what anybody wants.

import { describe, expect, it } from 'vitest'

import { lintRelease } from '../../src/rules/lint.ts'
import type { ReleaseSpec } from '../../src/rules/release.ts'
import {
  exact,
  matches,
  oneOf,
  place,
  prefix,
  present,
  regex,
  release,
  rule,
  service,
  share,
  type ShortRelease,
  users,
  version,
} from './specs.ts'

const ip = (...clientIp: string[]) => matches({ clientIp })
const jason = { cookies: { user: exact('jason') } }
const apart = [
  version('v1', { frontend: ['f1'], api: ['a1'] }),
  version('v2', { frontend: ['f2'], api: ['a2'] }),
  version('v3', { frontend: ['f3'] }),
]

interface Row {
  readonly says: RegExp
  readonly has: ShortRelease
  readonly hasNot: ShortRelease
}

const rows: Row[] = [
  {
    says: /gray rule late can never fire: gray rule early above takes all of its visitors, to v2: put it in front/,
    has: { gray: [rule('early', 'v2', ip('10.0.0.0/8')), rule('late', 'v3', ip('10.1.2.3'))] },
    hasNot: { gray: [rule('late', 'v3', ip('10.1.2.3')), rule('early', 'v2', ip('10.0.0.0/8'))] },
  },
  {
    says: /early above takes all of its visitors, to the same version: take it out/,
    has: { gray: [rule('early', 'v2', matches(jason)), rule('late', 'v2', matches({ ...jason, uri: prefix('/a') }))] },
    hasNot: { gray: [rule('early', 'v2', matches(jason)), rule('late', 'v2', matches({ uri: prefix('/a') }))] },
  },
  {
    says: /gray rule a and gray rule b above take all/,
    has: {
      gray: [
        rule('a', 'v2', matches(jason)),
        rule('b', 'v3', ip('10.0.0.0/8')),
        rule('c', 'v2', matches(jason, { clientIp: ['10.1.1.1'] })),
      ],
    },
    hasNot: { gray: [rule('a', 'v2', matches(jason)), rule('c', 'v2', matches(jason, { clientIp: ['10.1.1.1'] }))] },
  },
  {
    says: /late can never fire/,
    has: {
      identity: [{ kind: 'cookie', name: 'user' }],
      gray: [rule('early', 'v2', matches({ cookies: { user: present } })), rule('late', 'v3', users('jason'))],
    },
    // The first identity that is there counts: a user may be known by another.
    hasNot: {
      identity: [{ kind: 'cookie', name: 'user' }, { kind: 'clientIp' }],
      gray: [rule('early', 'v2', matches({ cookies: { user: present } })), rule('late', 'v3', users('jason'))],
    },
  },
  {
    says: /late can never fire/,
    has: { gray: [rule('early', 'v2', ip('10.0.0.0/8')), rule('late', 'v3', ip('10.1.2.3'))] },
    // While v2 drains, its rule lets everybody pass.
    hasNot: { draining: ['v2'], gray: [rule('early', 'v2', ip('10.0.0.0/8')), rule('late', 'v3', ip('10.1.2.3'))] },
  },
  {
    says: /draws visitors to stable/,
    has: { gray: [rule('a', 'v1', share(5))] },
    hasNot: { gray: [rule('a', 'v2', share(5))] },
  },
  {
    says: /has a share of 0%/,
    has: { gray: [rule('a', 'v2', share(0))] },
    hasNot: { gray: [rule('a', 'v2', share(0.01))] },
  },
  { says: /lists no user/, has: { gray: [rule('a', 'v2', users())] }, hasNot: { gray: [rule('a', 'v2', users('b'))] } },
  {
    says: /x_version is set by the edge and never believed from outside/,
    has: { gray: [rule('a', 'v2', matches({ headers: { x_version: exact('v2') } }))] },
    hasNot: { gray: [rule('a', 'v2', matches({ headers: { 'x-gray': exact('v2') } }))] },
  },
  {
    says: /callers with sourceLabels come in at internal listeners/,
    has: { gray: [rule('a', 'v2', matches({ sourceLabels: { version: 'v2' } }))] },
    hasNot: { gray: [rule('a', 'v2', matches(jason))] },
  },
  {
    says: /this match of gray rule a can never hold: uri is the path without its query/,
    has: { gray: [rule('a', 'v2', matches(jason, { uri: exact('/a?b') }))] },
    hasNot: { gray: [rule('a', 'v2', matches(jason, { uri: regex('/a\\?b') }))] },
  },
  {
    says: /a path begins with a slash: write \/api/,
    has: { gray: [rule('a', 'v2', matches({ uri: prefix('api') }))] },
    hasNot: { gray: [rule('a', 'v2', matches({ uri: prefix('/api') }))] },
  },
  {
    says: /x-a has to be there \(headers\) and may not/,
    has: { gray: [rule('a', 'v2', matches({ headers: { 'x-a': exact('1') }, withoutHeaders: { 'x-a': present } }))] },
    hasNot: {
      gray: [rule('a', 'v2', matches({ headers: { 'x-a': exact('1') }, withoutHeaders: { 'x-a': oneOf('2') } }))],
    },
  },
  {
    says: /service api gets no request: frontend above takes them all/,
    has: { services: [service('frontend'), service('api', [{ uri: prefix('/api/') }])] },
    hasNot: { services: [service('api', [{ uri: prefix('/api/') }]), service('frontend')] },
  },
  {
    says: /service chat has no pool in any version: its requests go to the next service that matches, else they get 404/,
    has: { services: [service('chat', [{ uri: prefix('/chat/') }]), service('api', [{ uri: prefix('/api/') }])] },
    // One that v2 alone has is new in v2.
    hasNot: {
      services: [service('chat', [{ uri: prefix('/chat/') }]), service('frontend')],
      versions: [version('v1', { frontend: ['f1'] }), version('v2', { frontend: ['f2'], chat: ['c2'] })],
    },
  },
  {
    says: /service chat has no pool/,
    has: { services: [service('chat', [{ uri: prefix('/chat/') }])] },
    hasNot: {
      services: [
        service('chat', [{ uri: prefix('/chat/') }], { directResponse: { status: 410, body: '' } }),
        service('frontend'),
      ],
    },
  },
  {
    says: /version v2 has the pools of v1/,
    has: { versions: [version('v1', { frontend: ['f'], api: ['a'] }), version('v2', { api: ['a'], frontend: ['f'] })] },
    hasNot: {},
  },
]

const messages = (short: ShortRelease): string[] => lintRelease(whole(short)).map(({ message }) => message)
const whole = (short: ShortRelease): ReleaseSpec =>
  release({ versions: apart.slice(0, short.services === undefined ? 3 : 2), ...short })

describe('the linter of releases', () => {
  it.each(rows.map((row) => [row.says.source, row] as const))('says "%s"', (_, { says, has, hasNot }) => {
    expect(messages(has)).toContainEqual(expect.stringMatching(says))
    expect(messages(hasNot).filter((message) => says.test(message))).toEqual([])
  })

  it('has nothing to say of a release as it should be', () => {
    expect(
      messages({
        gray: [
          rule('office', 'v2', ip('10.0.0.0/8')),
          rule('some', 'v2', share(5)),
          rule('testers', 'v3', matches(jason)),
        ],
      }),
    ).toEqual([])
  })

  it('takes its time with no list, however long: a million comparisons are left undone', () => {
    const many = Array.from({ length: 60_000 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)
    const rules = Array.from({ length: 20 }, (_, index) => rule(`r${index}`, 'v2', ip(...many)))
    expect(messages({ gray: rules })).toEqual([])
  })

  it('puts findings in the order of the file', () => {
    const late = rule('late', 'v2', users(), { place: place(9) })
    const early = rule('early', 'v2', share(0), { place: place(3) })
    expect(lintRelease(whole({ gray: [late, early] })).map((one) => one.place.line)).toEqual([3, 9])
  })
})
