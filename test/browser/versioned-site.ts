// One version of a small site, whose every answer says by its content which version it is: pages, scripts, API, events, sockets, frames,
// a service worker. Two versions share URLs, entity tags and dates wherever real builds may.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

export interface VersionedSite {
  readonly version: string
  readonly url: string
  /** Every request so far. */
  readonly asked: readonly Asked[]
  close(): Promise<void>
}

/** The name of a version's lazy chunk: only this version has it. */
function lazyChunk(version: string): string {
  return `/assets/lazy-0a1b2c${version}.js`
}

export async function startVersionedSite(version: string): Promise<VersionedSite> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    asked.push(askedOf(request))
    answer(version, request, response)
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    asked.push(askedOf(request))
    socket.send(version)
    socket.on('message', () => socket.send(version))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    version,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function askedOf({ method = '', url = '', headers }: IncomingMessage): Asked {
  return { method, url, headers }
}

function answer(version: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site')
  const send = (type: string, body: string, fields: Readonly<Record<string, string>> = {}, status = 200): void => {
    response.writeHead(status, { 'content-type': type, 'x-served-version': version, ...fields }).end(body)
  }
  const script = (body: string, fields: Readonly<Record<string, string>> = {}): void =>
    send('text/javascript', body, fields)
  switch (pathname) {
    // Both builds have this very script tag, this entity tag and ten minutes of freshness.
    case '/app.js':
    case '/data.json':
    case '/logo.svg': {
      if (request.headers['if-none-match'] === '"same"') return void response.writeHead(304).end()
      const fields = { etag: '"same"', 'cache-control': 'public, max-age=600' }
      if (pathname === '/data.json') return send('application/json', JSON.stringify({ version }), fields)
      if (pathname === '/app.js') return script(`globalThis.appVersion = '${version}'`, fields)
      return send('image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg"><title>${version}</title></svg>`, fields)
    }
    // A server that calls all of a folder immutable, whatever the names in it.
    case '/static/app.js':
      return script(`globalThis.codeVersion = '${version}'`, { 'cache-control': 'public, max-age=31536000, immutable' })
    case lazyChunk(version):
      return script(`export const version = '${version}'`, { 'cache-control': 'public, max-age=31536000, immutable' })
    // A page of HTML in its place would leave as no-store, and keep every page from being revived.
    case '/favicon.ico':
      return void response.writeHead(204).end()
    case '/api/version':
      return send('application/json', JSON.stringify({ version }))
    // What a click on a link does not leave the page for: a file that is saved, and nothing at all.
    case '/export':
      return send('text/csv', version, { 'content-disposition': 'attachment; filename="export.csv"' })
    // The same without a word about saving it: browsers cannot show such types.
    case '/file':
      return send(searchParams.get('type') ?? '', version)
    // Whatever a test wants to be answered: `?field=name: value` as often as it likes, and a body in which VERSION is the version.
    case '/any':
    case '/any/app.js':
    case '/any/dashboard2.js': {
      const fields = searchParams.getAll('field').map((line) => line.split(': ', 2) as [string, string])
      response.writeHead(200, Object.fromEntries(fields))
      return void response.end((searchParams.get('body') ?? '').replaceAll('VERSION', version))
    }
    case '/away':
      return send(
        'text/plain',
        '',
        { location: searchParams.get('to') ?? '/' },
        Number(searchParams.get('status') ?? 302),
      )
    case '/nothing':
      return void response.writeHead(204, { 'x-served-version': version }).end()
    // Workers, whose script and whose calls say of which version they are.
    case '/worker.js':
      return script(dedicatedWorkerOf(version))
    case '/shared.js':
      return script(sharedWorkerOf(version))
    case '/events':
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return void response.write(`data: ${version}\n\n`)
    case '/sw.js':
      return script(workerOf(version), { 'cache-control': 'public, max-age=600' })
    // A worker that asks for pages in its own words, as many do: browsers do not call that a navigation.
    case '/asking-sw.js':
      return script(askingWorker)
    // A worker that has pages fetched while it starts, as the browser would have done without it.
    case '/preloading-sw.js':
      return script(preloadingWorker)
    // A worker that keeps the page /kept?stamp when it is installed, and answers with it from then on.
    case '/keeping-sw.js':
      return script(keepingWorker)
    // A page that a browser may keep, under an entity tag and a date that both builds share.
    case '/kept': {
      const fields = { etag: '"same"', 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT', 'cache-control': 'no-cache' }
      if (request.headers['if-none-match'] !== undefined || request.headers['if-modified-since'] !== undefined)
        return void response.writeHead(304, fields).end()
      return send('text/html', pageOf(version, searchParams), fields)
    }
    default:
      if (!pathname.startsWith('/assets/')) return send('text/html', pageOf(version, searchParams))
      // What a careless server says of a file that it does not have.
      return send('text/plain', 'not here', { 'cache-control': 'public, max-age=31536000, immutable' }, 404)
  }
}

/**
 * `?stamp` brings the script tag of graylane/page, `?speculate=/path` prefetches that page (or `&how=prerender`), `?link=URL` points somewhere, `?bare` leaves
 * the app's script out, `?picture` shows one, `?early` calls the API before the page is loaded, `?data`
 * imports JSON.
 */
function pageOf(version: string, wishes: URLSearchParams): string {
  const target = wishes.get('speculate')
  const how = wishes.get('how') ?? 'prefetch'
  const rules = { [how]: [{ source: 'list', urls: [target], eagerness: 'immediate' }] }
  const wished = {
    stamp: '<script src="/.graylane/page.js"></script>',
    early: `<script>globalThis.early = fetch('/api/version').then((answer) => answer.json())</script>`,
    data: `<script type="module">import data from '/data.json' with { type: 'json' }; globalThis.dataVersion = data.version</script>`,
    picture: '<img src="/logo.svg" alt="">',
    speculate: `<script type="speculationrules">${JSON.stringify(rules)}</script>`,
  }
  const extra = (name: keyof typeof wished): string => (wishes.has(name) ? wished[name] : '')
  const app = wishes.has('bare') ? '' : '<script src="/app.js"></script>'
  return `<!doctype html><html lang="en"><title>${version}</title>${extra('stamp')}
<script>globalThis.pageVersion = '${version}'; globalThis.lazyChunk = '${lazyChunk(version)}'</script>
${extra('early')}${extra('data')}${app}${extra('speculate')}
<h1>${version}</h1>${extra('picture')}
<a id="link" href="${wishes.get('link') ?? '/next'}">on</a>
<form method="post" action="/form"><button id="post">post</button></form>
</html>`
}

function workerOf(version: string): string {
  return `const version = '${version}'
addEventListener('install', () => skipWaiting())
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('fetch', (event) => event.respondWith(fetch(event.request)))
addEventListener('message', (event) => event.source.postMessage({ worker: version }))
`
}

const preloadingWorker = `addEventListener('install', () => skipWaiting())
addEventListener('activate', (event) =>
  event.waitUntil(registration.navigationPreload.enable().then(() => clients.claim())))
addEventListener('fetch', (event) => {
  if (event.request.mode === 'navigate') event.respondWith(event.preloadResponse.then((page) => page ?? fetch(event.request)))
})
`

const askingWorker = `addEventListener('install', () => skipWaiting())
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('fetch', (event) => event.respondWith(fetch(event.request, { cache: 'no-store' })))
`

const keepingWorker = `const kept = caches.open('kept')
addEventListener('install', (event) => event.waitUntil(kept.then((cache) => cache.add('/kept?stamp')).then(() => skipWaiting())))
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('fetch', (event) =>
  event.respondWith(kept.then((cache) => cache.match(event.request)).then((answer) => answer ?? fetch(event.request))),
)`

/** With the page's script, which finds in the worker's URL what the page has put there. */
function dedicatedWorkerOf(version: string): string {
  return `importScripts('/.graylane/page.js')
fetch('/api/version').then((answer) => answer.json()).then((api) => postMessage(['${version}', api.version]))`
}

function sharedWorkerOf(version: string): string {
  return `onconnect = ({ ports: [port] }) => port.postMessage('${version}')`
}
