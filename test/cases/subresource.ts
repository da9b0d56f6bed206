// Step 5 of docs/affinity.md: what belongs to a page follows its page.

import type { Case, CaseGroup } from './case.ts'
import { api, fetchMetadata, page, secureApi, securePage, seedWhere } from './case.ts'

function config(pin = ''): string {
  return `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services:
  legacy: { match: [{ uri: { prefix: /legacy/ } }], onStale: stable }
  mqtt-server: /api/
  frontend: {}
versions:
  v1: { frontend: <frontend v1>, mqtt-server: <mqtt-server v1>, legacy: <legacy v1> }
  v2: { frontend: <frontend v2>, mqtt-server: <mqtt-server v2> }
  v3: { frontend: <frontend v3>, mqtt-server: <mqtt-server v3> }
stable: v1
draining: [v3]
gray:
  - { name: testers, version: v2, match: [{ cookies: { user: { exact: jason } } }] }
  - { name: office, version: v2, ip: [127.0.0.58] }
  - { name: some, version: v2, share: 50% }
identity: [cookies.id]
pin: { keys: [{ file: pin.key }], epoch: 2, ttl: 8h${pin} }
`
}

const drawn = seedWhere((draw) => draw('v2') < 5000)
const notDrawn = seedWhere((draw) => draw('v2') >= 5000)

const preflight = [
  'Origin: http://other.test',
  'Access-Control-Request-Method: PUT',
  'Access-Control-Request-Headers: x-a',
]
const stale = { status: 409, reason: 'stale', by: null, pin: 'none', code: 'EDGE_STALE_PAGE' } as const
const problem = ['"pinned":"v0"', '"current":"v1"', '"reload":true']

const pinned: readonly Case[] = [
  {
    says: 'an asset follows the pin',
    path: '/assets/app.js',
    headers: api,
    pins: [{ pin: 'v2', epoch: 2 }],
    expect: { version: 'v2', by: 'frontend v2', reason: 'pin', pin: 'kept' },
  },
  {
    says: 'an API call follows the pin to the other service',
    path: '/api/orders',
    headers: secureApi,
    pins: [{ pin: 'v2', epoch: 2 }],
    expect: { version: 'v2', by: 'mqtt-server v2', reason: 'pin', pin: 'kept' },
  },
  {
    says: 'a form post follows the pin with its body',
    method: 'POST',
    path: '/api/orders',
    headers: page,
    body: 'amount=3',
    pins: [{ pin: 'v2', epoch: 2 }],
    expect: { version: 'v2', by: 'mqtt-server v2', reason: 'pin', body: ['amount=3'] },
  },
  {
    says: 'a pin of any age binds it',
    headers: secureApi,
    pins: [{ pin: 'v2', epoch: 2, age: '400d' }],
    expect: { version: 'v2', reason: 'pin', pin: 'kept' },
  },
  {
    says: 'a draining version serves its open pages',
    headers: secureApi,
    pins: [{ pin: 'v3', epoch: 2 }],
    expect: { version: 'v3', by: 'frontend v3', reason: 'pin', pin: 'kept' },
  },
  {
    says: 'no explicit rule takes it off its page',
    headers: secureApi,
    cookies: ['user=jason'],
    pins: [{ pin: 'v1', epoch: 2 }],
    expect: { version: 'v1', reason: 'pin', rule: '', pin: 'kept' },
  },
  {
    says: 'no share takes it off its page',
    headers: secureApi,
    pins: [{ pin: 'v1', epoch: 2, seed: drawn }],
    expect: { version: 'v1', reason: 'pin', rule: '', pin: 'kept' },
  },
]

const posted = ['X-Echo-Content-Type: text/html']
const tabs = [{ pin: 'v2', epoch: 2, history: ['v2', 'v1'], seed: 'kept-seed' }]

/** Forms of a page that named its version, from which another tab has taken the pin: the answer is a page, and the newest one. */
const forms: readonly Case[] = [
  {
    says: 'the page that answers its form takes the pin back: what it loads has to be of its version',
    method: 'POST',
    path: '/form?x-page-version=v1',
    headers: [...securePage, ...posted],
    pins: tabs,
    expect: { version: 'v1', reason: 'page', pin: { version: 'v1', history: ['v1', 'v2'], seed: 'kept-seed' } },
  },
  {
    says: 'over http too',
    method: 'POST',
    path: '/form?x-page-version=v1',
    headers: [...page, ...posted],
    pins: tabs,
    expect: { version: 'v1', reason: 'page', pin: { version: 'v1' } },
  },
  {
    says: 'under a pin whose version has gone, too',
    method: 'POST',
    path: '/form?x-page-version=v1',
    headers: [...securePage, ...posted],
    pins: [{ pin: 'v0', epoch: 2, history: ['v0', 'v1'] }],
    expect: { version: 'v1', reason: 'page', pinIn: 'stale', pin: { version: 'v1', history: ['v1', 'v0'] } },
  },
  {
    says: 'a redirect does not: the page that it leads to brings its own',
    method: 'POST',
    path: '/form?x-page-version=v1',
    headers: [...securePage, ...posted, 'X-Echo-Status: 303', 'X-Echo-Location: /done'],
    pins: tabs,
    expect: { status: 303, version: 'v1', reason: 'page', pin: 'kept' },
  },
  {
    says: 'nor does an answer in a frame, around which the page stays',
    method: 'POST',
    path: '/form?x-page-version=v1',
    headers: [...page, ...fetchMetadata('navigate', 'iframe'), ...posted],
    pins: tabs,
    expect: { version: 'v1', reason: 'page', pin: 'kept' },
  },
  {
    says: 'nor does HTML that a script asks for, over http too',
    headers: ['Accept: text/html', 'X-Page-Version: v1', ...posted],
    pins: tabs,
    expect: { version: 'v1', reason: 'page', pin: 'kept' },
  },
]

/** Pages loaded ahead of a visit. */
const ahead = [...securePage, 'Sec-Purpose: prefetch']
const prefetched: readonly Case[] = [
  {
    says: 'is of the pin, and leaves it as it is',
    headers: ahead,
    pins: [{ pin: 'v2', epoch: 2 }],
    expect: { version: 'v2', reason: 'pin', pin: 'kept', document: false },
  },
  {
    says: 'is refused where its visit would be of another version: who follows such links never left a draining one',
    headers: ahead,
    pins: [{ pin: 'v3', epoch: 2 }],
    expect: {
      status: 409,
      version: 'v1',
      reason: 'prefetch',
      by: null,
      pin: 'kept',
      code: 'EDGE_PREFETCH_REFUSED',
      answer: { 'cache-control': 'no-store' },
    },
  },
  {
    says: 'is refused where an explicit rule would move the visit',
    headers: ahead,
    from: '127.0.0.58',
    pins: [{ pin: 'v1', epoch: 2 }],
    expect: { status: 409, reason: 'prefetch', rule: 'office', by: null, pin: 'kept' },
  },
  {
    says: 'is decided as a visit without a pin, and pinned',
    headers: [...ahead, ...posted],
    from: '127.0.0.58',
    expect: { version: 'v2', reason: 'rule', pin: { version: 'v2' } },
  },
  {
    says: 'is told of a version that has gone like any part of a page',
    headers: ahead,
    pins: [{ pin: 'v0', epoch: 2 }],
    expect: stale,
  },
]

const named: readonly Case[] = [
  {
    says: "a page's own word comes first when the browser was given that version",
    headers: [...secureApi, 'X-Page-Version: v1'],
    pins: [{ pin: 'v2', epoch: 2, history: ['v2', 'v1'] }],
    expect: { version: 'v1', by: 'frontend v1', reason: 'page', pin: 'kept' },
  },
  {
    says: 'the oldest of three tabs is served too',
    headers: [...secureApi, 'X-Page-Version: v3'],
    pins: [{ pin: 'v2', epoch: 2, history: ['v2', 'v1', 'v3'] }],
    expect: { version: 'v3', by: 'frontend v3', reason: 'page', pin: 'kept' },
  },
  {
    says: 'a version that the browser was never given is not believed, and its page told so',
    headers: [...secureApi, 'X-Page-Version: v3'],
    pins: [{ pin: 'v2', epoch: 2, history: ['v2', 'v1'] }],
    expect: { ...stale, pin: 'kept' },
  },
  {
    says: 'without a pin nothing is believed, and a page told so that names another version than is decided',
    headers: [...secureApi, 'X-Page-Version: v2'],
    from: '127.0.0.7',
    pins: [{ pin: 'v2', epoch: 2, history: ['v2'], forge: (value) => `${value}x` }],
    expect: { ...stale, version: 'v1', pinIn: 'forged', body: ['"current":"v1"', '"reload":true'] },
  },
  {
    says: 'without a pin a page that names the version that is decided is served',
    headers: [...secureApi, 'X-Page-Version: v2'],
    from: '127.0.0.58',
    expect: { version: 'v2', reason: 'rule', pin: 'none' },
  },
  {
    says: 'a page whose version has gone is told so, though the pin is younger',
    headers: [...secureApi, 'X-Page-Version: v0'],
    pins: [{ pin: 'v2', epoch: 2, history: ['v2', 'v0'] }],
    expect: { ...stale, pin: 'kept' },
  },
  {
    says: 'a page that names a version still there is served under a stale pin',
    headers: [...secureApi, 'X-Page-Version: v2'],
    pins: [{ pin: 'v0', epoch: 2, history: ['v0', 'v2'] }],
    expect: { version: 'v2', reason: 'page', pinIn: 'stale', pin: 'none' },
  },
  {
    says: 'a history of an older epoch names nothing any more',
    headers: [...secureApi, 'X-Page-Version: v2'],
    pins: [{ pin: 'v2', epoch: 1, history: ['v2'] }],
    expect: stale,
  },
]

const stalePins: readonly Case[] = [
  {
    says: 'fetch under a version that has gone gets 409 with what was pinned and what is current',
    headers: secureApi,
    pins: [{ pin: 'v0', epoch: 2 }],
    expect: { ...stale, pinIn: 'stale', answer: { 'content-type': 'application/problem+json' }, body: problem },
  },
  {
    says: 'fetch that asks for JSON gets the same',
    headers: ['Accept: application/json'],
    pins: [{ pin: 'v0', epoch: 2 }],
    expect: { ...stale, answer: { 'content-type': 'application/problem+json' }, body: problem },
  },
  {
    says: 'a client without Accept gets the same',
    pins: [{ pin: 'v0', epoch: 2 }],
    expect: { ...stale, answer: { 'content-type': 'application/problem+json' }, body: problem },
  },
  {
    says: 'a form post, which asks for HTML, gets a page with a link',
    method: 'POST',
    headers: page,
    pins: [{ pin: 'v0', epoch: 2 }],
    expect: { ...stale, answer: { 'content-type': 'text/html; charset=utf-8' }, body: ['<a href='] },
  },
  {
    says: 'an old epoch is as stale as a version that has gone',
    headers: secureApi,
    pins: [{ pin: 'v2', epoch: 1 }],
    expect: { ...stale, pinIn: 'stale', body: ['"pinned":"v2"'] },
  },
  {
    says: 'no cache keeps the 409',
    headers: secureApi,
    pins: [{ pin: 'v0', epoch: 2 }],
    expect: { ...stale, answer: { 'cache-control': 'no-store', 'x-version': null } },
  },
  {
    says: 'a service with onStale: stable crosses on purpose',
    path: '/legacy/x',
    headers: secureApi,
    pins: [{ pin: 'v0', epoch: 2 }],
    expect: { version: 'v1', by: 'legacy v1', reason: 'stale', pinIn: 'stale', pin: 'none' },
  },
]

const unpinned: readonly Case[] = [
  {
    says: 'goes by the rules as a document would',
    headers: secureApi,
    cookies: ['user=jason'],
    expect: { version: 'v2', reason: 'rule', rule: 'testers', document: false, pin: 'none' },
  },
  {
    says: 'goes by the address as a document would',
    from: '127.0.0.58',
    headers: secureApi,
    expect: { version: 'v2', reason: 'rule', rule: 'office', pin: 'none' },
  },
  {
    says: 'of two pins that differ goes by the rules, too',
    headers: secureApi,
    cookies: ['user=jason'],
    pins: [
      { pin: 'v1', epoch: 2 },
      { pin: 'v2', epoch: 2 },
    ],
    expect: { version: 'v2', reason: 'rule', pinIn: 'two', pin: 'none' },
  },
]

const preflights: readonly Case[] = [
  {
    says: 'goes to stable, whatever the rules say',
    method: 'OPTIONS',
    from: '127.0.0.58',
    headers: preflight,
    expect: { version: 'v1', reason: 'preflight', rule: '', pin: 'none', document: false },
  },
  {
    says: 'goes to stable even if it should bring a pin',
    method: 'OPTIONS',
    headers: preflight,
    pins: [{ pin: 'v2', epoch: 2, seed: notDrawn }],
    expect: { version: 'v1', reason: 'preflight' },
  },
]

export const subresource: readonly CaseGroup[] = [
  { title: 'step 5: a pinned subresource', config: config(), cases: pinned },
  { title: 'step 5: a subresource whose page names its version', config: config(), cases: named },
  { title: 'step 9: the form of a page that names its version', config: config(), cases: forms },
  { title: 'step 5: a page that is loaded ahead of its visit', config: config(), cases: prefetched },
  {
    title: 'step 5: a subresource whose page names its version in a field of the configuration',
    config: config(', pageHeader: X-Tab'),
    cases: [
      {
        says: 'is served by that version',
        headers: [...secureApi, 'x-tab: v1'],
        pins: [{ pin: 'v2', epoch: 2, history: ['v2', 'v1'] }],
        expect: { version: 'v1', reason: 'page' },
      },
      {
        says: 'is not served by what the usual field says',
        headers: [...secureApi, 'X-Page-Version: v1'],
        pins: [{ pin: 'v2', epoch: 2, history: ['v2', 'v1'] }],
        expect: { version: 'v2', reason: 'pin' },
      },
    ],
  },
  { title: 'step 5: a subresource with a stale pin', config: config(), cases: stalePins },
  { title: 'step 5: a subresource without a pin', config: config(), cases: unpinned },
  { title: 'step 5: a CORS preflight', config: config(), cases: preflights },
]
