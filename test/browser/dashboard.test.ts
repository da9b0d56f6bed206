import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { describeWithChromium, launchChromium } from './chromium.ts'
import { openDashboard } from './dashboard-tab.ts'
import { GrayStage } from './gray-stage.ts'

describeWithChromium('the dashboard', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  /** Links of the graph along which something moves, by the hue of their version: v1 is hue-0. */
  function moving(page: Page): Promise<string[]> {
    return page
      .locator('#graph .links path:not(.idle)[class*=hue]')
      .evaluateAll((paths) =>
        [...new Set(paths.map((path) => /hue-\d/.exec(path.getAttribute('class') ?? '')![0]))].toSorted(),
      )
  }

  it('draws the three situations: an address not on the list, one that is, all at once; each version in its own lane', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage, { reducedMotion: 'no-preference' })
    const { page } = tab
    expect(await moving(page)).toEqual([])

    expect(await stage.visit('stranger')).toEqual(['v1', 'v1', 'v1'])
    await expect.poll(() => moving(page), { timeout: 8000 }).toEqual(['hue-0'])
    // Ten seconds later nothing of it is in the window any more.
    await expect.poll(() => moving(page), { timeout: 20_000 }).toEqual([])

    expect(await stage.visit('office')).toEqual(['v2', 'v2', 'v2'])
    await expect.poll(() => moving(page), { timeout: 8000 }).toEqual(['hue-1'])

    for (const guest of ['stranger', 'office', 'jason'] as const) stage.keepVisiting(guest, 5)
    await expect.poll(() => moving(page), { timeout: 8000 }).toEqual(['hue-0', 'hue-1', 'hue-2'])
    await expect.poll(() => page.locator('.traveller').count()).toBeGreaterThan(10)
    // A frontend and its backend behind it, and an endpoint of each, for each version.
    expect(await page.locator('.node.service').count()).toBe(6)
    expect(await page.locator('.node.endpoint').count()).toBe(6)
    expect(await page.locator('#crossings').innerText()).toBe('0')
    expect(await page.locator('.figure.coupling').innerText()).toMatch(/\d+ of \d+ answers named their version/)
    expect(await page.locator('.link.crossing').count()).toBe(0)
    expect(await page.locator('#graph svg').getAttribute('aria-label')).toMatch(/v3 gets [\d.]+ a second; 0 crossings/)
  })

  it('draws a crossing in red, from lane to lane, and counts it', async () => {
    await using stage = await GrayStage.start({
      served: (service, version) => (service === 'mqtt-server' && version === 'v2' ? 'v1' : version),
    })
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    await stage.visit('office')
    await page.locator('.link.crossing').first().waitFor()
    // The page's call and the server's; they may come in the reports of two seconds.
    await expect.poll(() => page.locator('#crossings').innerText(), { timeout: 10_000 }).toBe('2')
    expect(await page.locator('.crossing-badge').innerHTML()).toContain('crossing 2')
    expect(await page.locator('.figure.coupling').innerText()).toContain('mqtt-server: asked v2, v1 answered')
    await page.getByLabel('Only what went wrong').check()
    expect(await page.locator('#decisions tbody tr').count()).toBe(2)
    expect(await page.locator('#decisions tbody').innerText()).toContain('answered by v1')
  })

  it('takes a release from 5 % to promote to rollback, each shown first, and says what is in force', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    const dialog = page.locator('#verb-dialog')
    const card = (version: string) => page.locator(`.version[data-version=${version}]`)
    const carryOut = async (version: string, verb: string, look: () => Promise<void>): Promise<void> => {
      await card(version).getByRole('button', { name: verb, exact: true }).click()
      await dialog.locator('.patch').waitFor()
      const before = await stage.routes()
      await look()
      expect(await stage.routes()).toBe(before)
      await dialog.getByRole('button', { name: 'Apply', exact: true }).click()
      await dialog.waitFor({ state: 'hidden' })
      expect(await page.locator('.toast').innerText()).toMatch(/^Done: configuration [0-9a-f]{12} is in force/)
    }

    await carryOut('v2', 'Set a share', async () => {
      expect(await dialog.getByLabel('Share of all visitors').inputValue()).toBe('5%')
      expect(await dialog.locator('.patch .added').allInnerTexts()).toEqual([
        expect.stringContaining('version: v2'),
        expect.stringContaining('share: 5%'),
      ])
    })
    expect(await stage.routes()).toContain('share: 5%')
    await expect.poll(() => card('v2').innerText(), { timeout: 5000 }).toContain('5 % share')

    await carryOut('v2', 'Promote', async () => {
      expect(await dialog.locator('.changes').innerText()).toContain('v2')
    })
    expect(await stage.visit('stranger')).toEqual(['v2', 'v2', 'v2'])
    await expect.poll(() => card('v1').innerText(), { timeout: 5000 }).toContain('draining')

    await carryOut('v2', 'Roll back', async () => {
      expect(await dialog.locator('.patch .added').allInnerTexts()).toContainEqual(
        expect.stringContaining('stable: v1'),
      )
    })
    expect((await stage.visit('stranger')).at(0)).toBe('v1')
    expect(await stage.routes()).toContain('# The shop: a frontend and its backend, released together.')
    await expect.poll(() => page.locator('#reloads .reload').count(), { timeout: 5000 }).toBe(4)
  })

  it('refuses in the dialog what the verb refuses, asks what it does not know, and offers to copy where the file is read-only', async () => {
    const { chmod } = await import('node:fs/promises')
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    const dialog = page.locator('#verb-dialog')
    await page.locator('.version[data-version=v2]').getByRole('button', { name: 'Set a share' }).click()
    await dialog.getByLabel('Share of all visitors').fill('500%')
    await dialog.locator('.refusal').waitFor()
    expect(await dialog.getByRole('button', { name: 'Apply' }).isDisabled()).toBe(true)
    await page.keyboard.press('Escape')

    await page.locator('.version[data-version=v1]').getByRole('button', { name: 'Roll back' }).click()
    await expect.poll(() => dialog.locator('.refusal').innerText()).toContain('no version drains')
    await dialog.getByLabel('Everybody goes back to').selectOption('v3')
    await expect
      .poll(() => dialog.locator('.patch .added').allInnerTexts())
      .toContainEqual(expect.stringContaining('stable: v3'))
    await page.keyboard.press('Escape')

    await chmod(stage.path, 0o444)
    await page.locator('.version[data-version=v2]').getByRole('button', { name: 'Promote' }).click()
    await dialog.getByRole('button', { name: 'Copy the patch' }).waitFor()
    expect(await dialog.getByRole('button', { name: 'Apply' }).count()).toBe(0)
    expect(await dialog.innerText()).toContain('may not write this file')
  })

  it('explains by the very function that decides: address, cookie, header, URL', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    const result = page.locator('.explained')
    await page.getByLabel('Client address').fill('192.168.0.58')
    await page.locator('#explain button').click()
    await result.waitFor()
    expect(await result.innerText()).toMatch(/v2[\s\S]*frontend of v2[\s\S]*because: rule office/)

    await page.getByLabel('Client address').fill('192.168.0.57')
    await page.getByLabel('URL or path').fill('/api/devices')
    await page.getByLabel('Cookies').fill('user=jason')
    await page.getByLabel('Other headers, one a line').fill('sec-fetch-mode: cors')
    await page.keyboard.press('Tab')
    await page.locator('#explain button').click()
    await expect.poll(() => result.innerText()).toMatch(/v3[\s\S]*mqtt-server of v3[\s\S]*rule testers/)
    await page.getByLabel('Client address').fill('not an address')
    await page.locator('#explain button').click()
    await expect.poll(() => result.innerText()).toContain('is no IP address')
  })

  it('explains what an internal listener does with a call of a service', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    const [edge, internal] = stage.gateway.listeners().toSorted((a, b) => Number(a.internal) - Number(b.internal))
    const choice = page.getByLabel('Listener')
    expect(await choice.locator('option').allInnerTexts()).toEqual([
      `127.0.0.1:${edge!.port}, edge`,
      `127.0.0.1:${internal!.port}, internal`,
    ])
    await choice.selectOption(`127.0.0.1:${internal!.port}, internal`)
    expect(await page.evaluate('document.activeElement.name')).toBe('listener')
    expect(await page.getByLabel('Address of the caller').inputValue()).toBe('127.0.0.1')
    expect(await page.getByLabel('URL or path').inputValue()).toBe('http://mqtt-server/')
    await page.getByLabel('Other headers, one a line').fill('x-version: v3')
    await page.locator('#explain button').click()
    await expect.poll(() => page.locator('.explained').innerText()).toMatch(/v3[\s\S]*mqtt-server of v3[\s\S]*asked/)
    // At the edge nobody chooses a version by saying so.
    await choice.selectOption(`127.0.0.1:${edge!.port}, edge`)
    await page.getByLabel('URL or path').fill('/api/devices')
    await page.locator('#explain button').click()
    await expect.poll(() => page.locator('.explained').innerText()).toMatch(/mqtt-server of v1[\s\S]*stable/)
  })

  it('filters the last decisions, by keyboard too', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    await stage.visit('office')
    await stage.visit('jason')
    await page.locator('#decisions tbody tr').first().waitFor()
    await page.locator('#graph-heading').focus()
    await page.keyboard.press('/')
    await page.keyboard.type('office')
    await expect.poll(() => page.locator('#decisions tbody tr').count()).toBe(1)
    expect(await page.locator('#decisions tbody tr').innerText()).toMatch(/v2\s+rule office\s+GET \//)
  })

  it('has history of reloads with their diffs, and says when the file on disk is refused', async () => {
    const { writeFile } = await import('node:fs/promises')
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    const before = await stage.routes()
    await writeFile(stage.path, before.replace('192.168.0.58', '192.168.0.0/24'))
    const reloads = page.locator('#reloads')
    await expect.poll(() => reloads.innerText(), { timeout: 8000 }).toContain('took effect')
    await reloads.locator('summary').first().click()
    expect(await reloads.locator('.patch .added').first().innerText()).toBe('+    ip: [192.168.0.0/24]')
    await writeFile(stage.path, before.replace('stable: v1', 'stable: v9'))
    await expect.poll(() => page.locator('#standing').innerText(), { timeout: 8000 }).toContain('was refused')
    expect(await reloads.locator('.problems').first().innerText()).toMatch(/routes\.yaml:\d+:\d+: error/)
    await writeFile(stage.path, before.replace('192.168.0.58', '192.168.0.0/24'))
    await expect.poll(() => page.locator('#standing').innerText(), { timeout: 8000 }).not.toContain('was refused')
    expect(await reloads.locator('.reload').first().innerText()).toContain('as before what was refused')
  })

  it('shows one release at a time where there are several, and releases the one that is shown', async () => {
    const otherReleases = `---
name: blog
hosts: [blog.example]
services: { web: {} }
versions: { w1: { web: "http://127.0.0.1:9" }, w2: { web: "http://127.0.0.1:19" } }
stable: w1
`
    await using stage = await GrayStage.start({ otherReleases })
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    await stage.visit('office')
    await page.locator('#decisions tbody tr').first().waitFor()
    const choice = page.getByLabel('Release', { exact: true })
    expect(await choice.locator('option').allInnerTexts()).toEqual(['shop', 'blog'])
    await choice.selectOption('blog')
    expect(await page.locator('.version').evaluateAll((cards) => cards.map((card) => card.dataset['version']))).toEqual(
      ['w1', 'w2'],
    )
    expect(await page.locator('#rules').innerText()).toBe('No gray rules: everyone gets w1.')
    // Decisions of the other one are not about this one.
    expect(await page.locator('#decisions tbody tr').count()).toBe(0)
    await page.locator('.version[data-version=w2]').getByRole('button', { name: 'Set a share' }).click()
    await page.locator('#verb-dialog .patch').waitFor()
    await page.locator('#verb-dialog').getByRole('button', { name: 'Apply', exact: true }).click()
    await page.locator('#verb-dialog').waitFor({ state: 'hidden' })
    expect((await stage.routes()).split('---')[1]).toContain('share: 5%')
    expect(await page.getByLabel('URL or path').inputValue()).toBe('http://blog.example/')
    await page.locator('#explain button').click()
    await expect.poll(() => page.locator('.explained').innerText()).toMatch(/w[12][\s\S]*web of w[12]/)
    // What was chosen stays chosen as the stream goes on.
    await expect
      .poll(() => page.locator('.version[data-version=w2]').innerText(), { timeout: 5000 })
      .toContain('5 % share')
  })

  it('asks for the token where the admin server wants one, and works with it', async () => {
    await using stage = await GrayStage.start({ token: 'a-token-of-sixteen-letters' })
    const context = await browser.newContext({ locale: 'en-GB' })
    const page = await context.newPage()
    await page.goto(stage.dashboard)
    const dialog = page.locator('#token-dialog')
    await dialog.getByLabel('Token').fill('a-token-that-is-wrong')
    await page.keyboard.press('Enter')
    await expect.poll(() => dialog.getByLabel('Token').inputValue()).toBe('')
    expect(await page.locator('#graph svg').count()).toBe(0)
    await dialog.getByLabel('Token').fill('a-token-of-sixteen-letters')
    await page.keyboard.press('Enter')
    await page.locator('#graph svg').waitFor()
    await page.locator('#explain button').click()
    await expect.poll(() => page.locator('.explained').innerText()).toContain('v2')
    await context.close()
  })
})
