// Frames: which of them belong to the page that is open, whose pin they must not move, and which are visits of their own.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Frame, type Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { embed, lead, partsOfFrame, post } from './page-in-frame.ts'
import { describeWithPages, openIn, partsOf, type Routes, whole } from './page-stage.ts'

const promoted: Routes = { stable: 'v2', draining: ['v1'] }
const retired: Routes = { versions: ['v2', 'v3'], stable: 'v2' }
const none: Routes = { pin: { sameSite: 'none' } }

describeWithPages('frames', (stage) => {
  const shop = (path = ''): string => stage.url('https') + path
  const at = (host: string, path = '/frame'): string => stage.url('https', host) + path
  const awayFrom = (host: string): string => at(host, `/away?to=${encodeURIComponent(shop('/frame'))}`)

  it('over http, a frame cannot be told from a page: it is of the new version, and the stamp keeps the page whole', async () => {
    const { page } = await stage.open(`${stage.url('http')}/?stamp`)
    await stage.change(promoted)
    expect(await partsOfFrame(await embed(page, '/frame?stamp'))).toEqual(['v2', 'v2', 'v2'])
    expect(await partsOf(page)).toEqual(whole('v1'))
  })

  it('over http without the stamp, such a frame takes the calls of its page with it', async () => {
    const { page } = await stage.open(stage.url('http'))
    await stage.change(promoted)
    expect(await partsOfFrame(await embed(page, '/frame'))).toEqual(['v2', 'v2', 'v2'])
    expect(await partsOf(page)).toEqual({ ...whole('v2'), page: 'v1', app: 'v1' })
  })

  /** Each puts a frame of the site somewhere into its open page. */
  const ownFrames: readonly (readonly [says: string, routes: Routes, open: (page: Page) => Promise<Frame>])[] = [
    ['of the page', {}, (page) => embed(page, '/frame')],
    ['of the page, in <object>', {}, (page) => embed(page, '/frame', 'object')],
    ['of the page, in <embed>', {}, (page) => embed(page, '/frame', 'embed')],
    ['on another port', {}, (page) => embed(page, `${stage.url('https, another port')}/frame`)],
    [
      'on another port, without a Referer',
      {},
      (page) => embed(page, `${stage.url('https, another port')}/frame`, 'iframe', { referrerPolicy: 'no-referrer' }),
    ],
    ['that a login at another site renews', {}, (page) => embed(page, awayFrom('login.test'))],
    ['that a login at another host renews', {}, (page) => embed(page, awayFrom('login.shop.test'))],
    [
      'that a login at another host leads back',
      {},
      async (page) => lead(await embed(page, at('login.shop.test')), shop('/frame')),
    ],
    [
      'in a frame of another host',
      {},
      async (page) => embed(await embed(page, at('portal.shop.test')), shop('/frame')),
    ],
    [
      'that a bank leads back, with sameSite: none',
      none,
      async (page) => lead(await embed(page, at('bank.test')), shop('/frame')),
    ],
    [
      'that a form of a bank leads back, with sameSite: none',
      none,
      async (page) => post(await embed(page, at('bank.test')), shop('/form')),
    ],
  ]

  it.each(ownFrames)('a frame %s, loaded after a promotion, is of the version of the page', async (_, routes, open) => {
    await stage.change(routes)
    const { page } = await stage.open(shop())
    await stage.change({ ...routes, ...promoted })
    expect(await partsOfFrame(await open(page))).toEqual(['v1', 'v1', 'v1'])
    expect(await partsOf(page)).toEqual(whole('v1'))
    await page.reload()
    expect(await partsOf(page)).toEqual(whole('v2'))
  })

  it('one that a bank leads back comes without the pin (SameSite=Lax): its page is decided anew, its parts follow the open page', async () => {
    const { page } = await stage.open(shop())
    await stage.change(promoted)
    const frame = await lead(await embed(page, at('bank.test')), shop('/frame'))
    expect(await partsOfFrame(frame)).toEqual(['v2', 'v1', 'v1'])
    expect(await partsOf(page)).toEqual(whole('v1'))
  })

  it('so it is with the parts of one in a sandbox without an origin', async () => {
    const { page } = await stage.open(shop())
    await stage.change(promoted)
    const frame = await embed(page, '/frame', 'iframe', { sandbox: 'allow-scripts' })
    expect(await frame.evaluate('[pageVersion, appVersion]')).toEqual(['v1', 'v2'])
    expect(await partsOf(page)).toEqual(whole('v1'))
  })

  it('one that is loaded without credentials is a visit of its own, and whole; so is the page around it', async () => {
    const { page } = await stage.open(shop())
    await stage.change(promoted)
    const frame = await embed(page, '/frame', 'iframe', { credentialless: true })
    expect(await partsOfFrame(frame)).toEqual(['v2', 'v2', 'v2'])
    await stage.change({ stable: 'v3', draining: ['v1', 'v2'] })
    expect(await partsOfFrame(frame)).toEqual(['v2', 'v2', 'v2'])
    expect(await partsOf(page)).toEqual(whole('v1'))
  })

  it('of a version that was retired, one says so, and its link loads the page around it anew', async () => {
    const { page } = await stage.open(shop())
    await stage.change(retired)
    const frame = await embed(page, '/frame')
    await frame.getByRole('link', { name: 'Reload the page' }).click()
    await expect.poll(() => page.title()).toBe('v2')
    expect(page.url()).toBe(shop('/'))
    expect(await partsOf(page)).toEqual(whole('v2'))
  })

  it('of a version that was retired meanwhile, a stamped one loads the page around it anew at the next click', async () => {
    const { page } = await stage.open(shop())
    const frame = await embed(page, '/frame?stamp')
    await stage.change(retired)
    expect(await frame.evaluate(`fetch('/api/version').then(({ status }) => status)`)).toBe(409)
    await frame.locator('h1').click()
    await expect.poll(() => page.title()).toBe('v2')
    expect(page.url()).toBe(shop('/'))
  })

  it('on a page of another site that lets it have cookies, each is a visit, and given a pin', async () => {
    const profile = await mkdtemp(join(tmpdir(), 'graylane-profile-'))
    await mkdir(join(profile, 'Default'))
    const allowed = { profile: { cookie_controls_mode: 0 } }
    await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(allowed))
    const context = await chromium.launchPersistentContext(profile, stage.launchOptions())
    try {
      await stage.change(none)
      const { page } = await openIn(await context.newPage(), at('teams.test', '/'))
      const frame = await embed(page, shop('/frame'))
      await stage.change({ ...none, ...promoted })
      expect(await partsOfFrame(frame)).toEqual(['v1', 'v1', 'v1'])
      expect(await partsOfFrame(await embed(page, shop('/frame')))).toEqual(['v2', 'v2', 'v2'])
    } finally {
      await context.close()
      await rm(profile, { recursive: true, force: true })
    }
  })

  describe('on a page of another site that blocks its cookies', () => {
    it('each is a visit, and given a pin for that page alone', async () => {
      await stage.change(none)
      const { page } = await stage.open(at('teams.test', '/'))
      const frame = await embed(page, shop('/frame'))
      await stage.change({ ...none, ...promoted })
      expect(await partsOfFrame(frame)).toEqual(['v1', 'v1', 'v1'])
      expect(await partsOfFrame(await embed(page, shop('/frame')))).toEqual(['v2', 'v2', 'v2'])
    })

    it('one that asks for them has one pin, not two, from its next page on', async () => {
      await stage.change(none)
      const { page } = await stage.open(shop())
      await stage.change({ ...none, ...promoted })
      await page.context().grantPermissions(['storage-access'])
      await page.goto(at('teams.test', '/'))
      const frame = await embed(page, shop('/frame'))
      await frame.locator('h1').click()
      // The pin of v1 comes along from now on, beside that of v2.
      await frame.evaluate(`document.requestStorageAccess()`)
      await frame.evaluate(`void setTimeout(() => location.reload())`)
      const pins = async (): Promise<number> =>
        (await page.context().cookies()).filter(
          ({ name, domain }) => `${name} ${domain}` === '__Host-graylane shop.test',
        ).length
      await expect.poll(pins).toBe(1)
      await frame.waitForLoadState()
      await stage.change({ ...none, stable: 'v3', draining: ['v1', 'v2'] })
      expect(await partsOfFrame(frame)).toEqual(['v2', 'v2', 'v2'])
    })
  })

  describe('on a page of another host of the site', () => {
    const portal = (): string => at('portal.shop.test', '/')

    it('one is given a pin of its own, keeps it over a promotion, and is a new visit when its version was retired', async () => {
      const { page } = await stage.open(portal())
      expect(await partsOfFrame(await embed(page, shop('/frame')))).toEqual(['v1', 'v1', 'v1'])
      await stage.change(promoted)
      await page.reload()
      expect(await partsOfFrame(await embed(page, shop('/frame')))).toEqual(['v1', 'v1', 'v1'])
      await stage.change(retired)
      await page.reload()
      expect(await partsOfFrame(await embed(page, shop('/frame')))).toEqual(['v2', 'v2', 'v2'])
    })

    it('of a version that was retired meanwhile, one says so; its link opens it by itself, and so it is a new visit', async () => {
      const { page } = await stage.open(portal())
      const frame = await embed(page, shop('/frame'))
      await stage.change(retired)
      await frame.evaluate(`void setTimeout(() => location.reload())`)
      await frame.getByRole('link', { name: 'Reload the page' }).click()
      await page.waitForURL(shop('/frame'))
      expect(await partsOf(page)).toEqual(whole('v2'))
      await page.goto(portal())
      expect(await partsOfFrame(await embed(page, shop('/frame')))).toEqual(['v2', 'v2', 'v2'])
    })

    it('one takes no version from a page of the app in another tab', async () => {
      const { page } = await stage.open(shop())
      await stage.change(promoted)
      const other = await openIn(await page.context().newPage(), portal())
      expect(await partsOfFrame(await embed(other.page, shop('/frame')))).toEqual(['v1', 'v1', 'v1'])
      expect(await partsOf(page)).toEqual(whole('v1'))
    })

    it('that has the pin too (pin.domain), one is of the version of its page', async () => {
      const oneForBoth: Routes = {
        pin: { domain: 'shop.test' },
        more: { hosts: ['www.shop.test', 'shop.test'] },
      }
      await stage.change(oneForBoth)
      const { page } = await stage.open(at('www.shop.test', '/'))
      await stage.change({ ...oneForBoth, ...promoted })
      expect(await partsOfFrame(await embed(page, shop('/frame')))).toEqual(['v1', 'v1', 'v1'])
      expect(await partsOf(page)).toEqual(whole('v1'))
      await stage.change({ ...oneForBoth, ...retired })
      const frame = await embed(page, shop('/frame'))
      expect(await frame.title()).toBe('This page belongs to a version that is gone')
      expect(await page.evaluate(`fetch('/api/version').then(({ status }) => status)`)).toBe(409)
    })
  })
})
