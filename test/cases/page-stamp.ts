// Steps 5 and 9 of docs/affinity.md: a page learns its version, and says it where headers do not go.

import { type CaseGroup, fetchMetadata, page, secureApi, securePage } from './case.ts'

function config(section = ''): string {
  return `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
trust: [127.0.0.1/32]
services:
  stamped: { match: [{ queryParams: { x-page-version: {} } }] }
  frontend: {}
versions:
  v1: { frontend: <frontend v1>, stamped: <stamped v1> }
  v2: { frontend: <frontend v2>, stamped: <stamped v2> }
stable: v1
pin: { keys: [{ file: pin.key }], epoch: 2 }
${section}
`
}

const both = [{ pin: 'v2', epoch: 2, history: ['v2', 'v1'] }]
const upgrade = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

interface Led {
  readonly method?: string
  readonly status?: number
  readonly path?: string
}

const redirects: readonly (readonly [says: string, location: string, led: string, Led?])[] = [
  ['to another path', '/live', '/live?x-page-version=v1'],
  ['to a path beside it', 'live', 'live?x-page-version=v1'],
  ['behind a query, before a fragment', '/live?a=1#end', '/live?a=1&x-page-version=v1#end'],
  ['to its own origin, however written', 'HTTP://Shop.test/live', 'HTTP://Shop.test/live?x-page-version=v1'],
  ['to its own host without the scheme', '//shop.test/live', '//shop.test/live?x-page-version=v1'],
  ['to an origin that pages name their version to', 'http://api.shop.test', 'http://api.shop.test?x-page-version=v1'],
  ['and leaves what leads elsewhere', 'http://shop.test.evil.test/live', 'http://shop.test.evil.test/live'],
  ['under another scheme, too', 'https://shop.test/live', 'https://shop.test/live'],
  ['by slashes of either kind', '/\\evil.test/live', '/\\evil.test/live'],
  ['and what names one already', '/live?x-page-version=v2', '/live?x-page-version=v2'],
  ['of a form that is posted again (307)', '/next', '/next?x-page-version=v1', { method: 'POST', status: 307 }],
  ['of such a form for good (308)', '/next', '/next?x-page-version=v1', { method: 'POST', status: 308 }],
  ['not of a form that ends in a page (303)', '/next', '/next', { method: 'POST', status: 303 }],
  ['nor of what is no redirect', '/next', '/next', { method: 'POST', status: 201 }],
  ['nor where none was named', '/live', '/live', { path: '/events' }],
]

export const pageStamp: readonly CaseGroup[] = [
  {
    title: 'step 9: a page is told its version',
    config: config(),
    cases: [
      {
        says: 'in Server-Timing, where scripts can read it on http too',
        headers: page,
        expect: { answer: { 'server-timing': 'graylane;desc="v1"' } },
      },
      {
        says: "beside the app's own figures",
        headers: [...securePage, 'x-echo-server-timing: db;dur=53'],
        expect: { answer: { 'server-timing': 'db;dur=53, graylane;desc="v1"' } },
      },
      {
        says: 'in a frame, which has scripts of its own',
        headers: [...page, ...fetchMetadata('navigate', 'iframe')],
        pins: both,
        expect: { answer: { 'server-timing': 'graylane;desc="v2"' } },
      },
      {
        says: 'after a form was posted',
        method: 'POST',
        headers: [...page, ...fetchMetadata('navigate', 'document')],
        pins: both,
        expect: { answer: { 'server-timing': 'graylane;desc="v2"' } },
      },
      {
        says: 'when it was prefetched',
        headers: [...securePage, 'Sec-Purpose: prefetch'],
        pins: both,
        expect: { answer: { 'server-timing': 'graylane;desc="v2"' } },
      },
      {
        says: 'when a script fetches it: a service worker may keep it, and show it under another pin',
        headers: [...secureApi, 'x-echo-content-type: text/html'],
        expect: { answer: { 'server-timing': 'graylane;desc="v1"' } },
      },
      { says: 'and what is no page is not', headers: secureApi, expect: { answer: { 'server-timing': null } } },
    ],
  },
  {
    title: 'step 5: a page names its version in the query',
    config: config(),
    cases: [
      {
        says: 'of a WebSocket, and the app never sees it',
        path: '/socket?x-page-version=v1&room=7',
        headers: upgrade,
        pins: both,
        expect: { status: 101, version: 'v1', by: 'frontend v1', reason: 'page', url: '/socket?room=7' },
      },
      {
        says: 'wherever it stands, and no `?` is left behind',
        path: '/events?x-page-version=v1',
        headers: ['Accept: text/event-stream'],
        pins: both,
        expect: { version: 'v1', reason: 'page', url: '/events' },
      },
      {
        says: 'while the rest of the query keeps its bytes',
        path: '/events?a=%7e+b&x-page-version=v1&x-page-versions=2&c',
        headers: ['Accept: text/event-stream'],
        pins: both,
        expect: { version: 'v1', url: '/events?a=%7e+b&x-page-versions=2&c' },
      },
      {
        says: 'and is told to reload when that stands in no history: it is not of the version of the pin',
        path: '/events?x-page-version=v1',
        headers: ['Accept: text/event-stream'],
        pins: [{ pin: 'v2', epoch: 2 }],
        expect: { status: 409, by: null, reason: 'stale' },
      },
    ],
  },
  {
    title: 'step 5: a redirect takes along what a page named in the query',
    config: config('page: { origins: ["http://api.shop.test"] }'),
    cases: redirects.map(
      ([says, location, led, { method = 'GET', status = 302, path = '/events?x-page-version=v1' } = {}]) => ({
        says,
        method,
        path,
        headers: ['Accept: */*', `x-echo-status: ${status}`, `x-echo-location: ${location}`],
        pins: both,
        expect: { status, answer: { location: led } },
      }),
    ),
  },
  {
    title: 'step 3: what a page asks for in its own name',
    config: config(),
    cases: [
      {
        says: 'is a part of it, though it be HTML and plain http',
        headers: [...page, 'x-page-version: v1'],
        pins: both,
        expect: { document: false, version: 'v1', reason: 'page', pin: 'kept' },
      },
    ],
  },
  {
    title: 'step 5: a page names its version as its framework does',
    config: config('page: { headers: [X-Deployment-Id], parameters: [dpl] }'),
    cases: [
      {
        says: 'in a header, which the app gets too',
        headers: [...secureApi, 'x-deployment-id: v1'],
        pins: both,
        expect: { version: 'v1', reason: 'page', upstream: { 'x-deployment-id': 'v1' } },
      },
      {
        says: 'in the query, which stays as it is',
        path: '/assets/app.js?dpl=v1',
        headers: fetchMetadata('cors', 'script'),
        pins: both,
        expect: { version: 'v1', reason: 'page', url: '/assets/app.js?dpl=v1' },
      },
      {
        says: 'after our own name for it',
        headers: [...secureApi, 'x-page-version: v2', 'x-deployment-id: v1'],
        pins: both,
        expect: { version: 'v2', reason: 'page' },
      },
    ],
  },
  {
    title: 'step 5: a framework whose stamp nobody named',
    config: config(),
    cases: [
      {
        says: 'is not heard',
        path: '/assets/app.js?dpl=v1',
        headers: [...secureApi, 'x-deployment-id: v1'],
        pins: both,
        expect: { version: 'v2', reason: 'pin' },
      },
    ],
  },
  {
    title: 'graylane/page, served',
    config: config(),
    cases: [
      {
        says: 'at its reserved path, to be kept for an hour',
        path: '/.graylane/page.js',
        headers: fetchMetadata('no-cors', 'script'),
        expect: {
          by: null,
          pin: 'none',
          version: '',
          answer: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'public, max-age=3600' },
          body: ['x-page-version', 'serverTiming'],
        },
      },
      {
        says: 'not to other methods',
        method: 'POST',
        path: '/.graylane/page.js',
        headers: secureApi,
        expect: { by: 'frontend v1' },
      },
    ],
  },
  {
    title: 'graylane/page, named otherwise',
    config: config('page: { script: /own.js, origins: ["https://api.shop.test"] }').replace(
      'epoch: 2',
      'pageHeader: X-Tab, header: x-release',
    ),
    cases: [
      {
        says: 'is served there, with the settings of the configuration',
        path: '/own.js',
        expect: { by: null, body: ['"x-tab"', '"x-release"', '"https://api.shop.test"'] },
      },
      { says: 'and not at the usual place', path: '/.graylane/page.js', expect: { by: 'frontend v1' } },
    ],
  },
  {
    title: 'graylane/page, off',
    config: config('page: { script: off }'),
    cases: [{ says: 'is the app', path: '/.graylane/page.js', expect: { by: 'frontend v1' } }],
  },
]
