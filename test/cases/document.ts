// Step 6 of docs/affinity.md: page loads. Rules from top to bottom, first hit decides; then the pin; then stable. Shares stand in share.ts.

import type { CaseGroup } from './case.ts'
import { page } from './case.ts'

export function config(gray: string, more = ''): string {
  return `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
  v3: { frontend: <frontend v3> }
stable: v1
gray:${gray}
identity: [cookies.user, headers.x-user, clientIp]
pin: { keys: [{ file: pin.key }], ttl: 8h${more} }
`
}

const explicit: CaseGroup = {
  title: 'step 6: explicit rules',
  config: config(`
  - { name: office, version: v2, ip: [127.0.0.58, 127.9.0.0/16] }
  - name: testers
    version: v3
    match:
      - cookies: { user: { exact: jason } }
      - headers: { x-user: { exact: jason } }
  - { name: list, version: v2, users: { file: users.txt } }
  - version: v3
    match: [{ uri: { prefix: /beta/ }, headers: { x-a: { exact: "1" } } }]
`),
  cases: [
    {
      says: 'an address hits',
      from: '127.0.0.58',
      headers: page,
      expect: { version: 'v2', reason: 'rule', rule: 'office' },
    },
    {
      says: 'an address range hits',
      from: '127.9.1.2',
      headers: page,
      expect: { version: 'v2', reason: 'rule', rule: 'office' },
    },
    {
      says: 'a cookie hits',
      headers: page,
      cookies: ['user=jason'],
      expect: { version: 'v3', reason: 'rule', rule: 'testers' },
    },
    {
      says: 'items of match are ORed: the header hits as well',
      headers: [...page, 'X-User: jason'],
      expect: { version: 'v3', reason: 'rule', rule: 'testers' },
    },
    {
      says: 'the first hit decides, from top to bottom',
      from: '127.0.0.58',
      headers: page,
      cookies: ['user=jason'],
      expect: { version: 'v2', reason: 'rule', rule: 'office' },
    },
    {
      says: 'a user of the list hits',
      headers: page,
      cookies: ['user=anna'],
      expect: { version: 'v2', reason: 'rule', rule: 'list' },
    },
    {
      says: 'a user of the list hits by the next source of identity',
      headers: [...page, 'X-User: anna'],
      expect: { version: 'v2', reason: 'rule', rule: 'list' },
    },
    {
      says: 'an address of the list hits by the last source of identity',
      from: '127.0.0.77',
      headers: page,
      expect: { version: 'v2', reason: 'rule', rule: 'list' },
    },
    {
      says: 'an empty user= counts as absent, so the header says who it is',
      headers: [...page, 'X-User: anna'],
      cookies: ['user='],
      expect: { version: 'v2', reason: 'rule', rule: 'list' },
    },
    {
      says: 'only the first identity that is present counts',
      headers: [...page, 'X-User: anna'],
      cookies: ['user=otto'],
      expect: { version: 'v1', reason: 'stable', rule: '' },
    },
    {
      says: 'a user is compared as written',
      headers: page,
      cookies: ['user=7'],
      expect: { version: 'v1', reason: 'stable' },
    },
    {
      says: 'a user with zeros in front is himself',
      headers: page,
      cookies: ['user=007'],
      expect: { version: 'v2', rule: 'list' },
    },
    {
      says: 'a rule without a name is known by its line',
      path: '/beta/x',
      headers: [...page, 'X-A: 1'],
      expect: { version: 'v3', reason: 'rule', rule: 'line 19' },
    },
    {
      says: 'fields of one item are ANDed',
      path: '/beta/x',
      headers: page,
      expect: { version: 'v1', reason: 'stable' },
    },
    { says: 'no hit and no pin is stable', headers: page, expect: { version: 'v1', reason: 'stable', rule: '' } },
    {
      says: 'an explicit rule wins over a pin',
      from: '127.0.0.58',
      headers: page,
      pins: [{ pin: 'v3', history: ['v3', 'v1'], seed: 'kept-seed' }],
      expect: { version: 'v2', reason: 'rule', pin: { version: 'v2', history: ['v2', 'v3', 'v1'], seed: 'kept-seed' } },
    },
    {
      says: 'no hit keeps a young pin',
      headers: page,
      pins: [{ pin: 'v2', age: '7h' }],
      expect: { version: 'v2', reason: 'pin', pin: 'kept' },
    },
    {
      says: 'a pin one second short of ttl still holds',
      headers: page,
      pins: [{ pin: 'v2', age: '28799s' }],
      expect: { version: 'v2', reason: 'pin' },
    },
    {
      says: 'a pin of ttl does not',
      headers: page,
      pins: [{ pin: 'v2', age: '8h' }],
      expect: { version: 'v1', reason: 'stable', pin: { version: 'v1', history: ['v1', 'v2'] } },
    },
    {
      says: 'a pin to a version that has gone is decided anew',
      headers: page,
      pins: [{ pin: 'v0', seed: 'kept-seed' }],
      expect: { version: 'v1', reason: 'stable', pinIn: 'stale', pin: { version: 'v1', seed: 'kept-seed' } },
    },
  ],
}

const draining: CaseGroup = {
  title: 'step 6: a draining version',
  config: config(
    `
  - { name: office, version: v2, ip: [127.0.0.58] }
  - { name: all, version: v2, share: 100% }
draining: [v2]
`,
  ),
  cases: [
    {
      says: 'draws nobody by an explicit rule',
      from: '127.0.0.58',
      headers: page,
      expect: { version: 'v1', reason: 'stable' },
    },
    { says: 'draws nobody by a share', headers: page, expect: { version: 'v1', reason: 'stable' } },
    {
      says: 'loses its documents at their next load',
      headers: page,
      pins: [{ pin: 'v2' }],
      expect: { version: 'v1', reason: 'stable', pin: { version: 'v1', history: ['v1', 'v2'] } },
    },
  ],
}

const keep: CaseGroup = {
  title: 'step 6: repin: keep',
  config: config(
    `
  - { name: office, version: v2, ip: [127.0.0.58] }
  - { name: all, version: v3, share: 100% }
`,
    ', repin: keep',
  ),
  cases: [
    {
      says: 'leaves the pinned where they are, whatever an explicit rule says',
      from: '127.0.0.58',
      headers: page,
      pins: [{ pin: 'v1' }],
      expect: { version: 'v1', reason: 'pin', pin: 'kept' },
    },
    {
      says: 'leaves the pinned where they are, whatever a share draws',
      headers: page,
      pins: [{ pin: 'v1' }],
      expect: { version: 'v1', reason: 'pin' },
    },
    {
      says: 'decides the unpinned by rule',
      from: '127.0.0.58',
      headers: page,
      expect: { version: 'v2', reason: 'rule', rule: 'office' },
    },
    { says: 'decides the unpinned by share', headers: page, expect: { version: 'v3', reason: 'share', rule: 'all' } },
    {
      says: 'decides those whose pin has expired',
      from: '127.0.0.58',
      headers: page,
      pins: [{ pin: 'v1', age: '9h' }],
      expect: { version: 'v2', reason: 'rule', rule: 'office' },
    },
  ],
}

export const document: readonly CaseGroup[] = [explicit, draining, keep]
