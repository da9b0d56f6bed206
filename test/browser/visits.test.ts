// The ways by which people come to a page and go on from it: forms, links from elsewhere, without cookies.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { describeWithPages, openIn, partsOf, versionsOf, whole } from './page-stage.ts'

const savedTypes = [
  'text/rtf',
  'text/tab-separated-values',
  'image/tiff',
  'image/jp2',
  'video/x-msvideo',
  'audio/midi',
  'binary/octet-stream',
  'font/woff2',
  'message/rfc822',
  'model/gltf-binary',
]
const promoted = { stable: 'v2', draining: ['v1'] }

describeWithPages('visits', (stage) => {
  describe.each(['https', 'http'] as const)('over %s', (scheme) => {
    it('a form posts to the version of its page', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await stage.change(promoted)
      await page.locator('#post').click()
      await page.waitForURL('**/form')
      expect(await versionsOf(page)).toEqual(['v1', 'v1'])
      expect(await partsOf(page)).toEqual(whole('v1'))
    })

    it.each([
      ['a file that is saved', '/export'],
      ['a file that is saved, behind a redirect', '/away?to=/export'],
      ['a program beside the browser, behind a redirect', '/away?to=graylane-test:x'],
      ...savedTypes.map((type): [string, string] => [`a file of a type that is saved, ${type}`, `/file?type=${type}`]),
      ['an answer of nothing', '/nothing'],
    ])('%s, asked for after a promotion, leaves the open page its version', async (_, path) => {
      const { page } = await stage.open(stage.url(scheme))
      await stage.change(promoted)
      const before = stage.askedFor(path)
      await page.evaluate(`location.href = '${path}'`)
      await expect.poll(() => stage.askedFor(path)).toBe(before + 1)
      expect(await partsOf(page)).toEqual(whole('v1'))
    })

    it('a file behind a redirect leaves a page whose version is gone as it is: told to reload', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await stage.change({ versions: ['v2', 'v3'], stable: 'v2' })
      await page.evaluate(`location.href = '/away?to=/export'`)
      await expect.poll(() => stage.askedFor('/export')).toBeGreaterThan(0)
      expect(await page.evaluate(`fetch('/api/version').then(({ status }) => status)`)).toBe(409)
    })

    it('a file of a link with the attribute download is of the version of its page', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await stage.change(promoted)
      const file = page.waitForEvent('download')
      await page.evaluate(`Object.assign(document.querySelector('#link'), { href: '/export', download: 'x' }).click()`)
      expect(await readFile(await (await file).path(), 'utf8')).toBe('v1')
      expect(await partsOf(page)).toEqual(whole('v1'))
    })

    it.each([
      ['with the stamp, is of the page', '/?stamp', 'v1'],
      ['without it, of the next page, whose pin is there already', '/', 'v2'],
    ])('what a page sends as it is left: %s', async (_, path, version) => {
      const { page } = await stage.open(stage.url(scheme) + path)
      await page.evaluate(`addEventListener('pagehide', () => navigator.sendBeacon('/beacon'))`)
      await stage.change(promoted)
      const site = stage.sites.get(version)!
      const before = site.asked.length
      await page.goto(`${stage.url(scheme)}/next`)
      await expect.poll(() => site.asked.slice(before).some(({ url }) => url === '/beacon')).toBe(true)
    })

    it('an app that sets more cookies than a browser keeps for a site does not lose the pin by it', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await stage.change(promoted)
      for (let round = 0; round < 3; round += 1) {
        await page.evaluate(`for (let i = 0; i < 400; i += 1) document.cookie = 'c' + i + '=1; path=/'`)
        expect(await page.evaluate(`fetch('/api/version').then((answer) => answer.json())`)).toEqual({ version: 'v1' })
      }
    })

    it('a login at another site leads back to a page that knows its version', async () => {
      const { page } = await stage.open(stage.url(scheme))
      const back = `${stage.url(scheme)}/?stamp`
      await page.goto(`${stage.url(scheme, 'login.test')}/away?to=${encodeURIComponent(back)}`)
      await stage.change(promoted)
      await openIn(await page.context().newPage(), `${stage.url(scheme)}/?stamp`)
      expect(await partsOf(page)).toEqual(whole('v1'))
    })

    it('the answer to a form that another site posts is whole, though the form came without the pin', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await stage.change(promoted)
      await page.goto(stage.url(scheme, 'bank.test'))
      await page.evaluate(`document.forms[0].action = '${stage.url(scheme)}/form'`)
      await page.locator('#post').click()
      await page.waitForURL(`${stage.url(scheme)}/form`)
      expect(await partsOf(page)).toEqual(whole(await page.title()))
    })

    it('a link from another site brings the pin, and one version', async () => {
      await stage.change({ gray: [{ version: 'v2', match: [{ headers: { 'x-tester': { exact: 'yes' } } }] }] })
      const context = await stage.browser.newContext({ extraHTTPHeaders: { 'x-tester': 'yes' } })
      const { page } = await openIn(await context.newPage(), stage.url(scheme))
      expect(await page.title()).toBe('v2')

      await context.setExtraHTTPHeaders({})
      const foreign = stage.url(scheme, 'news.test')
      await page.goto(`${foreign}/?link=${encodeURIComponent(`${stage.url(scheme)}/next`)}`)
      expect(await page.title()).toBe('v1')
      await page.locator('#link').click()
      await page.waitForURL(`${stage.url(scheme)}/next`)
      expect(await partsOf(page)).toEqual(whole('v2'))
    })
  })

  it('without cookies a visit is whole while the routes stay; what is open at a promotion is told to reload', async () => {
    await withoutCookies(async (context) => {
      await stage.change({
        gray: [
          { version: 'v2', share: '50%' },
          { version: 'v3', share: '50%' },
        ],
      })
      const { page } = await openIn(await context.newPage(), `${stage.url('https')}/?stamp`)
      const drawn = await page.title()
      expect(await context.cookies()).toEqual([])
      for (let visit = 0; visit < 3; visit += 1) {
        expect(await partsOf(page)).toEqual(whole(drawn))
        await page.reload()
      }

      await stage.change({ stable: drawn === 'v1' ? 'v2' : 'v1' })
      expect(await page.evaluate(`fetch('/api/version').then(({ status }) => status)`)).toBe(409)
      await page.locator('h1').click()
      await expect.poll(() => page.title()).not.toBe(drawn)
      expect(await partsOf(page)).toEqual(whole(await page.title()))
    })
  })

  it('without cookies, the page that the back button fetches after a promotion takes no answer of the old version either', async () => {
    await withoutCookies(async (context) => {
      const { page } = await openIn(await context.newPage(), `${stage.url('https')}/?early`)
      expect(await page.evaluate('early')).toEqual({ version: 'v1' })
      await stage.change(promoted)
      await page.goto(`${stage.url('https')}/next?bare`)
      await page.evaluate('setTimeout(() => history.back())')
      await expect.poll(() => page.evaluate('location.pathname').catch(() => '')).toBe('/')
      expect(await versionsOf(page)).toEqual(['v2', 'v2'])
      expect(await page.evaluate('early')).toEqual({ version: 'v2' })
    })
  })

  /** In a browser of its own, whose user blocks all cookies. */
  async function withoutCookies(visit: (context: BrowserContext) => Promise<void>): Promise<void> {
    const profile = await mkdtemp(join(tmpdir(), 'graylane-profile-'))
    await mkdir(join(profile, 'Default'))
    const blocked = { profile: { default_content_setting_values: { cookies: 2 } } }
    await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(blocked))
    const context = await chromium.launchPersistentContext(profile, stage.launchOptions())
    try {
      await visit(context)
    } finally {
      await context.close()
      await rm(profile, { recursive: true, force: true })
    }
  }
})
