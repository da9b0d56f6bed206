// Upstreams by name, while the name server changes its mind, or says nothing.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { rawRequest } from '../admin/raw-request.ts'
import { CheckedBackend } from '../health/checked-backend.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'

/** A name that is looked up is looked up again after five seconds. */
const soon = { timeout: 9000 }
const never = new Promise<never>(() => {})

let folder: string
let gateway: Gateway | undefined
let backends: EchoBackend[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graylane-names-'))
  backends = []
})
afterEach(async () => {
  await gateway?.close()
  for (const backend of backends) await backend.close()
  await rm(folder, { recursive: true })
})

async function start(lookUp: (name: string) => Promise<readonly string[]>, yaml: string): Promise<Gateway> {
  const configPath = join(folder, 'routes.yaml')
  await writeFile(configPath, yaml)
  gateway = await createGateway({ configPath, watch: false, lookUp })
  return gateway
}

function yaml(v1: string, v2 = v1): string {
  return `listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: {} }
versions: { v1: { app: "${v1}" }, v2: { app: "${v2}" } }
stable: v1
accessLog: off
gray: [{ version: v2, match: [{ headers: { x-user: { exact: jason } } }] }]
`
}

async function statusOf(...fields: string[]): Promise<number> {
  const { address, port } = gateway!.listeners()[0]!
  return (await rawRequest(`${address}:${port}`, { target: '/', fields: [`Host: a`, ...fields] })).status
}

describe('an upstream by name', () => {
  it(
    'that moves leaves nothing behind: its old address is neither asked nor told to be out for ever',
    soon,
    async () => {
      const before = await startEchoBackend('app', 'v1', '127.0.0.1')
      backends.push(await startEchoBackend('app', 'v1', '127.0.0.2', before.port))
      let addresses = ['127.0.0.1']
      await start(() => Promise.resolve(addresses), yaml(`http://app.test:${before.port}`))
      expect(await statusOf()).toBe(200)
      await before.close()
      expect(await statusOf()).toBe(503)
      expect(gateway!.endpointsOut()).toEqual([`127.0.0.1:${before.port}`])
      addresses = ['127.0.0.2']
      await expect.poll(() => statusOf(), { timeout: 7000 }).toBe(200)
      expect(gateway!.endpointsOut()).toEqual([])
    },
  )

  it('whose name server hangs holds up neither start nor reload for long, nor the names that are answered', async () => {
    const backend = await startEchoBackend('app', 'v1')
    backends.push(backend)
    let asked = 0
    let moved = false
    const lookUp = (name: string): Promise<readonly string[]> => {
      if (name === 'good.test') return Promise.resolve([moved ? '127.0.0.1' : '127.0.0.9'])
      asked++
      return never
    }
    const text = yaml(`http://good.test:${backend.port}`, `http://hangs.test:${backend.port}`)
    await start(lookUp, text)
    expect(await statusOf('X-User: jason')).toBe(503)
    moved = true
    await expect.poll(() => statusOf(), { timeout: 9000 }).toBe(200)
    const began = performance.now()
    await writeFile(join(folder, 'routes.yaml'), text.replace('jason', 'jack'))
    expect(await gateway!.reload()).toMatchObject({ ok: true, changed: true })
    expect(performance.now() - began).toBeLessThan(2000)
    expect(asked).toBe(1)
  }, 40_000)

  it('that is known is not waited for by a reload, though its name server has gone silent', async () => {
    const backend = await startEchoBackend('app', 'v1')
    backends.push(backend)
    let silent = false
    const text = yaml(`http://app.test:${backend.port}`)
    await start(() => (silent ? never : Promise.resolve(['127.0.0.1'])), text)
    silent = true
    await writeFile(join(folder, 'routes.yaml'), text.replace('jason', 'jack'))
    const began = performance.now()
    expect(await gateway!.reload()).toMatchObject({ ok: true, changed: true })
    expect(performance.now() - began).toBeLessThan(2000)
    expect(await statusOf()).toBe(200)
  })

  it('is looked up anew after a reload that was refused: who had its address then may be somebody else by now', async () => {
    const old = await startEchoBackend('app', 'old', '127.0.0.1')
    backends.push(old, await startEchoBackend('app', 'new', '127.0.0.2', old.port))
    let addresses = ['127.0.0.1']
    const text = yaml(`http://127.0.0.1:${old.port}`)
    await start(() => Promise.resolve(addresses), text)
    const named = yaml(`http://app.test:${old.port}`)
    const taken = named.replace('listen: [', `listen: [{ port: ${old.port}, address: 127.0.0.1 }, `)
    await writeFile(join(folder, 'routes.yaml'), taken)
    expect(await gateway!.reload()).toMatchObject({ ok: false })
    addresses = ['127.0.0.2']
    await writeFile(join(folder, 'routes.yaml'), named)
    expect(await gateway!.reload()).toMatchObject({ ok: true, changed: true })
    const { address, port } = gateway!.listeners()[0]!
    const { body } = await rawRequest(`${address}:${port}`, { target: '/', fields: ['Host: a'] })
    expect(JSON.parse(body)).toMatchObject({ version: 'new' })
  })

  it('that leads to one more address has it asked at once whether it is well', soon, async () => {
    const well = await CheckedBackend.start('v1')
    await using ill = await CheckedBackend.start('v1', '127.0.0.2', Number(new URL(well.url).port))
    ill.health = 503
    let addresses = ['127.0.0.1']
    const check = 'healthCheck: { path: "/healthz?deep", interval: 60s }'
    const text = yaml(well.url.replace('127.0.0.1', 'app.test')).replace('app: {}', `app: { ${check} }`)
    await start(() => Promise.resolve(addresses), text)
    addresses = ['127.0.0.1', '127.0.0.2']
    await expect.poll(() => gateway!.endpointsOut(), { timeout: 7000 }).toEqual([ill.url.slice(7)])
    // By the pool of each version.
    expect(ill.questions).toBe(2)
    await well[Symbol.asyncDispose]()
  })

  it('is asked whether it is well by the name that it has after a reload, at the same address', async () => {
    await using backend = await CheckedBackend.start('v1')
    const check = 'healthCheck: { path: "/healthz?deep", interval: 50ms }'
    const named = (name: string): string =>
      yaml(backend.url.replace('127.0.0.1', name)).replace('app: {}', `app: { ${check} }`)
    await start(() => Promise.resolve(['127.0.0.1']), named('old.test'))
    const host = (): string | undefined => backend.asked?.headers.host?.replace(/:.*/, '')
    await expect.poll(host).toBe('old.test')
    await writeFile(join(folder, 'routes.yaml'), named('new.test'))
    expect(await gateway!.reload()).toMatchObject({ ok: true })
    await expect.poll(host).toBe('new.test')
  })
})
