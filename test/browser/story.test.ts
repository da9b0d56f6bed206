// The story's three situations in real browsers, and a rollout while a page is open: nobody's page is answered by two versions.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { devicesOf } from '../../demo/devices.ts'
import { startStage, type Stage } from '../../demo/stage.ts'
import { describeWithChromium, launchChromium, openTab, type Tab } from './chromium.ts'

const notListed: BrowserContextOptions = { extraHTTPHeaders: { 'X-Forwarded-For': '192.168.0.57' } }
const listed: BrowserContextOptions = { extraHTTPHeaders: { 'X-Forwarded-For': '192.168.0.58' } }
const calls = ['/api/devices', '/bff/devices', '/bff/by-address/devices']

describeWithChromium('the story in Chromium', () => {
  let browser: Browser
  let stage: Stage
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())
  beforeEach(async () => {
    stage = await startStage({
      configPath: join(import.meta.dirname, '../../config/routes.yaml'),
      anyPorts: true,
      print: () => undefined,
      signal: new AbortController().signal,
    })
  })
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await stage.close()
  })

  it('an address that is not on the list gets v1 for everything', async () => {
    await expectVersion(await openTab(browser, stage.edgeUrl, notListed), 'v1')
  })

  it('an address on the list gets v2 for everything', async () => {
    await expectVersion(await openTab(browser, stage.edgeUrl, listed), 'v2')
  })

  it('a user who is on the list by cookie gets v3 for everything', async () => {
    const tab = await openTab(browser, 'about:blank', notListed)
    await tab.context.addCookies([{ name: 'user', value: 'jason', url: stage.edgeUrl }])
    await tab.page.goto(stage.edgeUrl)
    await expectVersion(tab, 'v3')
  })

  it('both at once: each gets its own version, page after page', async () => {
    const tabs = await Promise.all([notListed, listed].map((options) => openTab(browser, stage.edgeUrl, options)))
    const expected = ['v1', 'v2']
    for (let round = 0; round < 3; round++) {
      await Promise.all(tabs.map((tab, index) => expectVersion(tab, expected[index] ?? '')))
      await Promise.all(tabs.map((tab) => tab.page.reload()))
    }
  })

  it('a visitor whose address leaves the list in mid-page keeps the version of the open page', async () => {
    const tab = await openTab(browser, stage.edgeUrl, listed)
    await tab.context.setExtraHTTPHeaders({ 'X-Forwarded-For': '192.168.0.57' })
    await expectVersion(tab, 'v2')
  })

  it('a page that was opened before a rollout ends on its own version; the next one is new', async () => {
    const tab = await openTab(browser, stage.edgeUrl, notListed)
    expect(await tab.button()).toBe('V11')

    await promoteV2(stage.configPath)
    await expect.poll(async () => versionOfNewcomer(stage.edgeUrl), { timeout: 10_000 }).toBe('v2')

    expect(tab.answers.some(({ path }) => path.includes('/devices'))).toBe(false)
    await expectVersion(tab, 'v1')
    expect(tab.answers.filter(({ path }) => path.startsWith('/assets/devices-'))).toHaveLength(1)

    const before = tab.answers.length
    await tab.page.reload()
    await expectVersion(tab, 'v2', before)
  })
})

/** Presses the button, and holds every answer since `from` against that version: by content, and by what it says of itself. */
async function expectVersion(tab: Tab, version: string, from = 0): Promise<void> {
  const number = version.slice(1)
  expect(await tab.button()).toBe(`V${number}${number}`)
  const shown = await tab.press()
  expect(shown.verdict).toBe(`Everything came from ${version}. Nothing crossed.`)
  expect(Object.keys(shown.devices)).toEqual(calls)
  for (const path of calls) expect(shown.devices[path], path).toEqual(devicesOf(version))
  expect(Object.keys(shown.answered)).toHaveLength(7)
  expect(new Set(Object.values(shown.answered))).toEqual(new Set([version]))
  const answers = tab.answers.slice(from)
  expect(answers.map(({ path }) => path)).toEqual(expect.arrayContaining(['/', ...calls]))
  expect(answers.filter((answer) => answer.version !== version || answer.status >= 400)).toEqual([])
  expect(tab.errors).toEqual([])
}

/** Everybody's next page is v2; v1 serves its open pages to their end. As an editor would save it: a new file under the old name. */
async function promoteV2(configPath: string): Promise<void> {
  const document = parseDocument(await readFile(configPath, 'utf8'))
  document.set('stable', 'v2')
  document.set('draining', ['v1'])
  await writeFile(`${configPath}.new`, document.toString())
  await rename(`${configPath}.new`, configPath)
}

async function versionOfNewcomer(edgeUrl: string): Promise<string | null> {
  const answer = await fetch(edgeUrl, { headers: { accept: 'text/html' } })
  await answer.body?.cancel()
  return answer.headers.get('x-version')
}
