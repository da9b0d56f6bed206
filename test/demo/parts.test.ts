// The parts of the demo, each by itself: what the story says of them has to be true without graylane.

import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startBroker } from '../../demo/broker.ts'
import { startDevices } from '../../demo/devices.ts'
import { buildPages } from '../../demo/frontend/build.ts'
import { startFrontend } from '../../demo/frontend-server.ts'
import { checkAddresses, listen } from '../../demo/listen.ts'
import { startMqttServer } from '../../demo/mqtt-server.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const closer of closers.splice(0).toReversed()) await closer()
})
function keep<T extends { close(): Promise<unknown> }>(part: T): T {
  closers.push(() => part.close())
  return part
}

describe('mqtt-server', () => {
  it.each([
    ['v1', 1],
    ['v2', 11],
    ['v3', 21],
  ])('%s answers its ten devices, from wsytest number %i on, and names itself', async (version, first) => {
    const broker = keep(await startBroker())
    keep(await startDevices(broker.url))
    const server = keep(await startMqttServer(version, { part: version, host: '127.0.1.1', port: 0 }, broker.url))
    const answer = await fetch(`http://${server.host}:${server.port}/api/devices`)
    const body = (await answer.json()) as { message: string[] }
    expect(Object.keys(body)).toEqual(['message'])
    expect(body.message.toSorted()).toEqual(
      Array.from({ length: 10 }, (_, index) => `wsytest${String(first + index).padStart(3, '0')}`),
    )
    expect(answer.headers.get('x-served-version')).toBe(version)
  })

  it('knows its devices over MQTT: when they lose their connection they leave the list', async () => {
    const broker = keep(await startBroker())
    const devices = await startDevices(broker.url)
    const server = keep(await startMqttServer('v1', { part: 'v1', host: '127.0.1.1', port: 0 }, broker.url))
    await devices.close()
    await expect
      .poll(async () => (await fetch(`http://${server.host}:${server.port}/api/devices`)).json(), { timeout: 5000 })
      .toEqual({ message: [] })
  })
})

describe('the three builds of the page', () => {
  it('differ in every file: text, script, style and lazy chunk, each under its own hash', async () => {
    const { builds } = await buildPages(['v1', 'v2', 'v3'])
    const files = await Promise.all(
      builds.map(async ({ directory }) => (await readdir(join(directory, 'assets'))).toSorted()),
    )
    expect(new Set(files.flat()).size).toBe(9)
    for (const names of files) {
      expect(names).toEqual([
        expect.stringMatching(/^devices-[\w-]{8}\.js$/),
        expect.stringMatching(/^index-[\w-]{8}\.(js|css)$/),
        expect.stringMatching(/^index-[\w-]{8}\.(js|css)$/),
      ])
    }
    const pages = await Promise.all(builds.map(({ directory }) => readFile(join(directory, 'index.html'), 'utf8')))
    expect(pages.map((page) => /<button[^>]*>(.+)<\/button>/.exec(page)?.[1])).toEqual(['V11', 'V22', 'V33'])
  })

  it('load nothing from anywhere else', async () => {
    const { builds } = await buildPages(['v1'])
    const page = await readFile(join(builds[0]?.directory ?? '', 'index.html'), 'utf8')
    const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link)
    expect(links.filter((link) => link?.startsWith('/assets/') !== true && link?.startsWith('data:') !== true)).toEqual(
      [],
    )
  })

  it('are not made again while their source is the same', async () => {
    await buildPages(['v1'])
    expect(await buildPages(['v1'])).toMatchObject({ built: 0 })
  })
})

describe('frontend', () => {
  it('serves its build, hashed files for ever and the page never unasked, and nothing of how it was built', async () => {
    const { builds } = await buildPages(['v1', 'v2', 'v3'])
    const build = builds[1] ?? { version: '', directory: '' }
    const server = keep(await startFrontend(build, { part: 'f', host: '127.0.1.2', port: 0 }, 'http://127.0.0.1:9'))
    const base = `http://${server.host}:${server.port}`
    const page = await fetch(`${base}/`)
    expect(await page.text()).toBe(await readFile(join(build.directory, 'index.html'), 'utf8'))
    expect(page.headers.get('cache-control')).toBe('no-cache')
    expect(page.headers.get('x-served-version')).toBe('v2')
    const [chunk] = await readdir(join(build.directory, 'assets'))
    const asset = await fetch(`${base}/assets/${chunk}`)
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect((await fetch(`${base}/.built-from`)).status).toBe(404)
  })
})

describe('an address that cannot be had', () => {
  it('because it is taken is named, with the part that needs it', async () => {
    const server = createServer()
    const port = await listen(server, { part: 'the first', host: '127.0.1.1', port: 0 })
    closers.push(async () => server.close())
    const addresses = [
      { part: 'frontend v1', host: '127.0.1.1', port },
      { part: 'frontend v2', host: '127.0.1.2', port: 0 },
    ]
    await expect(checkAddresses(addresses)).rejects.toThrow(`127.0.1.1:${port} is taken: frontend v1 needs it.`)
    await expect(checkAddresses(addresses)).rejects.not.toThrow('frontend v2')
  })

  it('that the machine does not have is named with the way to get it: macOS has no loopback address but 127.0.0.1', async () => {
    await expect(checkAddresses([{ part: 'frontend v1', host: '192.0.2.1', port: 0 }])).rejects.toThrow(
      '192.0.2.1 is no address of this machine: frontend v1 needs it. On macOS: sudo ifconfig lo0 alias 192.0.2.1',
    )
  })
})
