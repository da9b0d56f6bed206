// Step 4 of docs/affinity.md: reading the pin. Each row is a page load; a pin that holds keeps v2, anything else is stable.

import type { Case, CaseGroup, PinCookie } from './case.ts'
import { api, page } from './case.ts'

function config(more = ''): string {
  return `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
trust: [127.0.0.1/32]
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
  "1.10": { frontend: <frontend 1.10> }
stable: v1
pin: { keys: [{ file: pin.key }, { file: old.key }], epoch: 3${more} }
`
}

const v2: PinCookie = { pin: 'v2', epoch: 3 }
const v1: PinCookie = { pin: 'v1', epoch: 3 }
const forged: PinCookie = { ...v2, forge: (value) => value.slice(0, -2) + (value.endsWith('AA') ? 'BB' : 'AA') }

function holds(says: string, ...pins: readonly PinCookie[]): Case {
  return { says, headers: page, pins, expect: { version: 'v2', reason: 'pin', pinIn: 'held', pin: 'kept' } }
}

function doesNotHold(says: string, pinIn: 'none' | 'stale' | 'forged' | 'two', ...pins: readonly PinCookie[]): Case {
  const seed = pinIn === 'stale' ? { seed: 'seed-of-the-test' } : {}
  return {
    says,
    headers: page,
    pins,
    expect: { version: 'v1', reason: 'stable', pinIn, pin: { version: 'v1', epoch: 3, ...seed } },
  }
}

const change = (from: string, to: string) => (value: string) => value.replace(from, to)

const twoReleases: CaseGroup = {
  title: 'step 4: reading the pin, two releases under one key',
  config: `
name: shop
hosts: [shop.test]
listen:
  - { port: 0, address: 127.0.0.1 }
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
stable: v1
pin: { keys: [{ file: pin.key }] }
---
name: blog
hosts: ["*.blog.test"]
services: { pages: / }
versions:
  v1: { pages: <pages v1> }
  v2: { pages: <pages v2> }
stable: v1
pin: { keys: [{ file: pin.key }] }
`,
  cases: [
    {
      says: 'a pin holds in its release',
      headers: page,
      pins: [{ pin: 'v2' }],
      expect: { version: 'v2', by: 'frontend v2', pin: 'kept' },
    },
    {
      says: 'a pin holds in its release, the other one',
      host: 'a.blog.test',
      headers: page,
      pins: [{ pin: 'v2', release: 'blog' }],
      expect: { version: 'v2', by: 'pages v2', pin: 'kept' },
    },
    {
      says: 'and not in the other',
      headers: page,
      pins: [{ pin: 'v2', release: 'blog' }],
      expect: { version: 'v1', by: 'frontend v1', pinIn: 'forged', pin: { version: 'v1' } },
    },
  ],
}

export const pin: readonly CaseGroup[] = [
  twoReleases,
  {
    title: 'step 4: reading the pin',
    config: config(),
    cases: [
      doesNotHold('no pin is none', 'none'),
      holds('a genuine pin holds', v2),
      holds('a pin signed by an older key of the ring holds', { ...v2, key: 'old' }),
      holds("a pin of another gateway's newer epoch holds", { ...v2, epoch: 4 }),
      {
        says: 'a version whose name has dots holds',
        headers: page,
        pins: [{ pin: '1.10', epoch: 3, history: ['1.10', 'v1'] }],
        expect: { version: '1.10', reason: 'pin', pinIn: 'held', pin: 'kept' },
      },
      {
        says: 'a pin in a Cookie line of its own holds',
        headers: [...page, 'Cookie: a=1'],
        pins: [v2],
        expect: { version: 'v2', reason: 'pin', pinIn: 'held' },
      },
      doesNotHold('a signature that fails is no pin, and no error', 'forged', forged),
      doesNotHold('an unknown key is no pin', 'forged', { ...v2, key: 'unknown' }),
      doesNotHold("another release's pin is no pin", 'forged', { ...v2, release: 'blog' }),
      doesNotHold('a changed version is no pin', 'forged', { ...v1, forge: change('.v1.', '.v2.') }),
      doesNotHold('a raised epoch is no pin', 'forged', { ...v2, epoch: 2, forge: change('.v2.2.', '.v2.3.') }),
      doesNotHold('a changed seed is no pin', 'forged', { ...v2, forge: change('seed-of', 'deed-of') }),
      doesNotHold('a longer history is no pin', 'forged', { ...v2, forge: change('-test.v2.', '-test.v2+v1.') }),
      doesNotHold('a cut pin is no pin', 'forged', { ...v2, forge: (value) => value.slice(0, 40) }),
      doesNotHold('a pin with something behind it is no pin', 'forged', { ...v2, forge: (value) => `${value}x` }),
      doesNotHold('a pin of 4000 characters is no pin', 'forged', { ...v2, seed: 'x'.repeat(4000) }),
      doesNotHold('another format is no pin', 'none', { ...v2, forge: () => 'v2' }),
      doesNotHold('a later format is no pin', 'none', { ...v2, forge: (value) => `2${value.slice(1)}` }),
      doesNotHold('an empty cookie is no pin', 'none', { ...v2, forge: () => '' }),
      doesNotHold('a quoted pin is no pin', 'none', { ...v2, forge: (value) => `"${value}"` }),
      doesNotHold('a cookie whose name is longer is no pin', 'none', { ...v2, name: 'graylane2' }),
      doesNotHold('a cookie in capitals is no pin', 'none', { ...v2, name: 'GRAYLANE' }),
      doesNotHold('a version that is not listed is a stale pin', 'stale', { ...v2, pin: 'v0' }),
      doesNotHold('an old epoch is a stale pin', 'stale', { ...v2, epoch: 2 }),
      holds('of two pins the genuine one counts, first', v2, forged),
      holds('of two pins the genuine one counts, last', forged, v2),
      holds('the same pin twice is one', v2, v2),
      doesNotHold('two genuine pins that differ count as none', 'two', v2, v1),
      doesNotHold('two genuine pins that differ count as none, the other way', 'two', v1, v2),
      doesNotHold('a genuine and a stale pin count as none', 'two', v2, { ...v2, pin: 'v0' }),
      doesNotHold('eight forgeries are looked at and no more', 'forged', ...flood(8), {
        ...v2,
        seed: 'a-seed-not-seen-yet',
      }),
    ],
  },
  {
    title: 'step 4: reading the pin on https',
    config: config(),
    cases: [
      onHttps('the __Host- form holds', 'v2', { ...v2, name: '__Host-graylane' }),
      onHttps('a plain pin of the time before https holds', 'v2', v2),
      onHttps('a plain pin, which a sibling domain could plant, does not stand against it', 'v2', v1, {
        ...v2,
        name: '__Host-graylane',
      }),
      {
        says: 'the __Host- form tells of https where a proxy in front does not: browsers send it over TLS alone',
        path: '/api/devices',
        headers: api,
        pins: [v1, { ...v2, name: '__Host-graylane' }],
        expect: { version: 'v2', reason: 'pin', pinIn: 'held', pin: 'kept' },
      },
      {
        says: 'and the next pin takes its place',
        headers: page,
        pins: [{ ...v2, name: '__Host-graylane', epoch: 2 }],
        expect: {
          version: 'v1',
          pinIn: 'stale',
          setCookie: '__Host-graylane=VALUE; Path=/; Max-Age=633600; HttpOnly; Priority=High; SameSite=Lax; Secure',
        },
      },
      {
        says: 'its name in a value tells nothing',
        headers: page,
        cookies: ['a=__Host-graylane=1'],
        expect: {
          version: 'v1',
          setCookie: 'graylane=VALUE; Path=/; Max-Age=633600; HttpOnly; Priority=High; SameSite=Lax',
        },
      },
    ],
  },
  {
    title: 'step 4: reading the pin, cookie named by the configuration',
    config: config(', cookie: lane'),
    cases: [
      {
        says: 'its name is read',
        headers: page,
        pins: [{ ...v2, name: 'lane' }],
        expect: { version: 'v2', reason: 'pin', pin: 'kept' },
      },
      { says: 'no other is', headers: page, pins: [v2], expect: { version: 'v1', reason: 'stable', pinIn: 'none' } },
    ],
  },
]

function onHttps(says: string, version: string, ...pins: readonly PinCookie[]): Case {
  return {
    says,
    headers: [...page, 'X-Forwarded-Proto: https'],
    pins,
    expect: { version, reason: 'pin', pinIn: 'held', pin: 'kept' },
  }
}

function flood(count: number): readonly PinCookie[] {
  return Array.from({ length: count }, (_, i): PinCookie => ({ ...v2, seed: `flood-${i}`, key: 'unknown' }))
}
