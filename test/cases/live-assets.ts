// Step 10 of docs/affinity.md: `assets: { tryLive: true }` looks for a hashed asset in the other versions of this browser before it says 404.

import { api, type Case, type CaseGroup, fetchMetadata, page, secureApi } from './case.ts'

function config(assets = 'assets: { tryLive: true }'): string {
  return `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
services: { site: {} }
versions:
  v1: { site: <site v1> }
  v2: { site: <site v2> }
  v3: { site: <site v3> }
stable: v1
pin: { keys: [{ file: pin.key }], epoch: 2 }
${assets}
`
}

const script = fetchMetadata('cors', 'script')
const chunk = '/assets/app-4f9a8b2c.js'
const pins = [{ pin: 'v2', epoch: 2, history: ['v2', 'v1', 'v3'] }]
const missingIn = (...versions: readonly string[]) => [`x-missing: ${versions.join(' ')}`]

const found: readonly Case[] = [
  {
    says: 'what the decided version has comes from there',
    path: chunk,
    headers: script,
    pins,
    expect: { version: 'v2', by: 'site v2', reason: 'pin', attempts: 1 },
  },
  {
    says: 'what it lacks comes from the version before',
    path: chunk,
    headers: [...script, ...missingIn('v2')],
    pins,
    expect: {
      version: 'v1',
      by: 'site v1',
      reason: 'asset',
      attempts: 2,
      pin: 'kept',
      upstream: { 'x-version': 'v1' },
      answer: { 'x-version': 'v1' },
    },
  },
  {
    says: 'so does what a script fetches, if it says of itself that it never changes',
    path: '/assets/words-4f9a8b2c.json',
    headers: [...secureApi, ...missingIn('v2'), 'x-echo-cache-control: public, max-age=31536000'],
    pins,
    expect: { version: 'v1', by: 'site v1', reason: 'asset' },
  },
  {
    says: 'and a script on plain http, where nothing else says what was asked for',
    path: chunk,
    headers: [...api, ...missingIn('v2'), 'x-echo-content-type: text/javascript'],
    pins,
    expect: { version: 'v1', reason: 'asset' },
  },
  {
    says: 'or from the one before that',
    path: chunk,
    headers: [...script, ...missingIn('v2', 'v1')],
    pins,
    expect: { version: 'v3', by: 'site v3', reason: 'asset', attempts: 3 },
  },
  {
    says: "the app's page in its place counts as missing",
    path: chunk,
    headers: [...script, ...missingIn('v2'), 'x-missing-as: 200 text/html'],
    pins,
    expect: { version: 'v1', by: 'site v1', reason: 'asset' },
  },
  {
    says: 'what nobody has is missing in the words of the decided version',
    path: chunk,
    headers: [...script, ...missingIn('v1', 'v2', 'v3')],
    pins,
    expect: {
      status: 404,
      version: 'v2',
      reason: 'pin',
      attempts: 4,
      answer: { 'x-version': 'v2', 'cache-control': 'no-store' },
      body: ['not in v2'],
    },
  },
  {
    says: "a condition is about the decided version's file, and goes no further",
    path: chunk,
    headers: [...script, ...missingIn('v2'), 'If-None-Match: "v2~same"'],
    pins,
    expect: { version: 'v1', by: 'site v1', upstream: { 'if-none-match': null } },
  },
  {
    says: 'nor does the rest of it that was asked for',
    path: chunk,
    headers: [...script, ...missingIn('v2'), 'Range: bytes=9-', 'If-Range: "v2~same"'],
    pins,
    expect: { version: 'v1', by: 'site v1', upstream: { range: null, 'if-range': null } },
  },
  {
    says: 'a tag that comes from another version says so',
    path: chunk,
    headers: [...script, ...missingIn('v2'), 'x-echo-etag: "same"'],
    pins,
    expect: { version: 'v1', answer: { etag: '"v1~same"' } },
  },
]

const notLookedFor: readonly Case[] = [
  { says: 'a name without a hash', path: '/assets/app.js', headers: script },
  { says: 'an answer of the API', path: '/api/orders/12345678', headers: secureApi },
  { says: 'a page', path: '/report-4f9a8b2c.html', headers: page },
  { says: 'a POST', path: chunk, method: 'POST', headers: script },
  {
    says: "a service worker's script",
    path: '/sw-4f9a8b2c.js',
    headers: [...fetchMetadata('same-origin', 'serviceworker'), 'Service-Worker: script'],
  },
].map(({ says, headers, ...row }) => ({
  says: `${says} is not looked for`,
  ...row,
  headers: [...headers, ...missingIn('v2')],
  pins,
  expect: { status: 404, version: 'v2', attempts: 1 },
}))

const notTaken: readonly Case[] = [
  { says: 'an answer of the API under the name of a file', path: '/api/report-4f9a8b2c.json', headers: secureApi },
  {
    says: 'the same on plain http',
    path: '/api/report-4f9a8b2c.pdf',
    headers: [...api, 'x-echo-content-type: application/pdf'],
  },
].map(({ says, headers, path }) => ({
  says: `${says} is not taken from another version`,
  path,
  headers: [...headers, ...missingIn('v2')],
  pins,
  expect: { status: 404, version: 'v2', reason: 'pin' },
}))

const nowhere: readonly Case[] = [
  {
    says: 'a browser without a pin was given no other version',
    path: chunk,
    headers: [...script, ...missingIn('v1')],
    expect: { status: 404, version: 'v1', attempts: 1 },
  },
  {
    says: 'a version that the browser was not given is not asked',
    path: chunk,
    headers: [...script, ...missingIn('v2', 'v1')],
    pins: [{ pin: 'v2', epoch: 2, history: ['v2', 'v1'] }],
    expect: { status: 404, version: 'v2', attempts: 3 },
  },
  {
    says: 'nor one that is gone',
    path: chunk,
    headers: [...script, ...missingIn('v2')],
    pins: [{ pin: 'v2', epoch: 2, history: ['v2', 'v0'] }],
    expect: { status: 404, version: 'v2', attempts: 1 },
  },
]

export const liveAssets: readonly CaseGroup[] = [
  { title: 'step 10: tryLive', config: config(), cases: [...found, ...notLookedFor, ...notTaken, ...nowhere] },
  {
    title: 'step 10: without tryLive',
    config: config(''),
    cases: [
      {
        says: 'a missing asset is missing',
        path: chunk,
        headers: [...script, ...missingIn('v2')],
        pins,
        expect: { status: 404, version: 'v2', reason: 'pin', attempts: 1 },
      },
    ],
  },
]
