// A page at app.shop.test and its API at api.shop.test: one pin for both, requests with credentials, the stamp allowed by CORS.

import type { Page } from 'playwright-core'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { describeWithPages, openIn, partsOf, type Routes, whole } from './page-stage.ts'

describeWithPages('an app and its API on two hosts', (stage) => {
  let app = ''
  let api = ''
  beforeAll(() => {
    app = stage.url('https', 'app.shop.test')
    api = stage.url('https', 'api.shop.test')
  })
  beforeEach(() => stage.change(onTwoHosts()))

  const onTwoHosts = (further: Routes = {}): Routes => ({
    pin: { domain: 'shop.test' },
    services: {
      site: {
        corsPolicy: {
          allowOrigins: [{ exact: app }],
          allowMethods: ['GET'],
          allowHeaders: ['x-page-version'],
          allowCredentials: true,
        },
      },
    },
    more: { hosts: ['app.shop.test', 'api.shop.test'], page: { origins: [api] } },
    ...further,
  })
  const promoted = () => onTwoHosts({ stable: 'v2', draining: ['v1'] })
  const called = (page: Page): Promise<string> =>
    page.evaluate<string>(
      `fetch('${api}/api/version', { credentials: 'include' }).then(async (answer) => (await answer.json()).version)`,
    )

  it('the call follows the pin of the page', async () => {
    const { page } = await stage.open(app)
    await stage.change(promoted())
    expect(await called(page)).toBe('v1')
    await page.reload()
    expect(await called(page)).toBe('v2')
  })

  it('and of two tabs each calls its own version, because it may send the stamp', async () => {
    const old = await stage.open(`${app}/?stamp`)
    await stage.change(promoted())
    const fresh = await openIn(await old.page.context().newPage(), `${app}/?stamp`)
    expect(await called(fresh.page)).toBe('v2')
    expect(await called(old.page)).toBe('v1')
  })

  it('without the stamp the call of the older tab follows the newest page', async () => {
    const old = await stage.open(app)
    await stage.change(promoted())
    await openIn(await old.page.context().newPage(), app)
    expect(await called(old.page)).toBe('v2')
  })

  it('a page whose version is gone hears of it from the other host too', async () => {
    const { page } = await stage.open(`${app}/?stamp`)
    await stage.change(onTwoHosts({ versions: ['v2', 'v3'], stable: 'v2' }))
    const told = await page.evaluate<object>(`new Promise((done) => {
      addEventListener('graylane:stale', (event) => done(event.detail))
      fetch('${api}/api/version', { credentials: 'include' })
    })`)
    expect(told).toMatchObject({ pinned: 'v1', reload: true })
  })

  it('a page from before the day on which the domain is turned on stays whole, and the next one has the pin for both', async () => {
    await stage.change(onTwoHosts({ pin: {} }))
    const { page } = await stage.open(`${app}/?stamp`)
    const cookies = () => page.context().cookies()
    expect((await cookies()).map(({ name, domain }) => `${name} ${domain}`)).toEqual(['__Host-graylane app.shop.test'])

    await stage.change(promoted())
    expect(await partsOf(page)).toEqual(whole('v1'))
    await page.reload()
    expect(await partsOf(page)).toEqual(whole('v2'))
    expect(await called(page)).toBe('v2')
    expect((await cookies()).map(({ name, domain }) => `${name} ${domain}`)).toEqual(['graylane .shop.test'])
  })
})
