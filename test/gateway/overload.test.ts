import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

import { collectGarbage } from '../../src/collect-garbage.ts'
import { rawRequest, type Answer } from '../admin/raw-request.ts'
import { samplesOf } from '../observe/exposition-text.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

// It collects, and is counted.
vi.mock('../../src/collect-garbage.ts', { spy: true })

let backend: EchoBackend
let edge: StartedGateway
let pressure = { memory: 0, lagMs: 0 }

beforeAll(async () => {
  backend = await startEchoBackend('app', 'v1')
})
beforeEach(async () => {
  pressure = { memory: 0, lagMs: 0 }
  // A new one: down from the last rung takes six seconds.
  edge = await startGateway(routes(''), { pressure: () => pressure })
})
afterEach(() => edge.close())
afterAll(() => backend.close())

function routes(more: string): string {
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }, { port: 0, internal: true }]
trust: [127.0.0.2/32]
services: { app: }
versions: { v1: { app: "${backend.url}" } }
stable: v1
accessLog: off
${more}`
}

function configure(more: string): Promise<void> {
  return edge.reload(routes(more))
}

const port = (index: number): number => edge.gateway.listeners()[index]?.port as number
const get = (index = 0, ...fields: string[]): Promise<Answer> =>
  rawRequest(`127.0.0.1:${port(index)}`, { target: '/', fields: ['Host: app', ...fields] })

async function rung(): Promise<number | undefined> {
  return samplesOf(await edge.gateway.metrics.text(), 'graylane_overload_rung')[0]?.value
}

async function entered(name: string): Promise<number> {
  const samples = samplesOf(await edge.gateway.metrics.text(), 'graylane_overload_total')
  return samples.find(({ labels }) => labels['rung'] === name)?.value ?? 0
}

async function press(memory: number, to: number): Promise<void> {
  pressure = { memory, lagMs: 0 }
  await expect.poll(rung, { timeout: 5000 }).toBe(to)
}

/** An idle keep-alive connection that has had one answer; `from` is its address. */
async function idle(from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port: port(0), host: '127.0.0.1', localAddress: from })
  socket.on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nHost: app\r\n\r\n')
  await once(socket, 'data')
  return socket
}

describe('overload', () => {
  it('first collects what is garbage, when memory is what is scarce', async () => {
    const garbage = new WeakRef({ some: 'object' })
    pressure = { memory: 0, lagMs: 500 }
    await expect.poll(rung, { timeout: 5000 }).toBe(1)
    expect(garbage.deref()).toBeDefined()
    await press(0.92, 2)
    await expect.poll(() => garbage.deref()).toBeUndefined()
  })

  it('collects once while memory stays scarce, and again when it gets scarce anew', async () => {
    const collect = vi.mocked(collectGarbage).mockClear()
    await press(0.82, 1)
    await press(0.92, 2)
    expect(collect).toHaveBeenCalledTimes(1)
    await press(0, 0)
    const now = performance.now.bind(performance)
    const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 16_000)
    try {
      await press(0.85, 1)
      expect(collect).toHaveBeenCalledTimes(2)
    } finally {
      later.mockRestore()
    }
  })

  it('first shortens keep-alive, for connections that are idle already too', async () => {
    const socket = await idle()
    const closed = once(socket, 'close')
    await configure('limits: { idleTimeout: 20s }\n')
    await press(0.85, 1)
    expect((await get()).status).toBe(200)
    const start = performance.now()
    await closed
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(await entered('shorten-keep-alive')).toBe(1)
  })

  it('then sheds what comes from outside, with Retry-After, but no call between services', async () => {
    await press(0.92, 2)
    const answer = await get()
    expect([answer.status, answer.fields.get('retry-after'), answer.body]).toEqual([
      503,
      '2',
      expect.stringContaining('EDGE_OVERLOADED'),
    ])
    expect((await get(1)).status).toBe(200)
    expect(await entered('shed-requests')).toBeGreaterThan(0)
    pressure = { memory: 0, lagMs: 0 }
    await expect.poll(async () => (await get()).status, { timeout: 10_000 }).toBe(200)
  })

  it('then resets new connections, and comes back by itself', async () => {
    await press(0.96, 3)
    const socket = connect(port(0), '127.0.0.1')
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
    expect(await entered('stop-accepting')).toBeGreaterThan(0)
    pressure = { memory: 0, lagMs: 0 }
    await expect.poll(rung, { timeout: 10_000 }).toBe(0)
    expect((await get()).status).toBe(200)
  })

  it('begins where the configuration says, and a rung never before the one below it', async () => {
    await configure('overload: { shedRequests: { memory: 99% }, stopAccepting: { memory: 100% } }\n')
    await press(0.96, 1)
    expect((await get()).status).toBe(200)
    await expect(configure('overload: { shedRequests: { lag: 10ms } }\n')).rejects.toThrow(
      'shedRequests comes after shortenKeepAlive: it cannot begin earlier',
    )
  })
})

describe('limits of one client', () => {
  it('count the connections of an address, but not those of a trusted proxy, which carries many clients', async () => {
    await configure('limits: { connectionsPerAddress: 1 }\n')
    const first = await idle('127.0.0.3')
    const second = connect({ port: port(0), host: '127.0.0.1', localAddress: '127.0.0.3' })
    const [refusal] = (await once(second, 'data')) as [Buffer]
    expect(String(refusal)).toMatch(/^HTTP\/1\.1 503 /)
    const proxied = await Promise.all([idle('127.0.0.2'), idle('127.0.0.2'), idle('127.0.0.2')])
    for (const socket of [first, second, ...proxied]) socket.destroy()
  })

  it('count the requests under way by the address that the proxy names', async () => {
    await configure('limits: { requestsPerAddress: 1 }\n')
    const held = proxied('198.51.100.7', 'POST')
    await expect.poll(async () => (await proxied('198.51.100.7').ended).slice(0, 12)).toBe('HTTP/1.1 429')
    expect(await proxied('198.51.100.7').ended).toContain('EDGE_TOO_MANY_REQUESTS')
    expect(await proxied('198.51.100.8').ended).toMatch(/^HTTP\/1\.1 200 /)
    held.socket.write('x')
    expect(await held.ended).toMatch(/^HTTP\/1\.1 200 /)
    expect(await proxied('198.51.100.7').ended).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('take a /64 of IPv6 for one: whoever has one address of it has them all', async () => {
    await configure('limits: { requestsPerAddress: 1 }\n')
    const held = proxied('2001:db8:0:1::7', 'POST')
    await expect.poll(async () => (await proxied('2001:db8:0:1::8').ended).slice(0, 12)).toBe('HTTP/1.1 429')
    expect(await proxied('2001:db8:0:2::7').ended).toMatch(/^HTTP\/1\.1 200 /)
    held.socket.write('x')
    expect(await held.ended).toMatch(/^HTTP\/1\.1 200 /)
  })
})

/** Through the trusted proxy at 127.0.0.2. A POST stays under way until its one byte of body is written. */
function proxied(client: string, method: 'GET' | 'POST' = 'GET'): { socket: Socket; ended: Promise<string> } {
  const socket = connect({ port: port(0), host: '127.0.0.1', localAddress: '127.0.0.2' })
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += String(chunk)))
  const length = method === 'POST' ? 'Content-Length: 1\r\n' : ''
  socket.write(`${method} / HTTP/1.1\r\nHost: app\r\nX-Forwarded-For: ${client}\r\n${length}Connection: close\r\n\r\n`)
  return { socket, ended: once(socket, 'close').then(() => answer) }
}

it('watches no longer than its gateway lives: a library leaves no timer behind in its process', async () => {
  const before = delayTimers()
  const short = await startGateway(routes(''))
  expect(delayTimers()).toBeGreaterThan(before)
  await short.close()
  expect(delayTimers()).toBe(before)
})

/** Node's own timers for the delay of the event loop, by their rhythm: nothing else in these tests beats every 20 ms. */
function delayTimers(): number {
  const { libuv } = process.report.getReport() as unknown as { libuv: readonly Record<string, unknown>[] }
  return libuv.filter(({ type, is_active, repeat }) => type === 'timer' && is_active === true && repeat === 20).length
}
