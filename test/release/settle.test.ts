// rollout.settle at real gateways: two that read the same file half a minute apart, and one that ends and starts again. The clock is
// the test's; the files, reloads and sockets are real.

import { mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { poolsOf, type Urls } from '../gateway/reloadable-gateway.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { sendRaw } from '../support/raw-request.ts'

const settle = 90
const backends = new Map<string, EchoBackend>()
const urls: Urls = (service, version) => backends.get(`${service} ${version}`)!.url
let directory: string
let now: number

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graylane-settle-'))
  await writeFile(join(directory, 'pin.key'), 'the key of both gateways, which has 32 bytes and more')
  for (const service of ['frontend', 'api'])
    for (const version of ['v1', 'v2', 'v3'])
      backends.set(`${service} ${version}`, await startEchoBackend(service, version))
})

afterAll(async () => {
  for (const backend of backends.values()) await backend.close()
  await rm(directory, { recursive: true })
})

function routes({ versions, gray = '[]', stable = 'v1', draining = '[]' }: Routes): string {
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
services: { api: /api/, frontend: }
${poolsOf(urls, versions)}
stable: ${stable}
draining: ${draining}
gray: ${gray}
pin: { keys: [{ file: pin.key }] }
rollout: { settle: ${settle}s }
accessLog: off
`
}

interface Routes {
  readonly versions: readonly string[]
  readonly gray?: string
  readonly stable?: string
  readonly draining?: string
}

const toV2 = '[{ name: everybody, version: v2, share: 100% }]'

async function start(name: string): Promise<Gateway> {
  return createGateway({ configPath: join(directory, name), watch: false, nowSeconds: () => now })
}

async function reload(gateway: Gateway, name: string, text: string): Promise<void> {
  await writeFile(join(directory, name), text)
  const result = await gateway.reload()
  expect(result.problems).toEqual([])
}

interface Answer {
  readonly status: number
  readonly version: string | undefined
  readonly cookie: string | undefined
}

async function ask(gateway: Gateway, path: string, cookie?: string): Promise<Answer> {
  const [listener] = gateway.listeners()
  const target = { host: '127.0.0.1', port: listener!.port, from: '127.0.0.1' }
  const accept = path === '/' ? 'Accept: text/html' : 'Accept: */*'
  const lines = [`GET ${path} HTTP/1.1`, 'Host: shop.test', accept, 'Connection: close']
  const { status, fields } = await sendRaw(target, cookie === undefined ? lines : [...lines, `Cookie: ${cookie}`])
  const valueOf = (name: string) => fields.find(([field]) => field.toLowerCase() === name)?.[1]
  return { status, version: valueOf('x-version'), cookie: valueOf('set-cookie')?.split(';')[0] ?? cookie }
}

test('two gateways that reload half a minute apart never contradict each other, and both draw after the time', async () => {
  now = Math.ceil(Date.now() / 1000)
  for (const name of ['east.yaml', 'west.yaml']) await writeFile(join(directory, name), routes({ versions: ['v1'] }))
  const [east, west] = [await start('east.yaml'), await start('west.yaml')]
  try {
    now += 1000
    const withV2 = routes({ versions: ['v1', 'v2'], gray: toV2 })
    await reload(east, 'east.yaml', withV2)

    // West does not know v2 yet: whoever loads a page at either has to be served by both.
    for (const second of [0, 29]) {
      now += second
      const page = await ask(east, '/')
      expect(page.version).toBe('v1')
      expect(await ask(west, '/api/x', page.cookie)).toMatchObject({ status: 200, version: 'v1' })
    }

    now += 1
    await reload(west, 'west.yaml', withV2)
    now += settle - 30
    const drawn = await ask(east, '/')
    expect(drawn.version).toBe('v2')
    // West has 30 s to go until it draws, and honours what east drew.
    expect(await ask(west, '/api/x', drawn.cookie)).toMatchObject({ status: 200, version: 'v2' })
    expect((await ask(west, '/', drawn.cookie)).version).toBe('v2')
    expect((await ask(west, '/')).version).toBe('v1')

    now += 30
    expect((await ask(west, '/')).version).toBe('v2')
  } finally {
    await east.close()
    await west.close()
  }
})

test('a new version that becomes stable at once takes its time too', async () => {
  now = Math.ceil(Date.now() / 1000)
  await writeFile(join(directory, 'promote.yaml'), routes({ versions: ['v1'] }))
  const gateway = await start('promote.yaml')
  try {
    now += 1000
    const page = await ask(gateway, '/')
    await reload(gateway, 'promote.yaml', routes({ versions: ['v1', 'v2'], stable: 'v2', draining: '[v1]' }))
    now += settle - 1
    expect((await ask(gateway, '/')).version).toBe('v1')
    // Another edit meanwhile does not start the time anew.
    await reload(
      gateway,
      'promote.yaml',
      `${routes({ versions: ['v1', 'v2'], stable: 'v2', draining: '[v1]' })}# noted\n`,
    )
    expect((await ask(gateway, '/', page.cookie)).version).toBe('v1')
    now += 1
    expect((await ask(gateway, '/')).version).toBe('v2')
    expect((await ask(gateway, '/', page.cookie)).version).toBe('v2')
    expect((await ask(gateway, '/api/x', page.cookie)).version).toBe('v1')
  } finally {
    await gateway.close()
  }
})

describe('a version that was taken out and comes back', () => {
  test('is new again', async () => {
    now = Math.ceil(Date.now() / 1000)
    const both = routes({ versions: ['v1', 'v2'], gray: toV2 })
    await writeFile(join(directory, 'again.yaml'), both)
    const gateway = await start('again.yaml')
    try {
      now += settle
      expect((await ask(gateway, '/')).version).toBe('v2')
      await reload(gateway, 'again.yaml', routes({ versions: ['v1'] }))
      await reload(gateway, 'again.yaml', both)
      expect((await ask(gateway, '/')).version).toBe('v1')
      now += settle
      expect((await ask(gateway, '/')).version).toBe('v2')
    } finally {
      await gateway.close()
    }
  })
})

describe('a gateway that starts', () => {
  test('draws at once when its file has been there for long', async () => {
    await writeFile(join(directory, 'old.yaml'), routes({ versions: ['v1', 'v2'], gray: toV2 }))
    now = Math.ceil(Date.now() / 1000) + settle
    const gateway = await start('old.yaml')
    try {
      expect((await ask(gateway, '/')).version).toBe('v2')
    } finally {
      await gateway.close()
    }
  })

  test('waits when the file is new to this machine, whatever its modification time says', async () => {
    const path = join(directory, 'unpacked.yaml')
    await writeFile(path, routes({ versions: ['v1', 'v2'], gray: toV2 }))
    await utimes(path, 1000, 1000)
    expect((await stat(path)).mtimeMs).toBe(1_000_000)
    now = Math.ceil(Date.now() / 1000)
    const gateway = await start('unpacked.yaml')
    try {
      expect((await ask(gateway, '/')).version).toBe('v1')
      now += settle
      expect((await ask(gateway, '/')).version).toBe('v2')
    } finally {
      await gateway.close()
    }
  })
})
