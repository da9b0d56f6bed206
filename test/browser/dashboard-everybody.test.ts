// The dashboard for everybody: by keyboard alone, in Chinese, in the dark, on a phone, and by what axe-core says of it.

import { createRequire } from 'node:module'

import type { AxeResults } from 'axe-core'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { describeWithChromium, launchChromium } from './chromium.ts'
import { openDashboard } from './dashboard-tab.ts'
import { GrayStage } from './gray-stage.ts'

describeWithChromium('the dashboard, for everybody,', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  it('is worked by keyboard alone: to the graph, to a verb, through its dialog and back to where one was', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    const focused = (): Promise<string> =>
      page.evaluate<string>(`document.activeElement.closest('label')?.innerText || document.activeElement.innerText`)
    const tabTo = async (text: string): Promise<void> => {
      for (let presses = 0; (await focused()) !== text; presses++) {
        expect(presses, `of Tab, and ${text} is not reached`).toBeLessThan(40)
        await page.keyboard.press('Tab')
        // Whoever works by keyboard sees where he is.
        expect(await page.evaluate('document.activeElement.matches(":focus-visible")')).toBe(true)
      }
    }
    await tabTo('Skip to the graph')
    await page.keyboard.press('Enter')
    expect(await focused()).toBe('Traffic')
    await tabTo('Set a share')
    await page.keyboard.press('Enter')
    await page.locator('#verb-dialog .patch').waitFor()
    expect(await focused()).toBe('Set a share')
    await page.keyboard.press('ArrowRight')
    expect(await focused()).toBe('Add people')
    await tabTo('Addresses, separated by spaces')
    await page.keyboard.type('10.8.0.1 10.9.0.0/16')
    await expect
      .poll(() => page.locator('#verb-dialog .patch .added').allInnerTexts())
      .toContainEqual(expect.stringContaining(', 10.8.0.1, 10.9.0.0/16]'))
    await tabTo('Apply')
    await page.keyboard.press('Enter')
    await page.locator('#verb-dialog').waitFor({ state: 'hidden' })
    expect(await stage.routes()).toContain(', 10.8.0.1, 10.9.0.0/16]')
  })

  it('speaks Chinese to browsers that do, and changes at a press', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage, { locale: 'zh-CN' })
    const { page } = tab
    expect(await page.locator('#versions-heading').innerText()).toBe('版本对比')
    expect(await page.locator('.rule .detail').allInnerTexts()).toEqual(['地址 = 192.168.0.58', 'Cookie user = jason'])
    await page.locator('#explain button').click()
    await expect.poll(() => page.locator('.explained').innerText()).toContain('v2：规则 office（routes.yaml:')
    await page.locator('.version[data-version=v2]').getByRole('button', { name: '设置访客比例' }).click()
    await page.locator('#verb-dialog .patch').waitFor()
    expect(await page.locator('#verb-dialog .changes').innerText()).toBe('v2 抽取到达此规则的访客的 5%')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'English' }).click()
    expect(await page.locator('.explained').innerText()).toContain('v2: rule office (routes.yaml:')
    expect(await page.locator('#versions-heading').innerText()).toBe('Versions, side by side')
    expect(await page.locator('html').getAttribute('lang')).toBe('en')
    await page.reload()
    await page.locator('#graph svg').waitFor()
    expect(await page.locator('#versions-heading').innerText()).toBe('Versions, side by side')
  })

  it('is dark where the system is, and light or dark where somebody chose it', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage, { colorScheme: 'dark' })
    const { page } = tab
    const ground = async (): Promise<string> => {
      const [, red = ''] =
        /rgb\((\d+)/.exec(await page.evaluate('getComputedStyle(document.body).backgroundColor')) ?? []
      return Number(red) < 128 ? 'dark' : 'light'
    }
    expect(await ground()).toBe('dark')
    await page.getByRole('button', { name: 'Theme: auto' }).click()
    expect(await ground()).toBe('light')
    await page.getByRole('button', { name: 'Theme: light' }).click()
    expect(await ground()).toBe('dark')
    await page.emulateMedia({ colorScheme: 'light' })
    await page.reload()
    expect(await ground()).toBe('dark')
  })

  const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
  const ways: [what: string, options: BrowserContextOptions][] = [
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true }],
    ['in Chinese', { locale: 'zh-CN' }],
  ]
  it.each(ways)('has nothing serious by axe, %s, with a dialog open and without', async (_what, options) => {
    await using stage = await GrayStage.start({
      served: (service, version) => (service === 'mqtt-server' && version === 'v2' ? 'v1' : version),
    })
    // axe is put into the page, which its own policy would not let in.
    await using tab = await openDashboard(browser, stage, { ...options, bypassCSP: true })
    const { page } = tab
    for (const guest of ['stranger', 'office', 'jason'] as const) await stage.visit(guest)
    await page.locator('#explain button').click()
    await page.locator('.explained').waitFor()
    await page.locator('#decisions tbody tr').first().waitFor()
    await page.addScriptTag({ path: axe })
    const serious = async (): Promise<string[]> => {
      const { violations } = await page.evaluate<AxeResults>('axe.run()')
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)
    }
    expect(await serious()).toEqual([])
    await page.locator('.version[data-version=v2] button').first().click()
    await page.locator('#verb-dialog .patch').waitFor()
    expect(await serious()).toEqual([])
    // Nothing is cut off sideways.
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  })

  it.each([360, 1280])('keeps names of 63 letters within the page and the graph, at %i pixels', async (width) => {
    const [blog, one, two] = ['blog', 'checkout-redesign', 'release.2026.11.27'].map((name) =>
      name.padEnd(63, '-build.4711'),
    ) as [string, string, string]
    const otherReleases = `---
name: ${blog}
hosts: [blog.example]
services: { web: {} }
versions: { ${one}: { web: "http://127.0.0.1:9" }, ${two}: { web: "http://127.0.0.1:19" } }
stable: ${one}
gray: [{ version: ${two}, share: 10% }]
`
    await using stage = await GrayStage.start({ otherReleases })
    await using tab = await openDashboard(browser, stage, { viewport: { width, height: 740 } })
    const { page } = tab
    await page.getByLabel('Release', { exact: true }).selectOption(blog)
    await page.locator(`.version[data-version="${two}"]`).waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    const ends = `Array.from(document.querySelectorAll('.lane-words'), (words) => words.getBoundingClientRect().right)`
    const graph = (await page.locator('#graph svg').boundingBox())!
    const rights = await page.evaluate<number[]>(ends)
    expect(rights).toHaveLength(2)
    for (const right of rights) expect(right).toBeLessThan(graph.x + graph.width)
  })

  it('says how many fail within the box of the service', async () => {
    await using stage = await GrayStage.start({ status: () => 503, delayMs: () => 120 })
    await using tab = await openDashboard(browser, stage)
    for (let i = 0; i < 5; i += 1) await stage.visit('office')
    await tab.page.locator('.node.service .bad').first().waitFor()
    const beyond = `Array.from(document.querySelectorAll('.node.service'), (node) =>
      node.querySelector('.figures-line').getBoundingClientRect().right - node.querySelector('rect').getBoundingClientRect().right)`
    expect(Math.max(...(await tab.page.evaluate<number[]>(beyond)))).toBeLessThan(0)
  })
})
