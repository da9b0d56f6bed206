// Step 3 of docs/affinity.md: document or subresource. Each visitor brings an expired pin to v2: a document goes home to stable, a
// subresource follows its page, whatever its age; so the version tells what the request was taken for.

import type { Case, CaseGroup } from './case.ts'
import { api, fetchMetadata, page, secureApi, securePage } from './case.ts'

const config = `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
  v2: { frontend: <frontend v2> }
stable: v1
pin: { keys: [{ file: pin.key }], ttl: 8h }
`

interface Options {
  readonly method?: string
  readonly path?: string
  readonly status?: number
}

function document(says: string, headers: readonly string[], options: Options = {}): Case {
  const { status = 200, ...rest } = options
  return {
    says: `${says} is a document`,
    ...rest,
    headers,
    pins: [{ pin: 'v2', age: '9h' }],
    expect: { status, document: true, version: 'v1', reason: 'stable' },
  }
}

function subresource(says: string, headers: readonly string[], options: Options = {}): Case {
  const { status = 200, ...rest } = options
  return {
    says: `${says} is a subresource`,
    ...rest,
    headers,
    pins: [{ pin: 'v2', age: '9h' }],
    expect: { status, document: false, version: 'v2', reason: 'pin', pin: 'kept' },
  }
}

/** It would move the pin if it were visited, so it is not loaded ahead. */
function loadedAhead(says: string, headers: readonly string[]): Case {
  return {
    says: `${says} is a page loaded ahead`,
    headers,
    pins: [{ pin: 'v2', age: '9h' }],
    expect: { status: 409, document: false, reason: 'prefetch', pin: 'kept', by: null },
  }
}

const upgrade = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]
const html = page.slice(0, 1)

export const pageKind: readonly CaseGroup[] = [
  {
    title: 'step 3: with Sec-Fetch-Mode (https, localhost)',
    config,
    cases: [
      document('a typed address', securePage),
      document('a link', [...page, ...fetchMetadata('navigate', 'document')]),
      document('a link from another site', [...page, ...fetchMetadata('navigate', 'document', 'cross-site')]),
      document('HEAD of a page', securePage, { method: 'HEAD' }),
      document('a page under a service worker', [...page, ...fetchMetadata('navigate', 'empty')]),
      document('a page at a path that looks like an asset', securePage, { path: '/assets/app.js' }),
      subresource('a page that a service worker asks for in its own words, since it may be a frame,', [
        ...page,
        ...fetchMetadata('same-origin', 'empty'),
      ]),
      {
        says: 'but once the pin holds no more it is a document: else it were told to reload for ever',
        headers: [...page, ...fetchMetadata('same-origin', 'empty')],
        pins: [{ pin: 'v0' }],
        expect: { document: true, version: 'v1', pinIn: 'stale', pin: { version: 'v1' } },
      },
      {
        says: 'and without a pin',
        headers: [...page, ...fetchMetadata('cors', 'empty')],
        expect: { document: true, version: 'v1', pin: { version: 'v1' } },
      },
      subresource('a same-origin iframe', [...page, ...fetchMetadata('navigate', 'iframe')]),
      subresource('a file of <a download>', fetchMetadata('navigate', 'empty')),
      subresource('a same-origin frame', [...page, ...fetchMetadata('navigate', 'frame')]),
      subresource('a same-origin object', [...page, ...fetchMetadata('navigate', 'object')]),
      subresource('a same-origin embed', [...page, ...fetchMetadata('navigate', 'embed')]),
      subresource('a form POST', securePage, { method: 'POST' }),
      subresource('a stylesheet', ['Accept: text/css,*/*;q=0.1', ...fetchMetadata('no-cors', 'style')]),
      subresource('an image', ['Accept: image/avif,*/*', ...fetchMetadata('no-cors', 'image')]),
      subresource('a lazy chunk', [...api, ...fetchMetadata('cors', 'script')]),
      subresource('fetch', secureApi),
      subresource('fetch of HTML', [...html, ...fetchMetadata('cors', 'empty')]),
      subresource('fetch of the root path', secureApi, { path: '/' }),
      subresource('EventSource', ['Accept: text/event-stream', ...fetchMetadata('cors', 'empty')]),
      subresource('sendBeacon', [...api, ...fetchMetadata('no-cors', 'empty')], { method: 'POST' }),
      subresource('a worker script', [...api, ...fetchMetadata('same-origin', 'worker')]),
      subresource('a chunk under a service worker', [...api, ...fetchMetadata('cors', 'empty')]),
      subresource('link rel=prefetch, which asks for HTML,', [
        ...html,
        ...fetchMetadata('no-cors', 'empty'),
        'Sec-Purpose: prefetch',
      ]),
      loadedAhead('a speculative prefetch', [...securePage, 'Sec-Purpose: prefetch']),
      loadedAhead('a prerender', [...securePage, 'Sec-Purpose: prefetch;prerender']),
      subresource('a frame in a page that is prerendered', [
        ...page,
        ...fetchMetadata('navigate', 'iframe'),
        'Sec-Purpose: prefetch;prerender',
      ]),
      subresource('a call of a page that is prerendered', [...secureApi, 'Sec-Purpose: prefetch;prerender']),
      subresource('an upgrade', [...securePage, ...upgrade], { status: 101 }),
    ],
  },
  {
    title: 'step 3: without Sec-Fetch-Mode (plain http)',
    config,
    cases: [
      document('a page', page),
      document('a same-origin iframe (the known gap)', [...page, 'Referer: http://shop.test/']),
      document("a page in an Android app's web view", [...page, 'X-Requested-With: com.example.app']),
      document('HEAD of a page', page, { method: 'HEAD' }),
      document('XHTML first', ['Accept: application/xhtml+xml,text/html;q=0.9']),
      document('HTML in capitals and with parameters', ['Accept: Text/HTML;level=1, */*']),
      document('a page at a path that looks like an API', page, { path: '/api/orders' }),
      subresource('a form POST', page, { method: 'POST' }),
      subresource('PUT', page, { method: 'PUT' }),
      subresource('DELETE', page, { method: 'DELETE' }),
      subresource('a stylesheet', ['Accept: text/css,*/*;q=0.1']),
      subresource('an image', ['Accept: image/avif,image/webp,*/*']),
      subresource('a chunk, fetch or XHR', api),
      subresource('EventSource', ['Accept: text/event-stream']),
      subresource('a request without Accept', []),
      subresource('a client that takes HTML second', ['Accept: application/json, text/html']),
      subresource('a type that only begins like HTML', ['Accept: text/html-sandboxed']),
      subresource('jQuery asking for HTML', ['Accept: text/html, */*; q=0.01', 'X-Requested-With: XMLHttpRequest']),
      subresource('htmx', [...html, 'HX-Request: true']),
      subresource('a Turbo frame', [...html, 'Turbo-Frame: cart']),
      subresource('a page that Turbo puts into the one that is open', [...html, 'X-Turbo-Request-Id: 1']),
      subresource('a part that Unpoly asks for', [...html, 'X-Up-Version: 3.10.2']),
      subresource('React server components', [...html, 'RSC: 1']),
      subresource("Next.js's prefetch", [...html, 'Next-Router-Prefetch: 1']),
      subresource('link rel=prefetch', [...page, 'Sec-Purpose: prefetch']),
      subresource('prefetch in the old spelling', [...page, 'Purpose: prefetch']),
      subresource('a WebSocket', upgrade, { status: 101 }),
      subresource('OPTIONS', page, { method: 'OPTIONS' }),
      subresource('OPTIONS with an origin but no method asked', [...page, 'Origin: http://a.test'], {
        method: 'OPTIONS',
      }),
    ],
  },
]
