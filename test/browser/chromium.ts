// Chromium for the tests: where it is, how it is started, and what a page of the demo shows.
// Leaves tests out with a sentence when it is missing, but never in CI.

import { existsSync } from 'node:fs'
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type LaunchOptions,
  type Page,
} from 'playwright-core'
import { describe } from 'vitest'

const executablePath = '/usr/bin/chromium'
const missing = !existsSync(executablePath) && !process.env['CI']

/** `describe` for tests that need Chromium. */
export function describeWithChromium(name: string, tests: () => void): void {
  if (missing) describe.skip(`${name} (left out: ${executablePath} is missing; install the package chromium)`, tests)
  else describe(name, { timeout: 60_000 }, tests)
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch(launchOptions())
}

export function launchOptions({ args = [], ...options }: LaunchOptions = {}): LaunchOptions {
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  const own = ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet]
  return { executablePath, args: [...own, ...args], ...options }
}

/** A browser of its own with one tab on the demo's page, and everything that was answered to it. */
export interface Tab {
  readonly context: BrowserContext
  readonly page: Page
  /** Every answer so far, in order of arrival. */
  readonly answers: readonly { path: string; status: number; version: string | undefined }[]
  /** Errors of the page's scripts and what the console called an error. */
  readonly errors: readonly string[]
  button(): Promise<string>
  /** Presses the button and waits for the verdict; gives what the page then shows. */
  press(): Promise<Shown>
}

export interface Shown {
  readonly verdict: string
  /** Request and version, as the table on the page says. */
  readonly answered: Readonly<Record<string, string>>
  /** Devices by the path that was called. */
  readonly devices: Readonly<Record<string, readonly string[]>>
}

export async function openTab(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const answers: { path: string; status: number; version: string | undefined }[] = []
  const errors: string[] = []
  page.on('response', (response) => {
    const version = response.headers()['x-version']
    answers.push({ path: new URL(response.url()).pathname, status: response.status(), version })
  })
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  await page.goto(url)
  return {
    context,
    page,
    answers,
    errors,
    button: () => page.getByRole('button').innerText(),
    async press() {
      await page.getByRole('button').click()
      await page.locator('#verdict[data-state=good], #verdict[data-state=bad]').waitFor()
      return page.evaluate<Shown>(reading)
    },
  }
}

/** Runs in the page, in one round trip. */
const reading = `({
  verdict: document.querySelector('#verdict').innerText,
  answered: Object.fromEntries(
    [...document.querySelectorAll('#answers tr')].map((row) => [...row.children].map((cell) => cell.innerText)),
  ),
  devices: Object.fromEntries(
    [...document.querySelectorAll('#lists article')].map((card) => [
      card.dataset.path,
      [...card.querySelectorAll('li')].map((item) => item.innerText),
    ]),
  ),
})`
