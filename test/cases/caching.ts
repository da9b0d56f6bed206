// Step 10 of docs/affinity.md: what caches may do with answers while one URL means several builds, and which conditions reach which build.

import { type Case, type CaseGroup, fetchMetadata, page, secureApi, securePage } from './case.ts'

function config(versions = ['v1', 'v2'], frontend = 'match: []'): string {
  return `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
trust: [127.0.0.1/32]
services:
  api: /api/
  frontend: { ${frontend} }
versions:
${versions.map((version) => `  ${version}: { frontend: <frontend ${version}>, api: <api ${version}> }`).join('\n')}
stable: v1
pin: { keys: [{ file: pin.key }], epoch: 2 }
`
}

const v1 = [{ pin: 'v1', epoch: 2, history: ['v1', 'v2'] }]
const v2 = [{ pin: 'v2', epoch: 2, history: ['v2', 'v1'] }]
const script = fetchMetadata('cors', 'script')
const image = fetchMetadata('no-cors', 'image')
const said = (...fields: readonly string[]) => fields.map((field) => `x-echo-${field}`)
const year = 'public, max-age=31536000, immutable'

const documents: readonly Case[] = [
  {
    says: 'a page is stored by nobody, whatever the app says to whom',
    headers: [
      ...securePage,
      ...said(
        'cache-control: public, max-age=600, s-maxage=3600',
        'expires: Thu, 01 Jan 2099 00:00:00 GMT',
        'cdn-cache-control: max-age=60',
        'surrogate-control: max-age=60',
        'cloudflare-cdn-cache-control: max-age=60',
      ),
    ],
    expect: {
      answer: {
        'cache-control': 'private, no-store',
        expires: null,
        'cdn-cache-control': null,
        'surrogate-control': null,
        'cloudflare-cdn-cache-control': null,
      },
    },
  },
  {
    says: 'a page of which the app says nothing is stored by nobody',
    headers: page,
    expect: { answer: { 'cache-control': 'private, no-store' } },
  },
  {
    says: 'a page that a service worker asks for in its own words is one',
    headers: [...page, ...fetchMetadata('same-origin', 'empty'), ...said('cache-control: max-age=60')],
    expect: { document: true, answer: { 'cache-control': 'private, no-store' }, pin: { version: 'v1' } },
  },
  {
    says: 'a frame of the own site is a page to caches',
    headers: [...page, ...fetchMetadata('navigate', 'iframe'), ...said('cache-control: max-age=60')],
    expect: { document: false, answer: { 'cache-control': 'private, no-store' } },
  },
  {
    says: 'what a posted form answers is a page to caches',
    method: 'POST',
    headers: [...page, ...said('content-type: text/html', 'cache-control: max-age=60')],
    expect: { document: false, answer: { 'cache-control': 'private, no-store' } },
  },
  {
    says: 'a prefetched page is a page to caches',
    headers: [...securePage, 'Sec-Purpose: prefetch', ...said('content-type: text/html', 'cache-control: max-age=60')],
    expect: { document: false, answer: { 'cache-control': 'private, no-store' } },
  },
  {
    says: 'a redirect of a page is stored by nobody',
    headers: [...page, ...said('status: 301', 'location: /home')],
    expect: { status: 301, answer: { 'cache-control': 'private, no-store' } },
  },
]

const assets: readonly Case[] = [
  {
    says: 'an asset without a hash is asked for again each time',
    path: '/logo.svg',
    headers: [...image, ...said('cache-control: public, max-age=600')],
    expect: { answer: { 'cache-control': 'private, no-cache' } },
  },
  {
    says: 'so is one that only looks hashed and is fresh for minutes',
    path: '/assets/picture-v2.png',
    headers: [...image, ...said('cache-control: max-age=600')],
    expect: { answer: { 'cache-control': 'private, no-cache' } },
  },
  {
    says: 'so is one that caches would take for fresh by its date',
    path: '/logo.svg',
    headers: [...image, ...said('last-modified: Wed, 21 Oct 2015 07:28:00 GMT')],
    expect: { answer: { 'cache-control': 'private, no-cache' } },
  },
  {
    says: 'so is one that lives by Expires',
    path: '/logo.svg',
    headers: [...image, ...said('expires: Thu, 01 Jan 2099 00:00:00 GMT')],
    expect: { answer: { 'cache-control': 'private, no-cache', expires: null } },
  },
  {
    says: 'and belongs to the pin under which it came, and to the page that names its version',
    path: '/logo.svg',
    headers: [...image, ...said('cache-control: max-age=600')],
    expect: { answer: { vary: 'Cookie, x-page-version' } },
  },
  ...['text/javascript; charset=utf-8', 'application/javascript', 'Text/CSS'].map((type) => ({
    says: `code without a hash is stored by nobody: ${type}`,
    path: '/assets/bundle-v2.js',
    headers: [...script, ...said(`content-type: ${type}`, 'cache-control: max-age=600', 'etag: "same"')],
    expect: { answer: { 'cache-control': 'private, no-store', vary: null } },
  })),
  ...['application/json,*/*;q=0.5', 'text/plain,*/*;q=0.5'].map((accept) => ({
    says: `so is what code imports without a hash: ${accept}`,
    path: '/config.json',
    headers: [`Accept: ${accept}`, ...said('content-type: application/json', 'cache-control: max-age=600')],
    expect: { answer: { 'cache-control': 'private, no-store', vary: null } },
  })),
  {
    says: 'JSON that a script asks for belongs to its pin and may be kept, whatever else it takes',
    path: '/config.json',
    headers: [
      'Accept: application/json, text/plain, */*',
      ...said('content-type: application/json', 'cache-control: max-age=600'),
    ],
    expect: { answer: { 'cache-control': 'private, no-cache', vary: 'Cookie, x-page-version' } },
  },
  ...['text/plain', 'application/octet-stream', 'application/x-ecmascript'].flatMap((type) => [
    {
      says: `what a script is called by does not matter where a script is asked for: ${type}`,
      path: '/code',
      headers: [...script, ...said(`content-type: ${type}`, 'cache-control: max-age=600')],
      expect: { answer: { 'cache-control': 'private, no-store', vary: null } },
    },
    {
      says: `nor does it over http, where its name tells: ${type}`,
      path: '/code.js',
      headers: ['Accept: */*', ...said(`content-type: ${type}`, 'cache-control: max-age=600')],
      expect: { answer: { 'cache-control': 'private, no-store', vary: null } },
    },
  ]),
  {
    says: 'a script that the browser held already (304) is not kept on, whatever the type it comes without',
    path: '/app.js',
    headers: [...script, ...said('status: 304', 'cache-control: max-age=600')],
    expect: { status: 304, answer: { 'cache-control': 'private, no-store', vary: null } },
  },
  ...['dashboard2.js', 'main-page2.js', 'bundle-v2-main.js', 'BOOTSTRAP5.js', '-_-_-_-_1.js'].map((name) => ({
    says: `a name that people give is no hash, though the server gives it a month: ${name}`,
    path: `/assets/${name}`,
    headers: [...script, ...said('content-type: text/javascript', 'cache-control: public, max-age=2592000')],
    expect: { answer: { 'cache-control': 'private, no-store' } },
  })),
  ...['index-D1wrgTda.js', 'index-Ab-3dEf9.js', '4f9a8b2c.js', 'jquery-3.7.1.min.js', 'a.20241101.js'].map((name) => ({
    says: `a hash, a date and the version of a library are: ${name}`,
    path: `/assets/${name}`,
    headers: [...script, ...said('content-type: text/javascript', 'cache-control: public, max-age=2592000')],
    expect: { answer: { 'cache-control': 'public, max-age=2592000' } },
  })),
  {
    says: 'a hashed one keeps its year',
    path: '/assets/app-4f9a8b2c.js',
    headers: [...script, ...said('content-type: text/javascript', 'cache-control: public, max-age=31536000')],
    expect: { answer: { 'cache-control': 'public, max-age=31536000', vary: null } },
  },
  ...[
    '/chunks/index-DkfhGaBc.js',
    '/chunks/chunk-ABCDEFGH.js',
    '/4f9a8b2c/main.js',
    '/v2/main.js',
    '/jquery-3.7.1.min.js',
    '/main.js?4f9a8b2c',
    `${'/A'.repeat(99)}/1.js`,
  ].map((path) => ({
    says: `an immutable one keeps its year under a name that may be of one build alone, such as ${path}`,
    path,
    headers: [...script, ...said(`cache-control: ${year}`, 'cdn-cache-control: max-age=60')],
    expect: { answer: { 'cache-control': year, 'cdn-cache-control': 'max-age=60' } },
  })),
  ...[
    ['/static/main.js', 'private, no-store'],
    ['/vendor/react.production.min.js', 'private, no-store'],
    ['/fonts/Inter-Bold.woff2', 'private, no-cache'],
    ['/logo.svg', 'private, no-cache'],
  ].map(([path = '', cacheControl]) => ({
    says: `but not under one that every build has: ${path}`,
    path,
    headers: [
      ...(path.endsWith('.js') ? script : image),
      ...said(`cache-control: ${year}`, 'cdn-cache-control: max-age=60'),
    ],
    expect: { answer: { 'cache-control': cacheControl!, 'cdn-cache-control': null } },
  })),
  {
    says: 'an answer of the API that says nothing belongs to its pin, and is left alone otherwise',
    path: '/api/devices',
    headers: [...secureApi, ...said('vary: origin')],
    expect: { answer: { 'cache-control': null, expires: null, vary: 'origin, Cookie, x-page-version' } },
  },
  {
    says: 'an answer of the API that may be stored is asked for again each time',
    path: '/api/devices',
    headers: [...secureApi, ...said('cache-control: max-age=60')],
    expect: { answer: { 'cache-control': 'private, no-cache' } },
  },
  {
    says: 'what the app wants stored by nobody stays so, for caches in front too',
    path: '/api/devices',
    headers: [...secureApi, ...said('cache-control: no-store', 'cdn-cache-control: max-age=60')],
    expect: { answer: { 'cache-control': 'no-store', 'cdn-cache-control': null } },
  },
  {
    says: 'no-transform survives',
    path: '/api/devices',
    headers: [...secureApi, ...said('cache-control: max-age=60, no-transform')],
    expect: { answer: { 'cache-control': 'private, no-cache, no-transform' } },
  },
  {
    says: 'a moved part is asked for again each time',
    path: '/old.svg',
    headers: [...image, ...said('status: 301', 'location: /new.svg')],
    expect: { status: 301, answer: { 'cache-control': 'private, no-cache' } },
  },
  {
    says: "a service worker's script is stored by nobody, however it is named",
    path: '/sw-4f9a8b2c.js',
    headers: [
      ...fetchMetadata('same-origin', 'serviceworker'),
      'Service-Worker: script',
      ...said('content-type: text/javascript', `cache-control: ${year}`),
    ],
    expect: { answer: { 'cache-control': 'private, no-store' } },
  },
]

/** To a browser without cookies `Vary: Cookie` tells nothing: the back button would mix two versions. */
const unpinned: readonly Case[] = [
  {
    says: 'are stored by nobody',
    path: '/logo.svg',
    headers: [...image, ...said('cache-control: max-age=600')],
    expect: { answer: { 'cache-control': 'private, no-store', vary: null } },
  },
  {
    says: 'an answer of the API neither, though it says nothing of caches',
    path: '/devices',
    headers: secureApi,
    expect: { answer: { 'cache-control': 'private, no-store' } },
  },
  {
    says: 'but what a page of another site shows is: cookies stay at home there',
    path: '/logo.svg',
    headers: [...fetchMetadata('no-cors', 'image', 'cross-site'), ...said('cache-control: max-age=600')],
    expect: { answer: { 'cache-control': 'private, no-cache' } },
  },
  {
    says: 'and a hashed one is',
    path: '/assets/app-4f9a8b2c.js',
    headers: [...script, ...said(`cache-control: ${year}`)],
    expect: { answer: { 'cache-control': year } },
  },
]

const mistakes: readonly Case[] = [
  {
    says: 'a script that is not there is not remembered as missing',
    path: '/assets/app-4f9a8b2c.js',
    headers: [...script, ...said('status: 404', `cache-control: ${year}`)],
    expect: { status: 404, answer: { 'cache-control': 'no-store' } },
  },
  {
    says: 'a script that failed is not remembered as failed',
    path: '/assets/app-4f9a8b2c.js',
    headers: [...script, ...said('status: 503', `cache-control: ${year}`)],
    expect: { status: 503, answer: { 'cache-control': 'no-store' } },
  },
  {
    says: "the app's page under the name of a script is not remembered as the script",
    path: '/assets/app-4f9a8b2c.js',
    headers: [...script, ...said('content-type: text/html', `cache-control: ${year}`, 'cdn-cache-control: max-age=60')],
    expect: { answer: { 'cache-control': 'no-store', 'cdn-cache-control': null } },
  },
  {
    says: "nor the app's page under the name of JSON that code imports",
    path: '/config.json',
    headers: ['Accept: application/json,*/*;q=0.5', ...said('content-type: text/html', 'cache-control: max-age=60')],
    expect: { answer: { 'cache-control': 'no-store' } },
  },
  {
    says: 'on plain http the hashed name tells that an asset was asked for',
    path: '/assets/app-4f9a8b2c.js',
    headers: ['Accept: */*', ...said('status: 404', `cache-control: ${year}`)],
    expect: { status: 404, answer: { 'cache-control': 'no-store' } },
  },
  {
    says: 'on plain http Accept tells that an image was asked for',
    path: '/logo',
    headers: [
      'Accept: image/avif,image/webp,*/*;q=0.8',
      ...said('content-type: text/html', 'cache-control: max-age=60'),
    ],
    expect: { answer: { 'cache-control': 'no-store' } },
  },
]

const tags: readonly Case[] = [
  {
    says: 'a tag leaves with its version',
    path: '/app.js',
    headers: [...script, ...said('etag: "same"')],
    pins: v2,
    expect: { answer: { etag: '"v2~same"' } },
  },
  {
    says: 'a weak tag stays weak',
    path: '/app.js',
    headers: [...script, ...said('etag: W/"same"')],
    expect: { answer: { etag: 'W/"v1~same"' } },
  },
  {
    says: 'a tag of the decided version comes in as the app wrote it, date and all',
    path: '/app.js',
    headers: [...script, 'If-None-Match: W/"v1~same"', 'If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT'],
    expect: {
      upstream: { 'if-none-match': 'W/"same"', 'if-modified-since': 'Wed, 21 Oct 2015 07:28:00 GMT' },
    },
  },
  {
    says: 'a tag of another version does not, nor the date beside it',
    path: '/app.js',
    headers: [...script, 'If-None-Match: "v1~same"', 'If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT'],
    pins: v2,
    expect: { upstream: { 'if-none-match': null, 'if-modified-since': null } },
  },
  {
    says: 'a tag of a time when one version was listed does not',
    path: '/app.js',
    headers: [...script, 'If-None-Match: "same"'],
    expect: { upstream: { 'if-none-match': null } },
  },
  {
    says: 'of several tags those of the version come in',
    path: '/app.js',
    headers: [...script, 'If-None-Match: "v2~a", "v1~b", "c", W/"v1~d"'],
    expect: { upstream: { 'if-none-match': '"b", W/"d"' } },
  },
  {
    says: 'a tag of version v1 is none of version v',
    path: '/app.js',
    headers: [...script, 'If-None-Match: "v1.1~a", "v1"'],
    expect: { upstream: { 'if-none-match': null } },
  },
  {
    says: 'a page that names its version revalidates against that version',
    path: '/app.js',
    headers: [...script, 'X-Page-Version: v1', 'If-None-Match: "v1~same"'],
    pins: v2,
    expect: { version: 'v1', reason: 'page', upstream: { 'if-none-match': '"same"' } },
  },
  {
    says: 'a page that moved to another version is fetched anew',
    headers: [...page, 'If-None-Match: "v2~same"', 'If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT'],
    pins: [{ pin: 'v2', epoch: 1 }],
    expect: { version: 'v1', upstream: { 'if-none-match': null, 'if-modified-since': null } },
  },
  {
    says: 'a date alone does not come in: files of two builds may share it',
    path: '/app.js',
    headers: [...script, 'If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT'],
    pins: v1,
    expect: { upstream: { 'if-modified-since': null } },
  },
  {
    says: 'an answer with a date alone leaves with a tag that stands for it',
    path: '/app.js',
    headers: [...script, ...said('last-modified: Wed, 21 Oct 2015 07:28:00 GMT')],
    expect: { answer: { etag: 'W/"v1@Wed,_21_Oct_2015_07:28:00_GMT"' } },
  },
  {
    says: 'and that tag comes in as the date',
    path: '/app.js',
    headers: [...script, 'If-None-Match: W/"v1@Wed,_21_Oct_2015_07:28:00_GMT"'],
    expect: { upstream: { 'if-none-match': null, 'if-modified-since': 'Wed, 21 Oct 2015 07:28:00 GMT' } },
  },
  {
    says: 'to its own version only',
    path: '/app.js',
    headers: [...script, 'If-None-Match: W/"v1@Wed,_21_Oct_2015_07:28:00_GMT"'],
    pins: v2,
    expect: { upstream: { 'if-none-match': null, 'if-modified-since': null } },
  },
  {
    says: 'the rest of a file is asked of the version that it was begun with',
    path: '/film.mp4',
    headers: [...fetchMetadata('no-cors', 'video'), 'Range: bytes=9-', 'If-Range: "v1~same"'],
    expect: { upstream: { range: 'bytes=9-', 'if-range': '"same"' } },
  },
  {
    says: 'and another version is asked for the whole: the rest of its file does not fit',
    path: '/film.mp4',
    headers: [...fetchMetadata('no-cors', 'video'), 'Range: bytes=9-', 'If-Range: "v1~same"'],
    pins: v2,
    expect: { upstream: { range: null, 'if-range': null } },
  },
  {
    says: 'as is the own one under a date, which may be of either build',
    path: '/film.mp4',
    headers: [...fetchMetadata('no-cors', 'video'), 'Range: bytes=9-', 'If-Range: Wed, 21 Oct 2015 07:28:00 GMT'],
    pins: v1,
    expect: { upstream: { range: null, 'if-range': null } },
  },
  {
    says: 'a range without a condition stays',
    path: '/film.mp4',
    headers: [...fetchMetadata('no-cors', 'video'), 'Range: bytes=9-'],
    pins: v2,
    expect: { upstream: { range: 'bytes=9-' } },
  },
  {
    says: 'a change under a condition reaches its version as the app knows it',
    method: 'PUT',
    path: '/api/devices/1',
    headers: [...secureApi, 'If-Match: "v1~5"'],
    expect: { upstream: { 'if-match': '"5"' } },
  },
  {
    says: 'and fails at another rather than passing without it',
    method: 'PUT',
    path: '/api/devices/1',
    headers: [...secureApi, 'If-Match: "v1~5"'],
    pins: v2,
    expect: { upstream: { 'if-match': '"v1~5"' } },
  },
  {
    says: 'If-None-Match: * of a PUT stays',
    method: 'PUT',
    path: '/api/devices/1',
    headers: [...secureApi, 'If-None-Match: *'],
    expect: { upstream: { 'if-none-match': '*' } },
  },
]

const alone: readonly Case[] = [
  {
    says: 'a page that brings a pin is for one browser: a cache in front would give one pin to all',
    headers: [
      ...page,
      ...said('cache-control: public, max-age=600, s-maxage=60', 'cdn-cache-control: max-age=60', 'etag: "same"'),
    ],
    expect: {
      pin: { version: 'v1' },
      answer: { 'cache-control': 'private, max-age=600', 'cdn-cache-control': null, etag: '"v1~same"' },
    },
  },
  {
    says: "else the app's words are its own, and its tags carry the version: another one may be listed alone one day",
    headers: [...page, ...said('cache-control: public, max-age=600', 'etag: "same"')],
    pins: v1,
    expect: { answer: { 'cache-control': 'public, max-age=600', etag: '"v1~same"' } },
  },
  {
    says: 'its conditions come in as the app knows them',
    path: '/app.js',
    headers: [...script, 'If-None-Match: "v1~same"', 'If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT'],
    expect: { upstream: { 'if-none-match': '"same"', 'if-modified-since': 'Wed, 21 Oct 2015 07:28:00 GMT' } },
  },
  {
    says: 'and those of a version that was retired do not',
    path: '/app.js',
    headers: [...script, 'If-None-Match: "v0~same"', 'If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT'],
    expect: { upstream: { 'if-none-match': null, 'if-modified-since': null } },
  },
  {
    says: 'a missing script is not remembered as missing',
    path: '/assets/app-4f9a8b2c.js',
    headers: [...script, ...said('status: 404', `cache-control: ${year}`)],
    expect: { status: 404, answer: { 'cache-control': 'no-store' } },
  },
]

const trusted: readonly Case[] = [
  {
    says: 'a page keeps what the app says to browsers, and loses what it says to caches in front',
    headers: [
      ...securePage,
      ...said('cache-control: public, max-age=600, s-maxage=3600, must-revalidate', 'surrogate-control: max-age=60'),
    ],
    expect: {
      answer: {
        'cache-control': 'private, max-age=600, must-revalidate',
        'surrogate-control': null,
        vary: 'x-page-version',
      },
    },
  },
  {
    says: 'so does an answer of the API, told apart by the version that its page names',
    path: '/devices',
    headers: [...secureApi, ...said('cache-control: max-age=60', 'vary: origin')],
    expect: { answer: { 'cache-control': 'private, max-age=60', vary: 'origin, x-page-version' } },
  },
  {
    says: 'and by the query too, where its page names it if no header goes: the app cannot have caches look past it',
    path: '/devices',
    headers: [...secureApi, ...said('cache-control: max-age=60', 'no-vary-search: params')],
    expect: { answer: { 'cache-control': 'private, max-age=60', 'no-vary-search': null } },
  },
  {
    says: 'a hashed asset stays public',
    path: '/assets/app-4f9a8b2c.js',
    headers: [...script, ...said(`cache-control: ${year}`)],
    expect: { answer: { 'cache-control': year, vary: null } },
  },
  {
    says: 'a missing script is not remembered as missing all the same',
    path: '/assets/app-4f9a8b2c.js',
    headers: [...script, ...said('status: 404', `cache-control: ${year}`)],
    expect: { status: 404, answer: { 'cache-control': 'no-store' } },
  },
]

export const caching: readonly CaseGroup[] = [
  { title: 'step 10: pages, several versions listed', config: config(), cases: documents },
  {
    title: 'step 10: parts of a page, several versions listed',
    config: config(),
    cases: assets.map((each) => ({ pins: v1, ...each })),
  },
  { title: 'step 10: parts of a page of a browser that takes no cookies', config: config(), cases: unpinned },
  { title: 'step 10: mistakes under the name of an asset', config: config(), cases: mistakes },
  { title: 'step 10: tags and dates, several versions listed', config: config(), cases: tags },
  { title: 'step 10: one version listed', config: config(['v1']), cases: alone },
  {
    title: 'step 10: fields for caches that the route itself adds',
    config: config(
      ['v1', 'v2'],
      'headers: { response: { set: { cdn-cache-control: max-age=60, x-accel-expires: "60" } } }',
    ),
    cases: [
      {
        says: 'go from a page like those of the app',
        headers: page,
        expect: { answer: { 'cdn-cache-control': null, 'x-accel-expires': null } },
      },
    ],
  },
  { title: 'step 10: cache: trust', config: config(['v1', 'v2'], 'cache: trust'), cases: trusted },
]
