// Step 9 of docs/affinity.md: x-version both ways, and which answers carry a pin.

import type { Case, CaseGroup } from './case.ts'
import { api, fetchMetadata, page, secureApi, securePage } from './case.ts'

function config(pin = '', ttl = '8h'): string {
  return `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
trust: [127.0.0.1/32]
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
  v3: { frontend: <frontend v3> }
stable: v1
gray:
  - { name: office, version: v2, ip: [127.0.0.58] }
  - { name: all, version: v3, match: [{ cookies: { all: { exact: "3" } } }] }
identity: [cookies.user]
pin: { keys: [{ file: pin.key }, { file: old.key }], epoch: 2, ttl: ${ttl}${pin} }
`
}

const upgrade = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

const documents: readonly Case[] = [
  {
    says: 'a first page is pinned to what was decided, to stable too',
    headers: page,
    expect: { version: 'v1', pin: { version: 'v1', epoch: 2, history: ['v1'] } },
  },
  {
    says: 'a first page of a rule is pinned',
    from: '127.0.0.58',
    headers: securePage,
    expect: { version: 'v2', pin: { version: 'v2' } },
  },
  {
    says: 'a pin that did not change is not written',
    headers: page,
    pins: [{ pin: 'v1', epoch: 2 }],
    expect: { version: 'v1', pin: 'kept' },
  },
  {
    says: 'a pin of ttl/8 is not written',
    headers: page,
    pins: [{ pin: 'v1', epoch: 2, age: '1h' }],
    expect: { pin: 'kept' },
  },
  {
    says: 'a pin older than ttl/8 is renewed while stable gives it',
    headers: page,
    pins: [{ pin: 'v1', epoch: 2, age: '3601s', seed: 'kept-seed', history: ['v1', 'v2'] }],
    expect: { version: 'v1', pin: { version: 'v1', epoch: 2, seed: 'kept-seed', history: ['v1', 'v2'] } },
  },
  {
    says: 'a pin older than ttl/8 is renewed while a rule gives it',
    from: '127.0.0.58',
    headers: page,
    pins: [{ pin: 'v2', epoch: 2, age: '3601s' }],
    expect: { version: 'v2', pin: { version: 'v2' } },
  },
  {
    says: 'a pin older than ttl/8 that nothing gives any more runs out',
    headers: page,
    pins: [{ pin: 'v2', epoch: 2, age: '7h' }],
    expect: { version: 'v2', reason: 'pin', pin: 'kept' },
  },
  {
    says: 'a pin that changed is written, with the three last versions, newest first',
    from: '127.0.0.58',
    headers: page,
    pins: [{ pin: 'v1', epoch: 2, history: ['v1', 'v3', 'v0'], seed: 'kept-seed' }],
    expect: { version: 'v2', pin: { version: 'v2', history: ['v2', 'v1', 'v3'], seed: 'kept-seed' } },
  },
  {
    says: 'a version that comes again moves to the front',
    from: '127.0.0.58',
    headers: page,
    pins: [{ pin: 'v1', epoch: 2, history: ['v1', 'v2', 'v3'] }],
    expect: { version: 'v2', pin: { version: 'v2', history: ['v2', 'v1', 'v3'] } },
  },
  {
    says: 'a pin of an old epoch is written anew, its history void',
    headers: page,
    pins: [{ pin: 'v1', epoch: 1, history: ['v1', 'v2'] }],
    expect: { version: 'v1', pinIn: 'stale', pin: { version: 'v1', epoch: 2, history: ['v1'] } },
  },
  {
    says: 'a forged pin is replaced',
    headers: page,
    pins: [{ pin: 'v2', epoch: 2, forge: (value) => `${value}x` }],
    expect: { version: 'v1', pin: { version: 'v1' } },
  },
  {
    says: 'a pin of an older key is not written for that alone',
    headers: page,
    pins: [{ pin: 'v1', epoch: 2, key: 'old' }],
    expect: { version: 'v1', pin: 'kept' },
  },
  {
    says: 'HEAD is not pinned',
    method: 'HEAD',
    headers: page,
    expect: { version: 'v1', document: true, by: null, pin: 'none' },
  },
  {
    says: 'a page that was not found is pinned all the same',
    headers: [...page, 'x-echo-status: 404'],
    expect: { status: 404, pin: { version: 'v1' } },
  },
  {
    says: 'nothing (204) leaves the page open that asked, and its pin alone',
    from: '127.0.0.58',
    headers: [...securePage, 'x-echo-status: 204'],
    pins: [{ pin: 'v1', epoch: 2 }],
    expect: { status: 204, version: 'v2', by: null, pin: 'kept' },
  },
  {
    says: 'a file that is saved does, too',
    from: '127.0.0.58',
    headers: [...page, 'x-echo-content-type: text/csv', 'x-echo-content-disposition: attachment; filename="a.csv"'],
    pins: [{ pin: 'v1', epoch: 2 }],
    expect: { version: 'v2', pin: 'kept' },
  },
  {
    says: 'a redirect by stable or a share leaves the pin to the page that it leads to, if it is one',
    headers: [...page, 'x-echo-status: 302', 'x-echo-location: https://files.test/a.zip'],
    pins: [{ pin: 'v2', epoch: 2, age: '9h' }],
    expect: { status: 302, version: 'v1', reason: 'stable', pin: 'kept' },
  },
  {
    says: 'one of a first visit brings it: there is no page open',
    headers: [...page, 'x-echo-status: 302', 'x-echo-location: /login'],
    expect: { status: 302, version: 'v1', pin: { version: 'v1' } },
  },
  {
    says: 'a redirect by a rule is pinned, so that its target is of the same version',
    from: '127.0.0.58',
    headers: [...page, 'x-echo-status: 302', 'x-echo-location: /login'],
    expect: { status: 302, pin: { version: 'v2' } },
  },
]

const subresources: readonly Case[] = [
  {
    says: 'an API client without a pin is pinned by a JSON answer',
    from: '127.0.0.58',
    headers: api,
    expect: { version: 'v2', document: false, pin: { version: 'v2' } },
  },
  {
    says: 'its POST is, too',
    method: 'POST',
    headers: api,
    body: '{}',
    expect: { version: 'v1', pin: { version: 'v1' } },
  },
  {
    says: 'an HTML answer pins it',
    headers: [...api, 'x-echo-content-type: text/html'],
    expect: { pin: { version: 'v1' } },
  },
  {
    says: 'a problem+json answer pins it',
    headers: [...api, 'x-echo-content-type: application/problem+json'],
    expect: { pin: { version: 'v1' } },
  },
  { says: 'a script does not', headers: [...api, 'x-echo-content-type: text/javascript'], expect: { pin: 'none' } },
  { says: 'an image does not', headers: [...api, 'x-echo-content-type: image/png'], expect: { pin: 'none' } },
  {
    says: 'an event stream does not',
    headers: [...api, 'x-echo-content-type: text/event-stream'],
    expect: { pin: 'none' },
  },
  { says: 'a client with Sec-Fetch is not pinned by a subresource', headers: secureApi, expect: { pin: 'none' } },
  {
    says: 'a script of a client with Sec-Fetch is not',
    headers: [...api, ...fetchMetadata('no-cors', 'script')],
    expect: { pin: 'none' },
  },
  {
    says: 'a client that has a pin is not pinned anew',
    headers: api,
    pins: [{ pin: 'v1', epoch: 2, age: '400d' }],
    expect: { pin: 'kept' },
  },
  {
    says: 'a client with two pins is not pinned by a subresource',
    headers: api,
    pins: [
      { pin: 'v1', epoch: 2 },
      { pin: 'v2', epoch: 2 },
    ],
    expect: { pinIn: 'two', pin: 'none' },
  },
  { says: 'HEAD does not pin', method: 'HEAD', headers: api, expect: { by: null, pin: 'none' } },
  { says: 'OPTIONS does not pin', method: 'OPTIONS', headers: api, expect: { pin: 'none' } },
  {
    says: 'a page that is prefetched before the first visit is pinned: what it loads when it is shown has to follow it',
    headers: [...page, 'Purpose: prefetch', 'x-echo-content-type: text/html'],
    expect: { version: 'v1', pin: { version: 'v1' } },
  },
  {
    says: 'no other prefetch pins',
    headers: [...page, 'Purpose: prefetch', 'x-echo-content-type: text/css'],
    expect: { pin: 'none' },
  },
  {
    says: 'the page that answers a form of another site, which came without the pin, is pinned',
    method: 'POST',
    from: '127.0.0.58',
    headers: [...page, ...fetchMetadata('navigate', 'document', 'cross-site'), 'x-echo-content-type: text/html'],
    expect: { version: 'v2', document: false, pin: { version: 'v2' } },
  },
  {
    says: 'its redirect is not: the page that it leads to comes under the pin again',
    method: 'POST',
    headers: [
      ...page,
      ...fetchMetadata('navigate', 'document', 'cross-site'),
      'x-echo-content-type: text/html',
      'x-echo-status: 303',
      'x-echo-location: /done',
    ],
    expect: { status: 303, pin: 'none' },
  },
  { says: 'an upgrade does not pin', headers: upgrade, expect: { status: 101, version: 'v1', pin: 'none' } },
]

const maxAge = 8 * 3600 + 7 * 24 * 3600
const https = 'X-Forwarded-Proto: https'

function attributes(
  title: string,
  pin: string,
  says: string,
  headers: readonly string[],
  setCookie: string,
): CaseGroup {
  return {
    title: `step 9: attributes, ${title}`,
    config: config(pin),
    cases: [{ says, headers, expect: { setCookie } }],
  }
}

export const answers: readonly CaseGroup[] = [
  { title: 'step 9: documents', config: config(), cases: documents },
  { title: 'step 9: subresources', config: config(), cases: subresources },
  {
    title: 'step 9: x-version',
    config: config(),
    cases: [
      {
        says: 'tells the backend and the client what was decided',
        from: '127.0.0.58',
        headers: page,
        expect: { version: 'v2', upstream: { 'x-version': 'v2' }, answer: { 'x-version': 'v2' } },
      },
      { says: 'stands on an upgrade too', headers: upgrade, expect: { status: 101, answer: { 'x-version': 'v1' } } },
    ],
  },
  {
    title: 'step 9: whoever is moved forgets what was loaded ahead of the other version',
    config: config(),
    cases: [
      {
        says: 'by the page that brings the other pin',
        headers: [...securePage, 'X-Forwarded-Proto: https', 'X-Forwarded-For: 127.0.0.58'],
        pins: [{ pin: 'v1', epoch: 2, name: '__Host-graylane' }],
        expect: { version: 'v2', answer: { 'clear-site-data': '"prefetchCache", "prerenderCache"' } },
      },
      {
        says: 'beside what the app would have forgotten',
        headers: [
          ...securePage,
          'X-Forwarded-Proto: https',
          'X-Forwarded-For: 127.0.0.58',
          'x-echo-clear-site-data: "cache"',
        ],
        pins: [{ pin: 'v1', epoch: 2, name: '__Host-graylane' }],
        expect: { version: 'v2', answer: { 'clear-site-data': '"cache", "prefetchCache", "prerenderCache"' } },
      },
      {
        says: 'a renewed pin and a first one have nothing to forget',
        headers: [...securePage, 'X-Forwarded-Proto: https'],
        pins: [{ pin: 'v1', epoch: 2, age: '3601s', name: '__Host-graylane' }],
        expect: { version: 'v1', pin: { version: 'v1' }, answer: { 'clear-site-data': null } },
      },
      {
        says: 'over plain http browsers load nothing ahead, and complain of the field',
        from: '127.0.0.58',
        headers: page,
        pins: [{ pin: 'v1', epoch: 2 }],
        expect: { version: 'v2', pin: { version: 'v2' }, answer: { 'clear-site-data': null } },
      },
    ],
  },
  {
    title: 'step 9: x-version, named otherwise',
    config: config(', header: x-lane'),
    cases: [
      {
        says: 'has the name of the configuration',
        from: '127.0.0.58',
        headers: [...page, 'X-Lane: v3', 'x_lane: v3'],
        expect: { upstream: { 'x-lane': 'v2', x_lane: null, 'x-version': null }, answer: { 'x-lane': 'v2' } },
      },
    ],
  },
  attributes(
    'plain http',
    '',
    'no Secure',
    page,
    `graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax`,
  ),
  attributes(
    'https',
    '',
    '__Host- and Secure',
    [...page, https],
    `__Host-graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax; Secure`,
  ),
  attributes(
    'https with a domain',
    ', domain: shop.test',
    'Domain instead of __Host-',
    [...page, https],
    `graylane=VALUE; Path=/; Domain=shop.test; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax; Secure`,
  ),
  attributes(
    'sameSite: none',
    ', sameSite: none',
    'SameSite=None',
    [...page, https],
    `__Host-graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=None; Secure`,
  ),
  attributes(
    'another name',
    ', cookie: lane',
    'its own name',
    page,
    `lane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax`,
  ),
  {
    title: 'step 9: attributes, another ttl',
    config: config('', '90s'),
    cases: [
      {
        says: 'Max-Age is ttl and seven days, since ttl binds documents only',
        headers: page,
        expect: {
          setCookie: `graylane=VALUE; Path=/; Max-Age=${90 + 7 * 24 * 3600}; HttpOnly; Priority=High; SameSite=Lax`,
        },
      },
    ],
  },
]
