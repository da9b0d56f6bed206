import { describe, expect, test } from 'vitest'
import { hasFetchMetadata, isStaticSubresource, isUpgrade, pageKind } from '../../src/affinity/page-kind.ts'
import type { RequestMarks } from '../../src/affinity/page-kind.ts'
import type { PageKind } from '../../src/rules/types.ts'

interface Row {
  readonly says: string
  readonly method?: string
  readonly fields: Readonly<Record<string, string>>
  readonly kind: PageKind
}

function request(method: string, fields: Readonly<Record<string, string>>): RequestMarks {
  return { method, get: (name) => fields[name] }
}

const page = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
const fetchMarks = (mode: string, dest: string, site = 'same-origin') => ({
  'sec-fetch-mode': mode,
  'sec-fetch-dest': dest,
  'sec-fetch-site': site,
})

/** Each line of what Chromium was seen to send on https and localhost. */
const withFetchMetadata: readonly Row[] = [
  {
    says: 'a typed address',
    fields: { ...fetchMarks('navigate', 'document', 'none'), accept: page },
    kind: 'document',
  },
  { says: 'a link', fields: { ...fetchMarks('navigate', 'document'), accept: page }, kind: 'document' },
  {
    says: 'a link from another site',
    fields: { ...fetchMarks('navigate', 'document', 'cross-site'), accept: page },
    kind: 'document',
  },
  {
    says: 'a reload of a page from another site',
    fields: { ...fetchMarks('navigate', 'document', 'cross-site') },
    kind: 'document',
  },
  { says: 'HEAD of a page', method: 'HEAD', fields: fetchMarks('navigate', 'document'), kind: 'document' },
  { says: 'a same-origin iframe', fields: { ...fetchMarks('navigate', 'iframe'), accept: page }, kind: 'subresource' },
  {
    says: 'a file of <a download>',
    fields: { ...fetchMarks('navigate', 'empty'), accept: '*/*' },
    kind: 'subresource',
  },
  { says: 'a file of <a download>, without Accept', fields: fetchMarks('navigate', 'empty'), kind: 'subresource' },
  { says: 'a same-origin frame', fields: fetchMarks('navigate', 'frame'), kind: 'subresource' },
  { says: 'a same-origin object', fields: fetchMarks('navigate', 'object'), kind: 'subresource' },
  { says: 'a same-origin embed', fields: fetchMarks('navigate', 'embed'), kind: 'subresource' },
  {
    says: 'a form post',
    method: 'POST',
    fields: { ...fetchMarks('navigate', 'document'), accept: page },
    kind: 'subresource',
  },
  {
    says: 'a stylesheet',
    fields: { ...fetchMarks('no-cors', 'style'), accept: 'text/css,*/*;q=0.1' },
    kind: 'subresource',
  },
  {
    says: 'an image',
    fields: { ...fetchMarks('no-cors', 'image'), accept: 'image/avif,*/*;q=0.8' },
    kind: 'subresource',
  },
  { says: 'a lazy chunk', fields: { ...fetchMarks('cors', 'script'), accept: '*/*' }, kind: 'subresource' },
  { says: 'fetch and XHR', fields: { ...fetchMarks('cors', 'empty'), accept: '*/*' }, kind: 'subresource' },
  { says: 'fetch that asks for HTML', fields: { ...fetchMarks('cors', 'empty'), accept: page }, kind: 'subresource' },
  { says: 'EventSource', fields: { ...fetchMarks('cors', 'empty'), accept: 'text/event-stream' }, kind: 'subresource' },
  {
    says: 'sendBeacon',
    method: 'POST',
    fields: { ...fetchMarks('no-cors', 'empty'), accept: '*/*' },
    kind: 'subresource',
  },
  { says: 'a worker script', fields: { ...fetchMarks('same-origin', 'worker'), accept: '*/*' }, kind: 'subresource' },
  {
    says: 'link rel=prefetch, which asks for HTML',
    fields: { ...fetchMarks('no-cors', 'empty'), 'sec-purpose': 'prefetch', accept: page },
    kind: 'subresource',
  },
  {
    says: 'speculation rules, prefetch',
    fields: { ...fetchMarks('navigate', 'document'), 'sec-purpose': 'prefetch', accept: page },
    kind: 'prefetch',
  },
  {
    says: 'speculation rules, prerender',
    fields: { ...fetchMarks('navigate', 'document'), 'sec-purpose': 'prefetch;prerender', accept: page },
    kind: 'prefetch',
  },
  {
    says: 'a page under a service worker',
    fields: { ...fetchMarks('navigate', 'empty'), accept: page },
    kind: 'document',
  },
  {
    says: 'a chunk under a service worker',
    fields: { ...fetchMarks('cors', 'empty'), accept: '*/*' },
    kind: 'subresource',
  },
  { says: 'a foreign API called from a page', fields: fetchMarks('cors', 'empty', 'same-site'), kind: 'subresource' },
  { says: 'two modes at once', fields: { 'sec-fetch-mode': 'navigate, navigate', accept: page }, kind: 'subresource' },
  {
    says: 'a navigation with a script mark, since the mode tells',
    fields: { ...fetchMarks('navigate', 'document'), rsc: '1' },
    kind: 'document',
  },
]

const plain: readonly Row[] = [
  { says: 'a page', fields: { accept: page, 'upgrade-insecure-requests': '1' }, kind: 'document' },
  {
    says: 'a same-origin iframe (the known gap)',
    fields: { accept: page, referer: 'http://shop.test/' },
    kind: 'document',
  },
  { says: 'HEAD of a page', method: 'HEAD', fields: { accept: page }, kind: 'document' },
  { says: 'XHTML first', fields: { accept: 'application/xhtml+xml, text/html' }, kind: 'document' },
  { says: 'HTML in upper case and with parameters', fields: { accept: ' Text/HTML ;level=1, */*' }, kind: 'document' },
  { says: 'a form post', method: 'POST', fields: { accept: page }, kind: 'subresource' },
  { says: 'PUT', method: 'PUT', fields: { accept: page }, kind: 'subresource' },
  { says: 'DELETE', method: 'DELETE', fields: { accept: page }, kind: 'subresource' },
  { says: 'a stylesheet', fields: { accept: 'text/css,*/*;q=0.1' }, kind: 'subresource' },
  { says: 'an image', fields: { accept: 'image/avif,image/webp,*/*' }, kind: 'subresource' },
  { says: 'a module', fields: { accept: '*/*' }, kind: 'subresource' },
  { says: 'fetch and XHR', fields: { accept: '*/*' }, kind: 'subresource' },
  { says: 'EventSource', fields: { accept: 'text/event-stream' }, kind: 'subresource' },
  { says: 'sendBeacon', method: 'POST', fields: { accept: '*/*' }, kind: 'subresource' },
  { says: 'an API client that takes HTML too', fields: { accept: 'application/json, text/html' }, kind: 'subresource' },
  { says: 'a type that only begins alike', fields: { accept: 'text/html-sandboxed' }, kind: 'subresource' },
  { says: 'no Accept', fields: {}, kind: 'subresource' },
  { says: 'an empty Accept', fields: { accept: '' }, kind: 'subresource' },
  { says: 'prefetch, which asks for HTML', fields: { accept: page, 'sec-purpose': 'prefetch' }, kind: 'subresource' },
  { says: 'prefetch in the old spelling', fields: { accept: page, purpose: 'prefetch' }, kind: 'subresource' },
  { says: 'prefetch in upper case', fields: { accept: page, purpose: 'Prefetch' }, kind: 'subresource' },
  { says: 'another purpose', fields: { accept: page, purpose: 'prefetched' }, kind: 'document' },
  {
    says: 'jQuery asking for HTML',
    fields: { accept: 'text/html, */*; q=0.01', 'x-requested-with': 'XMLHttpRequest' },
    kind: 'subresource',
  },
  { says: 'htmx', fields: { accept: 'text/html', 'hx-request': 'true' }, kind: 'subresource' },
  {
    says: "a page in an Android app's web view",
    fields: { accept: page, 'upgrade-insecure-requests': '1', 'x-requested-with': 'com.example.app' },
    kind: 'document',
  },
  { says: 'a Turbo frame', fields: { accept: page, 'turbo-frame': 'cart' }, kind: 'subresource' },
  { says: 'React server components', fields: { accept: page, rsc: '1' }, kind: 'subresource' },
  { says: "Next.js's prefetch", fields: { accept: page, 'next-router-prefetch': '1' }, kind: 'subresource' },
  { says: 'a WebSocket', fields: { upgrade: 'websocket', connection: 'Upgrade' }, kind: 'subresource' },
  { says: 'any upgrade', fields: { upgrade: 'h2c', accept: page }, kind: 'subresource' },
]

const preflights: readonly Row[] = [
  {
    says: 'a CORS preflight',
    method: 'OPTIONS',
    fields: { origin: 'https://shop.test', 'access-control-request-method': 'PUT' },
    kind: 'preflight',
  },
  {
    says: 'OPTIONS with an origin only',
    method: 'OPTIONS',
    fields: { origin: 'https://shop.test' },
    kind: 'subresource',
  },
  {
    says: 'OPTIONS with a method only',
    method: 'OPTIONS',
    fields: { 'access-control-request-method': 'PUT' },
    kind: 'subresource',
  },
  { says: 'OPTIONS that asks for HTML', method: 'OPTIONS', fields: { accept: page }, kind: 'subresource' },
  {
    says: 'GET that looks like a preflight',
    fields: { origin: 'x', 'access-control-request-method': 'PUT' },
    kind: 'subresource',
  },
]

describe('documents and subresources', () => {
  test.each(withFetchMetadata)('https: $says is a $kind', ({ method = 'GET', fields, kind }) => {
    expect(pageKind(request(method, fields))).toBe(kind)
  })

  test.each(plain)('plain http: $says is a $kind', ({ method = 'GET', fields, kind }) => {
    expect(pageKind(request(method, fields))).toBe(kind)
  })

  test.each(preflights)('$says is a $kind', ({ method = 'GET', fields, kind }) => {
    expect(pageKind(request(method, fields))).toBe(kind)
  })
})

describe('static subresources', () => {
  const dests = [
    'script',
    'style',
    'image',
    'font',
    'audio',
    'video',
    'track',
    'manifest',
    'worker',
    'sharedworker',
    'serviceworker',
  ]

  test.each(dests)('by Sec-Fetch-Dest: %s is static whatever the answer', (dest) => {
    expect(isStaticSubresource(request('GET', fetchMarks('no-cors', dest)), 'text/html')).toBe(true)
  })

  test.each(['empty', 'iframe', 'document'])('by Sec-Fetch-Dest: %s is not, whatever the answer', (dest) => {
    expect(isStaticSubresource(request('GET', fetchMarks('cors', dest)), 'image/png')).toBe(false)
  })

  test.each([
    { type: 'application/json', fixed: false },
    { type: 'Application/JSON; charset=utf-8', fixed: false },
    { type: 'application/problem+json', fixed: false },
    { type: 'text/html; charset=utf-8', fixed: false },
    { type: 'application/xhtml+xml', fixed: false },
    { type: 'text/javascript', fixed: true },
    { type: 'text/css', fixed: true },
    { type: 'image/svg+xml', fixed: true },
    { type: 'text/event-stream', fixed: true },
    { type: 'application/jsonp', fixed: true },
    { type: undefined, fixed: true },
  ])('without fetch metadata, an answer of $type: $fixed', ({ type, fixed }) => {
    expect(isStaticSubresource(request('GET', { accept: '*/*' }), type)).toBe(fixed)
  })
})

describe('marks', () => {
  test('one Sec-Fetch field is enough to be a client that sends them', () => {
    for (const name of ['sec-fetch-mode', 'sec-fetch-dest', 'sec-fetch-site']) {
      expect(hasFetchMetadata(request('GET', { [name]: 'x' }))).toBe(true)
    }
    expect(hasFetchMetadata(request('GET', { accept: '*/*' }))).toBe(false)
  })

  test('an upgrade is one by its field', () => {
    expect(isUpgrade(request('GET', { upgrade: 'websocket' }))).toBe(true)
    expect(isUpgrade(request('GET', {}))).toBe(false)
  })
})
