// What Chromium keeps of one version must never be seen in a page of another: its HTTP cache, the back button, prefetched pages.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { describeWithPages, loadLazily, openIn, partsOf, versionsOf, whole } from './page-stage.ts'

const promoted = { stable: 'v2', draining: ['v1'] }
const rolledBack = { stable: 'v1', draining: ['v2'] }

describeWithPages('what the browser keeps', (stage) => {
  const askedSince = (before: ReadonlyMap<string, number>, version: string): readonly string[] =>
    stage.sites
      .get(version)!
      .asked.slice(before.get(version))
      .map(({ url }) => url)
      .filter((url) => url !== '/favicon.ico')
  const counts = (): ReadonlyMap<string, number> =>
    new Map([...stage.sites].map(([version, site]) => [version, site.asked.length]))

  describe.each(['https', 'http'] as const)('over %s', (scheme) => {
    it('a script under one URL and one tag is of its page, forth and back', async () => {
      const { page, errors } = await stage.open(stage.url(scheme))
      expect(await versionsOf(page)).toEqual(['v1', 'v1'])
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme)}/next`)
      expect(await versionsOf(page)).toEqual(['v2', 'v2'])
      await stage.change(rolledBack)
      await page.goto(`${stage.url(scheme)}/next`)
      expect(await versionsOf(page)).toEqual(['v1', 'v1'])
      expect(errors).toEqual([])
    })

    it('while the version stays, a picture is revalidated and answered 304', async () => {
      const { page } = await stage.open(`${stage.url(scheme)}/?picture`)
      const before = counts()
      await page.goto(`${stage.url(scheme)}/next?picture`)
      expect(await versionsOf(page)).toEqual(['v1', 'v1'])
      const again = stage.sites.get('v1')!.asked.slice(before.get('v1'))
      expect(again.find(({ url }) => url === '/logo.svg')?.headers['if-none-match']).toBe('"same"')
    })

    it('a page under a tag and a date that two builds share is the one of the moment', async () => {
      const { page } = await stage.open(`${stage.url(scheme)}/kept`)
      expect(await versionsOf(page)).toEqual(['v1', 'v1'])
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme)}/kept`)
      expect(await versionsOf(page)).toEqual(['v2', 'v2'])
    })

    it('nor is it the one that was kept while its version alone was listed', async () => {
      await stage.change({ versions: ['v1'] })
      const { page } = await stage.open(`${stage.url(scheme)}/kept?bare`)
      expect(await page.title()).toBe('v1')
      await stage.change({ versions: ['v2'], stable: 'v2' })
      await page.goto(`${stage.url(scheme)}/kept?bare`)
      expect(await page.title()).toBe('v2')
    })

    it('a script that people gave a number, and its server a month, is not taken for a hashed one', async () => {
      const code = `/any/dashboard2.js?field=content-type: text/javascript&field=cache-control: public, max-age=2592000`
      const script = `<script src="${code}&body=codeVersion='VERSION'"></script>`
      const url = `${stage.url(scheme)}/any?field=content-type: text/html&body=${encodeURIComponent(script)}`
      const { page } = await stage.open(url)
      expect(await page.evaluate('codeVersion')).toBe('v1')
      await stage.change(promoted)
      await page.goto(url)
      expect(await page.evaluate('codeVersion')).toBe('v2')
    })

    it('a script under a name that every build has is not kept, though its server calls it immutable', async () => {
      const script = encodeURIComponent('<script src="/static/app.js"></script>')
      const url = `${stage.url(scheme)}/any?field=content-type: text/html&body=${script}`
      const { page } = await stage.open(url)
      expect(await page.evaluate('codeVersion')).toBe('v1')
      await stage.change(promoted)
      await page.goto(url)
      expect(await page.evaluate('codeVersion')).toBe('v2')
    })

    it('a page that the back button revives after its version was retired is told to reload', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await page.evaluate('globalThis.mark = 1')
      await page.goto(`${stage.url(scheme, 'news.test')}/next`)
      await stage.change({ versions: ['v2', 'v3'], stable: 'v2' })
      await goBack(page, '/')
      expect(await page.evaluate('globalThis.mark')).toBe(1)
      expect(await page.evaluate(`fetch('/api/version').then(({ status }) => status)`)).toBe(409)
      await page.reload()
      expect(await partsOf(page)).toEqual(whole('v2'))
    })

    it('the back button revives a page while its version holds, without a request', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await page.evaluate('globalThis.mark = 1')
      await page.goto(`${stage.url(scheme)}/next`)
      const before = counts()
      await goBack(page, '/')
      expect(await page.evaluate('globalThis.mark')).toBe(1)
      expect(askedSince(before, 'v1')).toEqual([])
      expect(await partsOf(page)).toEqual(whole('v1'))
    })

    it('the back button fetches the page anew when the version has changed', async () => {
      const { page, errors } = await stage.open(stage.url(scheme))
      await page.evaluate('globalThis.mark = 1')
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme)}/next`)
      expect(await versionsOf(page)).toEqual(['v2', 'v2'])
      await goBack(page, '/')
      expect(await page.evaluate('globalThis.mark')).toBe(undefined)
      expect(await partsOf(page)).toEqual(whole('v2'))
      expect(errors).toEqual([])
    })

    // A page that is loaded on the way back takes what the browser has, without asking; the page between asked for none of it.
    it('nor does the page that the back button fetches take a script or an answer of the old version from the cache', async () => {
      const { page, errors } = await stage.open(`${stage.url(scheme)}/?early`)
      expect(await page.evaluate('early')).toEqual({ version: 'v1' })
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme)}/next?bare`)
      await goBack(page, '/')
      expect(await versionsOf(page)).toEqual(['v2', 'v2'])
      expect(await page.evaluate('early')).toEqual({ version: 'v2' })
      expect(errors).toEqual([])
    })

    it('nor a JSON module', async () => {
      const { page } = await stage.open(`${stage.url(scheme)}/?data`)
      expect(await page.evaluate('dataVersion')).toBe('v1')
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme)}/next?bare`)
      await goBack(page, '/')
      expect(await versionsOf(page)).toEqual(['v2', 'v2'])
      expect(await page.evaluate('dataVersion')).toBe('v2')
    })

    it.each(['', 'text/plain', 'application/octet-stream', 'text/ecmascript'])(
      'nor a script that its server calls "%s"',
      async (type) => {
        const code = `/any/app.js?field=cache-control: max-age=600${type && `&field=content-type: ${type}`}`
        const script = `<script src="${code}&body=codeVersion='VERSION'"></script>`
        const path = `/any?field=content-type: text/html&body=${encodeURIComponent(script)}`
        const { page } = await stage.open(stage.url(scheme) + path)
        expect(await page.evaluate('codeVersion')).toBe('v1')
        await stage.change(promoted)
        await page.goto(`${stage.url(scheme)}/next?bare`)
        await goBack(page, '/any')
        await page.waitForLoadState()
        expect(await page.evaluate('codeVersion')).toBe('v2')
      },
    )

    it('an app that takes what the browser has, however old, does not get it of another version', async () => {
      const { page } = await stage.open(stage.url(scheme))
      const logo = `fetch('/logo.svg', { cache: 'force-cache' }).then((answer) => answer.text())`
      expect(await page.evaluate(logo)).toContain('v1')
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme)}/next`)
      expect(await page.evaluate(logo)).toContain('v2')
    })

    it('the answer to a form does not come back under another version', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await page.locator('#post').click()
      await page.waitForURL('**/form')
      expect(await versionsOf(page)).toEqual(['v1', 'v1'])
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme)}/next`)
      await page.evaluate('setTimeout(() => history.back())')
      // Chromium asks before it posts again, and shows a page of its own until then.
      await expect.poll(() => shownIn(page), { timeout: 10_000 }).toBe('nothing of ours')
    })

    it('a hard reload brings one version, whole', async () => {
      const { page } = await stage.open(stage.url(scheme))
      await stage.change(promoted)
      const client = await page.context().newCDPSession(page)
      const loaded = page.waitForEvent('load')
      await client.send('Page.reload', { ignoreCache: true })
      await loaded
      expect(await partsOf(page)).toEqual(whole('v2'))
    })

    it('a lazy chunk still comes after a rollback, and the page has no error', async () => {
      await stage.change(promoted)
      const { page, errors } = await stage.open(stage.url(scheme))
      await stage.change(rolledBack)
      expect(await loadLazily(page)).toBe('v2')
      expect(await partsOf(page)).toEqual(whole('v2'))
      expect(errors).toEqual([])
    })

    it('a chunk that was missing once is not missing for good', async () => {
      const { page } = await stage.open(stage.url(scheme))
      const other = '/assets/lazy-0a1b2cv2.js'
      expect(await page.evaluate(`fetch('${other}').then(({ status }) => status)`)).toBe(404)
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme)}/next`)
      expect(await loadLazily(page)).toBe('v2')
    })
  })

  it('a session that is restored after a promotion is loaded anew, whole', async () => {
    const profile = await mkdtemp(join(tmpdir(), 'graylane-profile-'))
    const options = stage.launchOptions()
    const browsing = (...args: string[]) =>
      chromium.launchPersistentContext(profile, { ...options, args: [...options.args!, ...args] })
    try {
      const before = await browsing()
      const { page } = await openIn(before.pages()[0]!, `${stage.url('https')}/?early&picture`)
      expect(await partsOf(page)).toEqual(whole('v1'))
      // Chromium notes open tabs once a second or so.
      await new Promise((done) => setTimeout(done, 1_500))
      await before.close()
      await stage.change(promoted)
      const after = await browsing('--restore-last-session')
      const restored = () => after.pages().find((tab) => tab.url().includes('?early'))
      await expect.poll(restored, { timeout: 10_000 }).toBeDefined()
      expect(await partsOf(restored()!)).toEqual(whole('v2'))
      expect(await restored()!.evaluate('early')).toEqual({ version: 'v2' })
      await after.close()
    } finally {
      await rm(profile, { recursive: true, force: true })
    }
  })

  it('a page that was prefetched by speculation rules, and opened after a promotion, is whole', async () => {
    const { page, errors } = await stage.open(`${stage.url('https')}/?stamp&speculate=/next?stamp&link=/next?stamp`)
    await expect.poll(() => stage.sites.get('v1')!.asked.some(({ url }) => url === '/next?stamp')).toBe(true)
    await stage.change(promoted)
    await page.locator('#link').click()
    await page.waitForURL('**/next?stamp')
    // Prefetched as v1 and shown as v1: its stamp and its pin say so, and hold it together.
    const { page: shown } = await partsOf(page)
    expect(await partsOf(page)).toEqual(whole(shown))
    expect(errors).toEqual([])
  })

  it('a tab that is opened from a prefetch does not take the others with it', async () => {
    const old = await stage.open(`${stage.url('https')}/?stamp&speculate=/next`)
    await expect.poll(() => stage.sites.get('v1')!.asked.some(({ url }) => url === '/next')).toBe(true)
    await stage.change(promoted)
    await openIn(await old.page.context().newPage(), `${stage.url('https')}/?stamp`)
    expect(await partsOf(old.page)).toEqual(whole('v1'))
  })
})

/** Playwright's own goBack waits for a page to load, which a revived one never does. A timer: the call must not end with its page. */
async function goBack(page: Page, path: string): Promise<void> {
  await page.evaluate('setTimeout(() => history.back())')
  await expect.poll(() => page.evaluate('location.pathname').catch(() => '')).toBe(path)
}

function shownIn(page: Page): Promise<string> {
  return page.evaluate<string>(`globalThis.pageVersion ?? 'nothing of ours'`).catch(() => 'a page that changes')
}
