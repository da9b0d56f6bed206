// Two tabs of one browser, one older than a promotion: a cookie cannot tell them apart, a stamped page says which version it is.

import { describe, expect, it } from 'vitest'
import { describeWithPages, loadLazily, openIn, partsOf, whole } from './page-stage.ts'

const promoted = { stable: 'v2', draining: ['v1'] }

describeWithPages('two tabs', (stage) => {
  describe.each(['https', 'http'] as const)('over %s', (scheme) => {
    it('with the stamp, the tab from before a promotion stays whole while the other is on the new version', async () => {
      const old = await stage.open(`${stage.url(scheme)}/?stamp`)
      expect(await partsOf(old.page)).toEqual(whole('v1'))

      await stage.change(promoted)
      const fresh = await openIn(await old.page.context().newPage(), `${stage.url(scheme)}/?stamp`)
      expect(await partsOf(fresh.page)).toEqual(whole('v2'))
      expect(await partsOf(old.page)).toEqual(whole('v1'))
      expect(await partsOf(fresh.page)).toEqual(whole('v2'))
      expect([...old.errors, ...fresh.errors]).toEqual([])
    })

    it('without it, the calls of the old tab follow the newest page of the browser', async () => {
      const old = await stage.open(stage.url(scheme))
      await stage.change(promoted)
      expect(await partsOf(old.page)).toEqual(whole('v1'))

      await openIn(await old.page.context().newPage(), stage.url(scheme))
      expect(await partsOf(old.page)).toEqual({ ...whole('v2'), page: 'v1', app: 'v1' })
    })

    it('the lazy chunk of the old tab is gone with the newest page, unless other live versions are asked for it', async () => {
      const old = await stage.open(`${stage.url(scheme)}/?stamp`)
      await stage.change(promoted)
      await openIn(await old.page.context().newPage(), `${stage.url(scheme)}/?stamp`)
      // A script is asked for by the browser itself, which no stamp reaches.
      expect(await loadLazily(old.page)).toBe('failed')

      await stage.change({ ...promoted, more: { assets: { tryLive: true } } })
      await old.page.evaluate(`lazyChunk += '?again'`)
      expect(await loadLazily(old.page)).toBe('v1')
      expect(await stage.metrics()).toContain('graylane_decisions_total{version="v1",reason="asset"}')
      expect(old.errors).toEqual([])
    })

    it('three tabs of three versions are each whole', async () => {
      const first = await stage.open(`${stage.url(scheme)}/?stamp`)
      await stage.change(promoted)
      const second = await openIn(await first.page.context().newPage(), `${stage.url(scheme)}/?stamp`)
      await stage.change({ stable: 'v3', draining: ['v1', 'v2'] })
      const third = await openIn(await first.page.context().newPage(), `${stage.url(scheme)}/?stamp`)

      expect(await partsOf(first.page)).toEqual(whole('v1'))
      expect(await partsOf(second.page)).toEqual(whole('v2'))
      expect(await partsOf(third.page)).toEqual(whole('v3'))
    })

    it('the app never sees the stamp in a URL', async () => {
      const { page } = await stage.open(`${stage.url(scheme)}/?stamp`)
      const before = stage.sites.get('v1')!.asked.length
      await partsOf(page)
      const asked = stage.sites.get('v1')!.asked.slice(before)
      const urls = asked.map(({ url }) => url).filter((url) => url !== '/favicon.ico')
      expect(urls).toEqual(['/api/version', '/api/version', '/events', '/socket'])
    })

    it('a page whose version is gone is told, and the next click loads it anew', async () => {
      const { page } = await stage.open(`${stage.url(scheme)}/?stamp`)
      await stage.change({ versions: ['v2', 'v3'], stable: 'v2' })
      const told = await page.evaluate<object>(`new Promise((done) => {
        addEventListener('graylane:stale', (event) => done(event.detail))
        fetch('/api/version')
      })`)
      expect(told).toMatchObject({ pinned: 'v1', current: 'v2', reload: true })
      expect(await page.title()).toBe('v1')

      await page.locator('h1').click()
      await expect.poll(() => page.title()).toBe('v2')
      expect(await partsOf(page)).toEqual(whole('v2'))
    })

    it('an app that takes the event into its own hands is not reloaded', async () => {
      const { page, errors } = await stage.open(`${stage.url(scheme)}/?stamp`)
      await stage.change({ versions: ['v2', 'v3'], stable: 'v2' })
      await page.evaluate(`new Promise((done) => {
        addEventListener('graylane:stale', (event) => (event.preventDefault(), done()))
        const request = new XMLHttpRequest()
        request.open('GET', '/api/version')
        request.send()
      })`)
      await page.locator('h1').click()
      expect(await page.evaluate('performance.now() > 0 && pageVersion')).toBe('v1')
      expect(errors).toEqual([])
    })
  })
})
