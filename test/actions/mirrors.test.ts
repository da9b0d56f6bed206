// Istio's mirrors: copies that are sent and forgotten, and never let a version hear of another.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Mirrors } from '../../src/proxy/mirrors.ts'
import { connect, ok, startUpstream, type Upstream, until } from '../http1/wire.ts'
import { sendRaw, type RawAnswer } from '../support/raw-request.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'
import { type FlakyBackend, startFlakyBackend } from './flaky-backend.ts'

let edge: StartedGateway
let v1: FlakyBackend
let v2: FlakyBackend
let audit: FlakyBackend
/** Its answers have a head and no end. */
let endless: Upstream
/** Says nothing. */
let mute: Upstream
/** Its answer begins before the request ends, and ends behind it. */
let early: Upstream

beforeAll(async () => {
  v1 = await startFlakyBackend('v1')
  v2 = await startFlakyBackend('v2')
  audit = await startFlakyBackend('audit')
  const gone = await startFlakyBackend('gone')
  await gone.close()
  endless = await startUpstream(async (line) => {
    await line.message()
    line.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (; !line.closed; await sleep(20)) line.write('1\r\nx\r\n')
  })
  mute = await startUpstream(() => undefined)
  early = await startUpstream(async (line) => {
    await line.take(/\r\n\r\n/)
    line.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n')
    await line.take(/end of it/)
    // Longer than a try may take: this one has its head.
    await sleep(200)
    line.write('4\r\nlate\r\n0\r\n\r\n')
  })
  edge = await startGateway(`
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
services:
  all: { match: [{ uri: { prefix: /all } }], mirror: app@v2, rewrite: { uri: /new, authority: inner.test }, headers: { request: { set: { x-a: "%VERSION%" } } } }
  half: { match: [{ uri: { prefix: /half } }], mirror: app@v2, mirrorPercentage: 50% }
  none: { match: [{ uri: { prefix: /none } }], mirror: app@v2, mirrorPercentage: { value: 0 } }
  two: { match: [{ uri: { prefix: /two } }], mirrors: [{ destination: app@v2 }, { destination: { host: audit, subset: v1 }, percentage: 100% }] }
  dead: { match: [{ uri: { prefix: /dead } }], mirror: gone@v1 }
  retried: { match: [{ uri: { prefix: /retried } }], mirror: app@v2, retries: { attempts: 3, retryOn: 5xx } }
  endless: { match: [{ uri: { prefix: /endless } }], mirror: endless@v2, timeout: 100ms }
  mute: { match: [{ uri: { prefix: /mute } }], mirror: mute@v2 }
  early: { match: [{ uri: { prefix: /early } }], mirror: app@v2, retries: { attempts: 1, perTryTimeout: 50ms } }
  app:
  audit: { match: [{ uri: { exact: /only-by-mirror } }] }
  gone: { match: [{ uri: { exact: /only-by-mirror } }] }
versions:
  v1: { app: ${v1.url}, all: ${v1.url}, half: ${v1.url}, none: ${v1.url}, two: ${v1.url}, dead: ${v1.url}, retried: ${v1.url}, audit: ${audit.url}, gone: ${gone.url}, endless: ${v1.url}, mute: ${v1.url}, early: http://127.0.0.1:${early.port} }
  v2: { app: ${v2.url}, endless: http://127.0.0.1:${endless.port}, mute: http://127.0.0.1:${mute.port} }
stable: v1
`)
})

afterAll(async () => {
  await edge?.close()
  for (const backend of [v1, v2, audit, endless, mute, early]) await backend.close()
})

beforeEach(() => {
  for (const { heard, fields } of [v1, v2, audit]) heard.length = fields.length = 0
})

function ask(path: string, headers: readonly string[] = [], body?: string): Promise<RawAnswer> {
  const { port } = edge
  const method = body === undefined ? 'GET' : 'POST'
  const length = body === undefined ? [] : [`Content-Length: ${body.length}`]
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: shop.test', 'Connection: close', ...length, ...headers]
  return sendRaw({ host: '127.0.0.1', port, from: '127.0.0.1' }, lines, body)
}

async function counted(outcome: string): Promise<number> {
  const line = new RegExp(`^graylane_mirrored_requests_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm')
  return Number(line.exec(await edge.gateway.metrics.text())?.[1] ?? 0)
}

describe('a mirror', () => {
  it('gets what the upstream gets: body, rewritten host, changed fields; but it is told its own version', async () => {
    expect((await ask('/all/x?q=1', ['Cookie: a=b'], 'abc')).body).toMatch(/^v1 /)
    await until(() => v2.heard.length === 1)
    expect([v1.heard, v2.heard]).toEqual([['abc'], ['abc']])
    const [sent, copy] = [v1.fields[0]!, v2.fields[0]!]
    expect(copy).toEqual({ ...sent, 'x-version': 'v2', connection: copy.connection })
    expect(copy).toMatchObject({ host: 'inner.test', 'x-a': 'v1', cookie: 'a=b' })
  })

  it('gets a body that comes in chunks, with its length', async () => {
    const { port } = edge
    const lines = ['POST /all HTTP/1.1', 'Host: a', 'Connection: close', 'Transfer-Encoding: chunked']
    await sendRaw({ host: '127.0.0.1', port, from: '127.0.0.1' }, lines, '3\r\nabc\r\n0\r\n\r\n')
    await until(() => v2.heard.includes('abc'))
  })

  it('gets all of a body whose answer began before it was whole', async () => {
    const line = connect(edge.port)
    line.write('POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 19\r\n\r\nbeginning ')
    await line.take(/early/)
    expect(v2.heard).toEqual([])
    line.write('end of it')
    await line.take(/late/)
    await until(() => v2.heard.length === 1)
    expect(v2.heard).toEqual(['beginning end of it'])
    line.socket.destroy()
  })

  it('never decides what the client gets, nor when', async () => {
    const from = performance.now()
    const answer = await ask('/all', ['x-delay-ms: 40', 'x-slow-first: 0'])
    expect(answer.status).toBe(200)
    expect(performance.now() - from).toBeLessThan(5000)
    expect((await ask('/dead')).body).toMatch(/^v1 /)
  })

  it('draws its percentage', async () => {
    for (let i = 0; i < 200; i++) await ask('/half')
    await until(() => v2.heard.length > 60)
    await sleep(50)
    expect(v2.heard.length).toBeLessThan(140)
    v2.heard.length = 0
    for (let i = 0; i < 20; i++) await ask('/none')
    await sleep(50)
    expect(v2.heard).toEqual([])
  })

  it('is counted by what became of it', async () => {
    const before = [await counted('answered'), await counted('failed'), await counted('dropped')] as const
    await ask('/all')
    await ask('/dead')
    await ask('/all', [], 'x'.repeat(1_048_577))
    await until(() => v2.heard.length > 0)
    const grown = async () => [await counted('answered'), await counted('failed'), await counted('dropped')]
    for (let i = 0; i < 100 && (await grown()).some((count, at) => count === before[at]); i++) await sleep(20)
    expect(await grown()).toEqual(before.map((count) => count + 1))
  })

  it('whose answers never end has the time of the route: more copies reach it than it may have connections', async () => {
    const failed = await counted('failed')
    await Promise.all(Array.from({ length: 70 }, () => ask('/endless')))
    await expect.poll(() => endless.lines.length).toBe(70)
    await expect.poll(() => counted('failed')).toBe(failed + 70)
    expect(endless.open()).toBe(0)
  })

  it('gets no copy that has waited for a connection longer than the route has time', async () => {
    const outcomes: string[] = []
    const mirrors = new Mirrors((outcome) => outcomes.push(outcome))
    const endpoint = { key: 'mute', address: '127.0.0.1', port: mute.port }
    // Twice as many as it may have connections, and a few.
    for (let i = 0; i < 140; i++) mirrors.send(endpoint, 'GET /late HTTP/1.1\r\nhost: a\r\n\r\n', new Uint8Array(), 100)
    await until(() => outcomes.length === 140)
    expect(new Set(outcomes)).toEqual(new Set(['failed']))
    mirrors.close()
  })

  it('hears of no websocket: what is said there is no request that could be copied', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']
    const tried = async () => (await counted('answered')) + (await counted('failed')) + (await counted('dropped'))
    const before = await tried()
    await ask('/all', [...upgrade, 'Sec-WebSocket-Version: 13'])
    expect(v1.heard).toHaveLength(1)
    expect(await tried()).toBe(before)
  })

  it('that takes nothing holds 32 MiB of bodies and no more, and nobody else up', async () => {
    const dropped = await counted('dropped')
    for (let i = 0; i < 34; i++) await ask('/mute', [], 'x'.repeat(1_048_576))
    expect(await counted('dropped')).toBe(dropped + 2)
    await ask('/all')
    await until(() => v2.heard.length === 1)
  })

  it('may be one of several', async () => {
    await ask('/two')
    await until(() => v2.heard.length === 1 && audit.heard.length === 1)
  })

  it('hears a request once, however often it is tried', async () => {
    await ask('/retried', ['x-fail-first: 2', 'x-id: once'], 'abc')
    await until(() => v2.heard.length > 0)
    await sleep(50)
    expect([v1.heard.length, v2.heard.length]).toEqual([3, 1])
  })

  it('gets its copies also while the gateway drains, as long as requests are open', async () => {
    let answerCopy = (): void => undefined
    let answer = (): void => undefined
    const later = (take: (write: () => void) => void): Promise<Upstream> =>
      startUpstream(async (line) => {
        await line.message()
        take(() => line.write(ok('done')))
      })
    const main = await later((write) => (answer = write))
    const mirror = await later((write) => (answerCopy = write))
    const draining = await startGateway(`
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
services: { app: { mirror: app@v2 } }
versions: { v1: { app: "http://127.0.0.1:${main.port}" }, v2: { app: "http://127.0.0.1:${mirror.port}" } }
stable: v1
`)
    const line = connect(draining.port).write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => main.lines.length === 1 && mirror.lines.length === 1)
    const drained = draining.gateway.drain({ delayMs: 0, deadlineMs: 5000 })
    await until(() => draining.gateway.state === 'draining')
    await sleep(100)
    answerCopy()
    const { metrics } = draining.gateway
    await expect.poll(() => metrics.text()).toContain('graylane_mirrored_requests_total{outcome="answered"} 1')
    answer()
    expect(await line.end()).toMatch(/done$/)
    await drained
    await Promise.all([draining.close(), main.close(), mirror.close()])
  })
})
