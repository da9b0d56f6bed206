// A service worker stays registered over releases, and stands between pages and the edge: its script has to be of the version of the page.

import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { embed, partsOfFrame } from './page-in-frame.ts'
import { describeWithPages, loadLazily, openIn, partsOf, whole } from './page-stage.ts'

const promoted = { stable: 'v2', draining: ['v1'] }

describeWithPages('a service worker', (stage) => {
  describe.each([
    ['https', 'shop.test'],
    ['http', 'localhost'],
  ] as const)('on %s://%s', (scheme, host) => {
    it('is of the version of its page, and of the next one after the next page', async () => {
      const { page, errors } = await stage.open(`${stage.url(scheme, host)}/?stamp`)
      await register(page)
      expect(await workerOf(page)).toBe('v1')
      expect(await partsOf(page)).toEqual(whole('v1'))

      await stage.change(promoted)
      await update(page)
      expect(await workerOf(page)).toBe('v1')
      expect(await partsOf(page)).toEqual(whole('v1'))

      await page.goto(`${stage.url(scheme, host)}/next?stamp`)
      await update(page)
      expect(await workerOf(page)).toBe('v2')
      expect(await partsOf(page)).toEqual(whole('v2'))
      expect(errors).toEqual([])
    })

    it('between the page and the edge, two tabs are each whole', async () => {
      const old = await stage.open(`${stage.url(scheme, host)}/?stamp`)
      await register(old.page)
      await stage.change(promoted)
      const fresh = await openIn(await old.page.context().newPage(), `${stage.url(scheme, host)}/next?stamp`)
      expect(await partsOf(fresh.page)).toEqual(whole('v2'))
      expect(await partsOf(old.page)).toEqual(whole('v1'))
      expect(await loadLazily(fresh.page)).toBe('v2')
    })

    it('that keeps a page and answers with it later leaves it its version', async () => {
      const { page, errors } = await stage.open(`${stage.url(scheme, host)}/?stamp`)
      await register(page, '/keeping-sw.js')
      await stage.change(promoted)
      await openIn(await page.context().newPage(), `${stage.url(scheme, host)}/next?stamp`)
      await page.goto(`${stage.url(scheme, host)}/kept?stamp`)
      // Its script has no hash, and is of the newest page.
      expect(await partsOf(page)).toEqual({ ...whole('v1'), app: 'v2' })
      expect(errors).toEqual([])
    })

    it('that asks for pages in its own words leaves its pages whole, on their version until that is retired, and then moves', async () => {
      const { page } = await stage.open(`${stage.url(scheme, host)}/`)
      await register(page, '/asking-sw.js')
      await page.goto(`${stage.url(scheme, host)}/next`)
      expect(await partsOf(page)).toEqual(whole('v1'))
      await stage.change(promoted)
      await page.goto(`${stage.url(scheme, host)}/next`)
      expect(await partsOf(page)).toEqual(whole('v1'))
      await stage.change({ versions: ['v2', 'v3'], stable: 'v2' })
      await page.goto(`${stage.url(scheme, host)}/next`)
      expect(await partsOf(page)).toEqual(whole('v2'))
    })

    it.each([
      ['that fetches pages itself, takes the calls of its page with it: it cannot be told from a page', '/sw.js', 'v2'],
      ['that asks for them in its own words, is of the version of the page', '/asking-sw.js', 'v1'],
      ['that has them preloaded, is of the version of the page', '/preloading-sw.js', 'v1'],
    ])('under one, a frame loaded after a promotion, %s', async (_, script, version) => {
      const { page } = await stage.open(stage.url(scheme, host))
      await register(page, script)
      await stage.change(promoted)
      expect(await partsOfFrame(await embed(page, '/frame'))).toEqual([version, version, version])
      expect(await partsOf(page)).toEqual({ ...whole(version), page: 'v1', app: 'v1' })
    })

    it.each(['/sw.js', '/preloading-sw.js'])(
      'under one (%s), a page that is loaded ahead after a promotion takes nobody along',
      async (script) => {
        const { page } = await stage.open(stage.url(scheme, host))
        await register(page, script)
        await stage.change(promoted)
        const refused = async (): Promise<string | undefined> =>
          /reason="prefetch".* (\d+)$/m.exec(await stage.metrics())?.[1]
        const before = await refused()
        await page.evaluate(`document.head.append(Object.assign(document.createElement('script'), {
          type: 'speculationrules',
          textContent: '{ "prefetch": [{ "source": "list", "urls": ["/ahead"], "eagerness": "immediate" }] }',
        }))`)
        await expect.poll(refused, { timeout: 10_000 }).not.toBe(before)
        expect(await partsOf(page)).toEqual(whole('v1'))
      },
    )

    it('without the stamp, the calls of the old tab follow the newest page through it too', async () => {
      const old = await stage.open(stage.url(scheme, host))
      await register(old.page)
      await stage.change(promoted)
      await openIn(await old.page.context().newPage(), `${stage.url(scheme, host)}/next`)
      expect(await partsOf(old.page)).toEqual({ ...whole('v2'), page: 'v1', app: 'v1' })
    })
  })
})

async function register(page: Page, script = '/sw.js'): Promise<void> {
  await page.evaluate(`navigator.serviceWorker.register('${script}').then(async () => {
    await navigator.serviceWorker.ready
    while (navigator.serviceWorker.controller === null) await new Promise((done) => setTimeout(done, 10))
  })`)
}

/** What the worker that controls the page says it is. Asked until one answers: the one that was asked first may just be leaving. */
function workerOf(page: Page): Promise<string> {
  return page.evaluate<string>(`new Promise((done) => {
    const ask = () => navigator.serviceWorker.controller.postMessage('who')
    const asking = setInterval(ask, 100)
    navigator.serviceWorker.onmessage = ({ data }) => (clearInterval(asking), done(data.worker))
    ask()
  })`)
}

/** Looks for a new script, as browsers do from time to time, and lets it take over. Who asks the old worker meanwhile keeps it. */
async function update(page: Page): Promise<void> {
  await page.evaluate(`navigator.serviceWorker.getRegistration().then((registration) => registration.update())`)
  const settled = `navigator.serviceWorker.getRegistration().then(({ installing, waiting }) => !installing && !waiting)`
  await expect.poll(() => page.evaluate(settled), { timeout: 20_000, interval: 500 }).toBe(true)
}
