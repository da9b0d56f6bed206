// A tab with the dashboard of a stage.

import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'

import type { GrayStage } from './gray-stage.ts'

export interface DashboardTab extends AsyncDisposable {
  readonly page: Page
}

/** Opens it with a window of ten seconds. At its end no script has failed, and its policy has refused nothing. */
export async function openDashboard(
  browser: Browser,
  stage: GrayStage,
  options: BrowserContextOptions = {},
): Promise<DashboardTab> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, locale: 'en-GB', ...options })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    // A refused verb is an answer with a status of 4xx, which Chromium calls an error.
    if (message.type() === 'error' && !message.text().includes('status of 4')) errors.push(message.text())
  })
  await page.addInitScript(`localStorage.setItem('graylane-window', '10')`)
  await page.goto(stage.dashboard)
  await page.locator('#graph svg').waitFor()
  return {
    page,
    async [Symbol.asyncDispose]() {
      await context.close()
      expect(errors).toEqual([])
    },
  }
}
