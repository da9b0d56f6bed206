// The dashboard while twenty thousand requests a second are counted: its figures are theirs, and the page holds and changes no more than
// it would for twenty. How it does on a real gateway under load is printed by scripts/watch-under-load.ts.

import { expect, it } from 'vitest'

import { CountedTraffic } from '../admin/counted-traffic.ts'
import { describeWithChromium, launchChromium } from './chromium.ts'

const patient = { timeout: 20_000, interval: 100 }

describeWithChromium('the dashboard at twenty thousand requests a second', () => {
  it('shows their figures, keeps the rows that it has, and does not grow', async () => {
    await using traffic = await CountedTraffic.start()
    await using browser = await launchChromium()
    const page = await browser.newPage({ viewport: { width: 1360, height: 900 }, locale: 'en-GB' })
    await page.addInitScript(`localStorage.setItem('graylane-window', '10')`)
    const counts = (selector: string): Promise<number> => page.locator(selector).count()
    for (let second = 0; second < 12; second++) traffic.second(20_000)
    await page.goto(`http://${traffic.admin.address}/`)
    // Two thirds of them come in at the edge; fourteen of twenty are of v1.
    const rate = page.locator('#figures .value').first()
    await expect.poll(() => rate.innerText(), patient).toMatch(/^13\.3k/)
    expect(await page.locator('.version[data-version=v1] .rate').innerText()).toBe('9333/s')
    expect(await page.locator('#graph svg').getAttribute('aria-label')).toContain('13.3k requests a second')
    expect(await page.locator('.figure.coupling').innerText()).toMatch(/^0\s+crossings\s+240k of 240k answers/)
    await expect.poll(() => counts('#decisions tbody tr'), patient).toBe(200)
    expect(await counts('.traveller')).toBeGreaterThan(20)
    // Nothing moves in the page's own thread.
    const movedProperties = await page.evaluate<string[]>(`
      [...new Set(document.getAnimations().flatMap((one) => one.effect.getKeyframes().flatMap(Object.keys)))]`)
    expect(movedProperties.toSorted()).toEqual([
      'composite',
      'computedOffset',
      'easing',
      'offset',
      'opacity',
      'transform',
    ])

    const elements = (): Promise<number> => page.evaluate<number>('document.querySelectorAll("*").length')
    const before = await elements()
    await page.evaluate(`document.querySelectorAll('#decisions tbody tr')[0].dataset.mark = 'mine'
      document.querySelectorAll('.traveller')[0].dataset.mark = 'mine'`)
    const anotherSecond = async (): Promise<void> => {
      traffic.second(20_000)
      const requests = `${traffic.requests / 1000}k of ${traffic.requests / 1000}k`
      await expect.poll(() => page.locator('.figure.coupling').innerText(), patient).toContain(requests)
    }
    for (let second = 0; second < 3; second++) await anotherSecond()
    expect(await counts('#decisions tbody tr')).toBe(200)
    expect(await elements()).toBeLessThanOrEqual(before + 10)
    // The row went down by as many as came, the dot went on.
    const place = await page.evaluate<number>(
      `[...document.querySelectorAll('#decisions tbody tr')].findIndex((row) => row.dataset.mark)`,
    )
    expect(place).toBe(72)
    expect(await counts('.traveller[data-mark]')).toBe(1)

    await page.getByRole('searchbox').fill('testers')
    await anotherSecond()
    const rows = await page.locator('#decisions tbody tr').allInnerTexts()
    expect(rows.filter((row) => row.includes('testers'))).toEqual(rows)
    expect(rows.length).toBeGreaterThan(2)
    expect(rows.length).toBeLessThan(100)
  })
})
