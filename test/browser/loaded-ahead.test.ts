// Pages that Chromium loads ahead, by speculation rules: they are shown without a request, maybe long after another version was promoted.

import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { describeWithPages, openIn, partsOf, whole } from './page-stage.ts'

const promoted = { stable: 'v2', draining: ['v1'] }

describeWithPages('pages loaded ahead', (stage) => {
  describe.each(['prefetch', 'prerender'] as const)('by %s', (how) => {
    /** A page of v1, which loads /next ahead. */
    const opened = async (): Promise<Page> => {
      const before = stage.askedFor('/next')
      const { page } = await stage.open(`${stage.url('https')}/?speculate=/next&how=${how}`)
      await expect.poll(() => stage.askedFor('/next')).toBe(before + 1)
      return page
    }

    it('are shown as what they are while no other page was opened since the promotion', async () => {
      const page = await opened()
      const before = stage.askedFor('/next')
      await stage.change(promoted)
      await visit(page, '/next')
      expect(await partsOf(page)).toEqual(whole('v1'))
      expect(stage.askedFor('/next')).toBe(before)
    })

    it('are forgotten when another tab takes the browser to the next version, so that nothing of the old one is shown', async () => {
      const page = await opened()
      await stage.change(promoted)
      await openIn(await page.context().newPage(), stage.url('https'))
      await visit(page, '/next')
      expect(await partsOf(page)).toEqual(whole('v2'))
    })

    it('are none where a page of another host may take the browser to the next version (pin.domain)', async () => {
      const both = { pin: { domain: 'shop.test' }, more: { hosts: ['app.shop.test', 'www.shop.test'] } }
      await stage.change(both)
      const { page } = await stage.open(stage.url('https', 'app.shop.test'))
      await page.evaluate(speculating(how, '/elsewhere'))
      const refused = 'version="v1",reason="prefetch"'
      await expect.poll(() => stage.metrics(), { timeout: 10_000 }).toContain(refused)
      await stage.change({ ...both, ...promoted })
      await openIn(await page.context().newPage(), stage.url('https', 'www.shop.test'))
      await visit(page, '/elsewhere')
      expect(await partsOf(page)).toEqual(whole('v2'))
    })

    it('hold nobody on a version that is drained: the next page that is loaded is of the new one', async () => {
      const page = await opened()
      await stage.change(promoted)
      const before = stage.askedFor('/third')
      await page.evaluate(speculating(how, '/third'))
      const refused = 'version="v2",reason="prefetch"'
      await expect.poll(() => stage.metrics(), { timeout: 10_000 }).toContain(refused)
      expect(stage.askedFor('/third')).toBe(before)
      await visit(page, '/third')
      expect(await partsOf(page)).toEqual(whole('v2'))
    })
  })
})

/** Adds a rule to a page that is open. */
function speculating(how: string, path: string): string {
  return `document.head.append(Object.assign(document.createElement('script'), {
    type: 'speculationrules',
    textContent: JSON.stringify({ ${how}: [{ source: 'list', urls: ['${path}'], eagerness: 'immediate' }] }),
  }))`
}

/** Playwright takes a page that was rendered before for another one, and waits for it in vain. */
async function visit(page: Page, path: string): Promise<void> {
  await page.evaluate(`setTimeout(() => (location.href = '${path}'))`)
  await expect.poll(() => page.evaluate('location.pathname').catch(() => '')).toBe(path)
}
