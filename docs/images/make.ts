// Makes the screenshots of the dashboard that the README shows: `node docs/images/make.ts [FOLDER]`. Real servers, a real gateway, real
// visits; the three situations of the story, and what a crossing would look like. Wants Chromium.

import { join } from 'node:path'

import type { Browser } from 'playwright-core'

import { launchChromium } from '../../test/browser/chromium.ts'
import { GrayStage, type Guest } from '../../test/browser/gray-stage.ts'

const folder = process.argv[2] ?? import.meta.dirname

interface Shot {
  readonly name: string
  readonly visitors: Partial<Record<Guest, number>>
  readonly scheme?: 'light' | 'dark'
  readonly language?: string
  readonly width?: number
  readonly crossing?: boolean
  readonly whole?: boolean
}

const shots: readonly Shot[] = [
  { name: 'graph-not-on-the-list', visitors: { stranger: 6 } },
  { name: 'graph-on-the-list', visitors: { office: 6 } },
  { name: 'graph-all-at-once', visitors: { stranger: 14, office: 6, jason: 3 } },
  { name: 'graph-crossing', visitors: { stranger: 14, office: 6 }, crossing: true },
  { name: 'dashboard', visitors: { stranger: 14, office: 6, jason: 3 }, whole: true },
  {
    name: 'dashboard-dark',
    visitors: { stranger: 14, office: 6, jason: 3 },
    whole: true,
    scheme: 'dark',
    language: 'zh-CN',
  },
  { name: 'dashboard-phone', visitors: { stranger: 14, office: 6, jason: 3 }, whole: true, width: 390 },
]

const wanted = process.argv[3]
const browser = await launchChromium()
try {
  for (const shot of shots) if (wanted === undefined || shot.name === wanted) await take(browser, shot)
} finally {
  await browser.close()
}

async function take(chromium: Browser, shot: Shot): Promise<void> {
  const { name, visitors, scheme = 'light', language = 'en-GB', width = 1360, crossing = false, whole = false } = shot
  await using stage = await GrayStage.start({
    served: (service, version) => (crossing && service === 'mqtt-server' && version === 'v2' ? 'v1' : version),
    delayMs: () => 2 + Math.random() * 9,
  })
  const context = await chromium.newContext({
    viewport: { width, height: 900 },
    deviceScaleFactor: whole ? 1 : 1.5,
    colorScheme: scheme,
    locale: language,
  })
  const page = await context.newPage()
  await page.addInitScript(`localStorage.setItem('graylane-window', '10')`)
  await page.goto(stage.dashboard)
  for (const [guest, perSecond] of Object.entries(visitors)) stage.keepVisiting(guest as Guest, perSecond)
  await page.waitForTimeout(12_000)
  const path = join(folder, `${name}.png`)
  if (whole) await page.screenshot({ path, fullPage: true })
  else await page.locator('.graph-card').screenshot({ path })
  process.stdout.write(`${path}\n`)
  await context.close()
}
