// The dashboard when something is in its way: a gateway that is gone or silent, a token that is not taken, an answer that takes its time.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

import type { Browser } from 'playwright-core'
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

  it('says that a token is not taken, also one that no field can hold, and asks until one is', async () => {
    await using stage = await GrayStage.start({ token: 'a-token-of-sixteen-letters' })
    const context = await browser.newContext({ locale: 'en-GB' })
    const page = await context.newPage()
    await page.goto(stage.dashboard)
    const dialog = page.locator('#token-dialog')
    await dialog.getByLabel('Token').waitFor()
    expect(await dialog.getByRole('alert').count()).toBe(0)
    for (const token of ['a-token-that-is-wrong', 'a “token” of 令牌']) {
      await dialog.getByLabel('Token').fill(token)
      await page.keyboard.press('Enter')
      await expect.poll(() => dialog.getByLabel('Token').inputValue()).toBe('')
      expect(await dialog.getByRole('alert').innerText()).toBe('This token is not taken.')
    }
    for (let times = 0; times < 3; times++) await page.keyboard.press('Escape')
    await dialog.getByLabel('Token').fill(' a-token-of-sixteen-letters ')
    await page.keyboard.press('Enter')
    await page.locator('#graph svg').waitFor()
    await context.close()
  })

  it('takes a gateway that says nothing any more for lost, and comes back to it', async () => {
    await using stage = await GrayStage.start()
    await using relay = await Relay.start(stage.admin.address)
    const context = await browser.newContext({ locale: 'en-GB' })
    const page = await context.newPage()
    await page.clock.install()
    await page.goto(relay.url)
    await page.locator('#graph svg').waitFor()
    relay.hold()
    await page.clock.fastForward(11_000)
    const standing = page.locator('#standing')
    await expect.poll(() => standing.innerText()).toContain('no connection to the gateway')
    expect(await page.locator('body.lost').count()).toBe(1)
    relay.letPass()
    await page.clock.fastForward(2000)
    await expect.poll(() => standing.innerText()).toContain('ready')
    expect(await page.locator('body.lost').count()).toBe(0)
    await context.close()
  })

  it('applies a change once, however often Apply is pressed', async () => {
    await using stage = await GrayStage.start()
    await using tab = await openDashboard(browser, stage)
    const { page } = tab
    const dialog = page.locator('#verb-dialog')
    await page.locator('.version[data-version=v2]').getByRole('button', { name: 'Set a share' }).click()
    await dialog.locator('.patch').waitFor()
    const { promise: answered, resolve: letAnswer } = Promise.withResolvers<void>()
    await page.route('**/release/share', async (route) => {
      await answered
      await route.continue()
    })
    const apply = dialog.getByRole('button', { name: 'Apply', exact: true })
    await apply.click()
    expect(await apply.isDisabled()).toBe(true)
    letAnswer()
    await dialog.waitFor({ state: 'hidden' })
    expect(await stage.routes()).toContain('share: 5%')
  })
})

/** Passes bytes on to an address, until it is told to hold them. */
class Relay implements AsyncDisposable {
  readonly #server
  readonly #sockets = new Set<Socket>()
  #isHeld = false

  private constructor(target: string) {
    const [host, port] = target.split(':') as [string, string]
    this.#server = createServer((near) => {
      const far = connect(Number(port), host)
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from.on('data', (bytes) => this.#isHeld || to.write(bytes))
        from.on('error', () => to.destroy()).on('close', () => to.destroy())
      }
    })
  }

  static async start(target: string): Promise<Relay> {
    const relay = new Relay(target)
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve))
    return relay
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** What comes from now on is lost, and no connection ends. */
  hold(): void {
    this.#isHeld = true
  }

  letPass(): void {
    this.#isHeld = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
