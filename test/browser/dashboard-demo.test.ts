// The dashboard of `graylane demo` as it is: the three situations that the demo has just played stand in its graph, and the release is
// taken on from there, from 5 % to promote to rollback, by the dashboard's own verbs on the demo's own file.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeWithChromium, launchChromium, openTab } from './chromium.ts'

const root = join(import.meta.dirname, '../..')
/** A busy machine may take its time over anything. */
const patient = { timeout: 30_000, interval: 200 }

describeWithChromium('the dashboard of a running demo', () => {
  it('shows its three versions with nothing crossed, goes from 5 % to promote to rollback, and explains', async () => {
    await using demo = await RunningDemo.start()
    await using browser = await launchChromium()
    const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, locale: 'en-GB' })
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    // The story may have been over for a while when Chromium is ready.
    await page.addInitScript(`localStorage.setItem('graylane-window', '300')`)
    await page.goto(demo.dashboard)

    // The three situations, as the demo's own visitors have played them.
    await expect.poll(() => versionsWithTraffic(page), patient).toEqual(['v1', 'v2', 'v3'])
    for (const hue of ['hue-0', 'hue-1', 'hue-2']) {
      expect(await page.locator(`#graph .links path.${hue}:not(.idle)`).count(), hue).toBeGreaterThan(2)
    }
    expect(await page.locator('#crossings').innerText()).toBe('0')
    expect(await page.locator('.link.crossing').count()).toBe(0)
    expect(await answersThatNamedTheirVersion(page)).toBeGreaterThanOrEqual(182)
    expect(await page.locator('#rules').innerText()).toMatch(/office[\s\S]*testers/)

    await carryOut(page, 'v2', 'Set a share', 'share: 5%')
    await expect.poll(() => card(page, 'v2').innerText(), patient).toContain('5 % share')

    await carryOut(page, 'v2', 'Promote', 'stable: v2')
    await expect.poll(() => card(page, 'v1').innerText(), patient).toContain('draining')
    const newcomer = await openTab(browser, demo.edge, stranger)
    expect(await newcomer.button()).toBe('V22')
    await expectExplained(page, '192.168.0.57', /v2[\s\S]*frontend of v2[\s\S]*because: stable/)

    await carryOut(page, 'v2', 'Roll back', 'stable: v1')
    const next = await openTab(browser, demo.edge, stranger)
    expect(await next.button()).toBe('V11')
    // The page that was open all along is served to its end by the version it is of.
    expect((await newcomer.press()).verdict).toBe('Everything came from v2. Nothing crossed.')
    expect((await next.press()).verdict).toBe('Everything came from v1. Nothing crossed.')
    await expectExplained(page, '192.168.0.57', /v1[\s\S]*frontend of v1[\s\S]*because: stable/)
    await expect.poll(() => page.locator('#reloads .reload').count(), patient).toBe(4)

    expect(await page.locator('#crossings').innerText()).toBe('0')
    expect([...errors, ...newcomer.errors, ...next.errors]).toEqual([])
  }, 180_000)
})

const stranger: BrowserContextOptions = { extraHTTPHeaders: { 'X-Forwarded-For': '192.168.0.57' } }

function card(page: Page, version: string) {
  return page.locator(`.version[data-version=${version}]`)
}

/** Those that get more than nothing a second, as the graph says to who cannot see it. */
async function versionsWithTraffic(page: Page): Promise<readonly string[]> {
  const label = (await page.locator('#graph svg').getAttribute('aria-label')) ?? ''
  return [...label.matchAll(/(v\d) gets ([\d.]+) a second/g)]
    .filter(([, , rate]) => Number(rate) > 0)
    .map(([, version = '']) => version)
}

async function answersThatNamedTheirVersion(page: Page): Promise<number> {
  const text = await page.locator('.figure.coupling').innerText()
  return Number(/([\d,]+) of [\d,]+ answers named their version/.exec(text)?.[1]?.replace(',', ''))
}

/** Presses the verb on that version's card, sees what would change, applies it, and waits until it is in force. */
async function carryOut(page: Page, version: string, verb: string, change: string): Promise<void> {
  const dialog = page.locator('#verb-dialog')
  await card(page, version).getByRole('button', { name: verb, exact: true }).click()
  await expect
    .poll(() => dialog.locator('.patch .added').allInnerTexts(), patient)
    .toContainEqual(expect.stringContaining(change))
  await dialog.getByRole('button', { name: 'Apply', exact: true }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await page.locator('.toast').last().innerText()).toMatch(/^Done: configuration [0-9a-f]{12} is in force/)
}

/** Asks the form for a page load from that address. What it said before stays until the answer is there. */
async function expectExplained(page: Page, address: string, pattern: RegExp): Promise<void> {
  await page.getByLabel('Client address').fill(address)
  await page.locator('#explain button').click()
  await expect.poll(() => page.locator('.explained').innerText(), patient).toMatch(pattern)
}

/** `graylane demo` in a process of its own, on ports of the kernel's choice, with its story played. */
class RunningDemo implements AsyncDisposable {
  readonly edge: string
  readonly dashboard: string
  readonly #end: () => Promise<void>

  private constructor(edge: string, dashboard: string, end: () => Promise<void>) {
    this.edge = edge
    this.dashboard = dashboard
    this.#end = end
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end()
  }

  static async start(): Promise<RunningDemo> {
    const child = spawn(process.execPath, ['src/main.ts', 'demo', '--ports', 'auto'], { cwd: root })
    const ended = once(child, 'close')
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (more: string) => (text += more))
    const end = async (): Promise<void> => {
      child.kill('SIGTERM')
      await ended
    }
    const isUp = expect.poll(() => text, { timeout: 60_000 }).toContain('What graylane logs meanwhile:')
    try {
      await Promise.race([isUp, ended.then(() => expect.unreachable(`the demo ended:\n${text}`))])
      expect(text).toMatch(/^crossings: 0$/m)
    } catch (error) {
      await end()
      throw error
    }
    const edge = /open (http:\S+) and press/.exec(text)?.[1] ?? ''
    const dashboard = /dashboard +open (http:\S+)/.exec(text)?.[1] ?? ''
    return new RunningDemo(edge, dashboard, end)
  }
}
