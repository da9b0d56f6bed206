// Step 6 of docs/affinity.md: who a visitor is. JSON cookies, tokens, values that mean nobody; lists and a share together.

import { createHmac } from 'node:crypto'
import { type CaseGroup, page, seedWhere } from './case.ts'
import { secrets } from './gateway-under-test.ts'

const config = (gray: string): string => `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services:
  mqtt-server: /api/
  frontend: {}
versions:
  v1: { frontend: <frontend v1>, mqtt-server: <mqtt-server v1> }
  v2: { frontend: <frontend v2>, mqtt-server: <mqtt-server v2> }
  v3: { frontend: <frontend v3>, mqtt-server: <mqtt-server v3> }
stable: v1
gray: ${gray}
identity:
  - { jwt: { cookie: session, claim: sub, keys: [{ file: pin.key }] } }
  - { json: { cookie: profile, field: user.id } }
  - cookies.user
pin: { keys: [{ file: pin.key }, { file: old.key }] }
`

const listed = '[{ name: testers, version: v2, users: { file: users.txt } }, { name: all, version: v3, share: 50% }]'

function token(sub: string, key = secrets.new): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub })}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

const profile = (id: string): string => `profile=${encodeURIComponent(JSON.stringify({ user: { id } }))}`

const drawn = seedWhere((drawOf) => drawOf('v3') < 5000)
const notDrawn = seedWhere((drawOf) => drawOf('v3') >= 5000)
const byList = { version: 'v2', reason: 'rule', rule: 'testers' } as const

export const identities: readonly CaseGroup[] = [
  {
    title: 'step 6: identities that are more than a cookie',
    config: config(listed),
    cases: [
      { says: 'a verified claim is who it says', headers: page, cookies: [`session=${token('anna')}`], expect: byList },
      {
        says: 'a claim that another key signed is nobody: the next source speaks',
        headers: page,
        cookies: [`session=${token('anna', secrets.old)}`, 'user=007'],
        expect: byList,
      },
      {
        says: 'and without one there is none',
        headers: page,
        cookies: [`session=${token('anna', secrets.old)}`],
        pins: [{ pin: 'v1', seed: notDrawn }],
        expect: { version: 'v1', reason: 'pin' },
      },
      { says: 'a field of a JSON cookie', headers: page, cookies: [profile('anna')], expect: byList },
      {
        says: 'null is nobody',
        headers: page,
        cookies: [profile('null'), 'user=anna'],
        expect: byList,
      },
      {
        says: 'the list stands above the share',
        headers: page,
        cookies: ['user=anna'],
        pins: [{ pin: 'v1', seed: drawn }],
        expect: byList,
      },
      {
        says: 'those whom no list names are drawn',
        headers: page,
        cookies: ['user=carla'],
        pins: [{ pin: 'v1', seed: drawn }],
        expect: { version: 'v3', reason: 'share', rule: 'all' },
      },
      {
        says: 'a login keeps the seed: nobody is drawn anew',
        headers: page,
        cookies: [`session=${token('carla')}`],
        pins: [{ pin: 'v1', seed: notDrawn }],
        expect: { version: 'v1', reason: 'pin', pin: 'kept' },
      },
      {
        says: 'nor by a logout',
        headers: page,
        pins: [{ pin: 'v3', seed: drawn }],
        expect: { version: 'v3', reason: 'share', pin: 'kept' },
      },
    ],
  },
]
