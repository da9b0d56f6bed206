// Three versions of the site behind one gateway, met over https and over plain http, whose configuration a test changes in the middle of
// an open page. What a page and its requests come from is told by their content.

import { X509Certificate, createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type LaunchOptions, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest'
import { stringify } from 'yaml'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { Authority, withoutOpenssl } from '../tls/authority.ts'
import { describeWithChromium, launchOptions } from './chromium.ts'
import { startVersionedSite, type VersionedSite } from './versioned-site.ts'

/** What of routes.yaml a test says; the rest stands still. */
export interface Routes {
  readonly versions?: readonly string[]
  readonly stable?: string
  readonly draining?: readonly string[]
  readonly gray?: readonly object[]
  readonly pin?: object
  readonly services?: object
  /** Further top-level keys. */
  readonly more?: object
}

/**
 * `describe` for tests on a stage of their own. Each begins with the bare routes in force and no page open. They need Chromium, and
 * openssl for its certificates.
 */
export function describeWithPages(name: string, tests: (stage: PageStage) => void): void {
  const onStage = (): void => {
    const stage = new PageStage()
    beforeAll(() => stage.setUp())
    afterAll(() => stage.clear())
    beforeEach(() => stage.change({}))
    afterEach(() => stage.closePages())
    tests(stage)
  }
  if (withoutOpenssl) describe.skip(`${name} (left out: openssl is missing)`, onStage)
  else describeWithChromium(name, onStage)
}

export class PageStage {
  readonly sites: Map<string, VersionedSite> = new Map()
  browser!: Browser
  #directory = ''
  #gateway!: Gateway
  /** Hash of the certificate's key, by which Chromium takes it for a good one. */
  #spki = ''

  async setUp(): Promise<void> {
    this.#directory = await mkdtemp(join(tmpdir(), 'graylane-pages-'))
    const authority = await Authority.create(this.#directory)
    const { cert } = await authority.issue({ file: 'site', names: 'DNS:*.test,DNS:*.shop.test,DNS:localhost' })
    for (const version of ['v1', 'v2', 'v3']) this.sites.set(version, await startVersionedSite(version))
    await writeFile(join(this.#directory, 'pin.key'), 'a key for the pages of a test, 32 bytes and more')
    await writeRoutes(this.#directory, this.sites, {})
    this.#gateway = await createGateway({ configPath: join(this.#directory, 'routes.yaml'), watch: false })
    const publicKey = new X509Certificate(await readFile(cert)).publicKey.export({ type: 'spki', format: 'der' })
    this.#spki = createHash('sha256').update(publicKey).digest('base64')
    this.browser = await chromium.launch(this.launchOptions())
  }

  /** Opens a page in a context of its own and notes the errors of its scripts. */
  async open(url: string): Promise<{ page: Page; errors: string[] }> {
    const context = await this.browser.newContext()
    return openIn(await context.newPage(), url)
  }

  /** An address on this gateway, such as `https://shop.test` and a port. */
  url(scheme: 'https' | 'http' | 'https, another port', host = 'shop.test'): string {
    const [encrypted, plain, another] = this.#gateway.listeners()
    const { port } = { https: encrypted!, http: plain!, 'https, another port': another! }[scheme]
    return `${scheme.split(',', 1)[0]}://${host}:${port}`
  }

  /** Puts other routes in force. */
  async change(routes: Routes): Promise<void> {
    await writeRoutes(this.#directory, this.sites, routes)
    const { ok, problems } = await this.#gateway.reload()
    if (!ok) throw new Error(`the routes were refused: ${JSON.stringify(problems)}`)
  }

  /** For a Chromium for which every name below .test is this machine, and the certificate good: only then does it keep a cache. */
  launchOptions(): LaunchOptions {
    return launchOptions({
      args: ['--host-resolver-rules=MAP *.test 127.0.0.1', `--ignore-certificate-errors-spki-list=${this.#spki}`],
      // Playwright switches the back/forward cache off, which people have on.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
  }

  /** Requests for a path, at all versions. */
  askedFor(path: string): number {
    return [...this.sites.values()].flatMap(({ asked }) => asked).filter(({ url }) => url === path).length
  }

  metrics(): Promise<string> {
    return this.#gateway.metrics.text()
  }

  async closePages(): Promise<void> {
    for (const context of this.browser.contexts()) await context.close()
  }

  async clear(): Promise<void> {
    await this.browser.close()
    await this.#gateway.close()
    for (const site of this.sites.values()) await site.close()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

async function writeRoutes(directory: string, sites: PageStage['sites'], routes: Routes): Promise<void> {
  const { versions = ['v1', 'v2', 'v3'], stable = 'v1', draining = [], gray = [], pin = {}, more = {} } = routes
  const text = stringify({
    name: 'pages',
    listen: [
      { port: 0, address: '127.0.0.1', tls: { cert: 'site.pem', key: 'site.key' } },
      { port: 0, address: '127.0.0.1' },
      { port: 0, address: '127.0.0.1', tls: { cert: 'site.pem', key: 'site.key' } },
    ],
    services: routes.services ?? { site: {} },
    versions: Object.fromEntries(versions.map((version) => [version, { site: sites.get(version)!.url }])),
    stable,
    draining,
    gray,
    pin: { keys: [{ file: 'pin.key' }], ...pin },
    accessLog: 'off',
    ...more,
  })
  await writeFile(join(directory, 'routes.yaml'), text)
}

/** Which version each part of an open page comes from, by content. */
export type Parts = Readonly<Record<'page' | 'app' | Call, string>>

export type Call = 'fetch' | 'xhr' | 'events' | 'socket'

/** Opens a page there and notes the errors of its scripts. */
export async function openIn(page: Page, url: string): Promise<{ page: Page; errors: string[] }> {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(url)
  return { page, errors }
}

/** Makes one request of each kind from the open page, once it is loaded. */
export async function partsOf(page: Page): Promise<Parts> {
  // Not by the load event: a page that the back button revives has none.
  await page.waitForFunction(`document.readyState === 'complete'`)
  return page.evaluate<Parts>(`(async () => ({
    page: pageVersion,
    app: appVersion,
    fetch: (await (await fetch('/api/version')).json()).version,
    xhr: await new Promise((done) => {
      const request = new XMLHttpRequest()
      request.open('GET', '/api/version')
      request.onload = () => done(JSON.parse(request.responseText).version)
      request.send()
    }),
    events: await new Promise((done) => {
      const source = new EventSource('/events')
      source.onmessage = ({ data }) => (source.close(), done(data))
      source.onerror = () => (source.close(), done('error'))
    }),
    socket: await new Promise((done) => {
      const socket = new WebSocket(location.origin.replace('http', 'ws') + '/socket')
      socket.onmessage = ({ data }) => (socket.close(), done(data))
      socket.onerror = () => done('error')
    }),
  }))()`)
}

/** A page whose every part is of that version. */
export function whole(version: string): Parts {
  return { page: version, app: version, fetch: version, xhr: version, events: version, socket: version }
}

/** The version of the page that is open, by content; and that of its script. */
export async function versionsOf(page: Page): Promise<readonly [page: string, app: string]> {
  await page.waitForLoadState()
  return page.evaluate<[string, string]>('[pageVersion, appVersion]')
}

/** Imports the lazy chunk that the open page knows; its version, or `failed`. */
export function loadLazily(page: Page): Promise<string> {
  return page.evaluate<string>(`import(lazyChunk).then(({ version }) => version, () => 'failed')`)
}
