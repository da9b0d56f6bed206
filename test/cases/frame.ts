// Step 3 of docs/affinity.md: a frame is part of a page that is open, or a visit of its own. v1 is stable, v2 draining, v0 gone: a part of a
// page stays on v2 or is told to reload, a visit goes to v1 with a new pin.

import type { Case, CaseGroup, Expectation, PinCookie } from './case.ts'
import { fetchMetadata, page, secureApi } from './case.ts'

function config(release = '', pin = ''): string {
  return `
name: shop
${release}
listen:
  - { port: 0, address: 127.0.0.1 }
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
stable: v1
draining: [v2]
pin: { keys: [{ file: pin.key }]${pin} }
`
}

type Pin = 'held' | 'stale' | 'none'
const pins: Readonly<Record<Pin, readonly PinCookie[]>> = { held: [{ pin: 'v2' }], stale: [{ pin: 'v0' }], none: [] }

const partOf: Readonly<Record<Pin, Expectation>> = {
  held: { document: false, version: 'v2', reason: 'pin', pin: 'kept' },
  stale: { document: false, status: 409, code: 'EDGE_STALE_PAGE', by: null, pin: 'none' },
  none: { document: false, version: 'v1', reason: 'stable', pin: { version: 'v1' } },
}
const visit: Expectation = { document: true, version: 'v1', reason: 'stable', pin: { version: 'v1' } }

interface Frame {
  readonly says: string
  /** Sec-Fetch-Site */
  readonly site: string
  readonly headers?: readonly string[]
  /** Of which pins it is part of an open page. */
  readonly part: readonly Pin[]
}

function casesOf({ says, site, headers = [], part }: Frame): readonly Case[] {
  const html = 'x-echo-content-type: text/html'
  return (['held', 'stale', 'none'] as const).map((pin) => ({
    says: `${says}, ${pin === 'none' ? 'without a pin' : `its pin ${pin}`}, is ${part.includes(pin) ? 'part of an open page' : 'a visit'}`,
    headers: [...page, ...fetchMetadata('navigate', 'iframe', site), ...headers, html],
    pins: pins[pin],
    expect: part.includes(pin) ? partOf[pin] : visit,
  }))
}

const always = ['held', 'stale', 'none'] as const

const onePinAHost: readonly Frame[] = [
  { says: 'a frame of the same origin', site: 'same-origin', part: always },
  {
    says: 'a frame of another port',
    site: 'same-site',
    headers: ['Referer: https://shop.test:8443/'],
    part: always,
  },
  {
    says: 'a frame that another site leads back to its page by a redirect',
    site: 'cross-site',
    headers: ['Referer: https://shop.test/account'],
    part: always,
  },
  {
    says: 'a frame of a page of another host',
    site: 'same-site',
    headers: ['Referer: https://portal.shop.test/'],
    part: ['held'],
  },
  {
    says: 'a frame of another site among pages of one site',
    site: 'cross-site',
    headers: ['Referer: https://bank.test/'],
    part: ['held'],
  },
  {
    says: 'a frame of a page of another site',
    site: 'cross-site',
    headers: ['Referer: https://teams.test/', 'Sec-Fetch-Storage-Access: active'],
    part: [],
  },
]

const onePinADomain: readonly Frame[] = [
  {
    says: 'a frame of a page of another host of the release',
    site: 'same-site',
    headers: ['Referer: https://www.shop.test/'],
    part: always,
  },
  { says: 'a frame of another host that sends no Referer', site: 'same-site', part: always },
  {
    says: 'a frame of a page of the domain that is not of the release',
    site: 'same-site',
    headers: ['Referer: https://portal.shop.test/'],
    part: ['held'],
  },
]

export const frames: readonly CaseGroup[] = [
  {
    title: 'step 3: frames',
    config: config(),
    cases: [
      ...onePinAHost.flatMap(casesOf),
      {
        says: 'what a frame asks for follows the pin, whoever is around',
        headers: [...secureApi, 'Sec-Fetch-Storage-Access: active'],
        pins: pins.held,
        expect: partOf.held,
      },
      {
        says: 'a frame of an open page whose address names another version of its history is of that version',
        path: '/?x-page-version=v1',
        headers: [...page, ...fetchMetadata('navigate', 'iframe', 'same-site')],
        pins: [{ pin: 'v2', history: ['v2', 'v1'] }],
        expect: { document: false, version: 'v1', reason: 'page', pin: 'kept' },
      },
    ],
  },
  {
    title: 'step 3: frames, with a pin for the domain',
    config: config('hosts: [shop.test, www.shop.test]', ', domain: shop.test'),
    cases: onePinADomain.flatMap(casesOf),
  },
  {
    title: 'step 3: frames, with a pin for the domain and any host',
    config: config('', ', domain: shop.test'),
    cases: [
      {
        says: 'a host outside of the domain has another pin',
        site: 'cross-site',
        headers: ['Referer: https://teams.test/', 'Sec-Fetch-Storage-Access: active'],
        part: [],
      } satisfies Frame,
    ].flatMap(casesOf),
  },
]
