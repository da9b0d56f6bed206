// trafficPolicy over real sockets: which endpoint a request reaches, and how much a pool takes.

import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../http1/wire.ts'
import { sendRaw, type RawAnswer } from '../support/raw-request.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'
import { type FlakyBackend, startFlakyBackend } from './flaky-backend.ts'

const backends: FlakyBackend[] = []
let edge: StartedGateway

beforeAll(async () => {
  for (const name of ['a', 'b', 'c', 'd']) backends.push(await startFlakyBackend(name))
})
afterEach(async () => edge?.close())
afterAll(async () => {
  for (const backend of backends) await backend.close()
})

async function start(trafficPolicy: string, more = '', count = 4): Promise<void> {
  const urls = backends.slice(0, count).map(({ url }) => url)
  edge = await startGateway(`
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
services: { app: { trafficPolicy: ${trafficPolicy}${more} } }
versions: { v1: { app: [${urls.join(', ')}] } }
stable: v1
`)
}

function ask(path = '/', headers: readonly string[] = [], from = '127.0.0.1'): Promise<RawAnswer> {
  const { port } = edge
  return sendRaw({ host: '127.0.0.1', port, from }, [
    `GET ${path} HTTP/1.1`,
    'Host: a',
    'Connection: close',
    ...headers,
  ])
}

async function whoAnswers(times: number, path?: string, headers?: readonly string[], from?: string): Promise<string[]> {
  const names: string[] = []
  for (let i = 0; i < times; i++) names.push((await ask(path, headers, from)).body.split(' ')[0]!)
  return names
}

const distinct = (names: readonly string[]): number => new Set(names).size
const setCookie = ({ fields }: RawAnswer): string | undefined =>
  fields.find(([name, value]) => name === 'set-cookie' && !value.startsWith('graylane='))?.[1]

describe('loadBalancer', () => {
  it('ROUND_ROBIN takes turns', async () => {
    await start('{ loadBalancer: { simple: ROUND_ROBIN } }')
    expect((await whoAnswers(8)).join('')).toBe('abcdabcd')
  })

  it.each(['RANDOM', 'LEAST_REQUEST'])('%s reaches all', async (simple) => {
    await start(`{ loadBalancer: { simple: ${simple} } }`)
    expect(distinct(await whoAnswers(60))).toBe(4)
  })

  it.each(['ringHash: {}', 'maglev: {}', 'maglev: { tableSize: 101 }'])('hashes headers with %s', async (ring) => {
    await start(`{ loadBalancer: { consistentHash: { httpHeaderName: X-User, ${ring} } } }`)
    const users = Array.from({ length: 12 }, (_, i) => `x-user: ${i}`)
    const homes = new Map<string, string>()
    for (const user of users) {
      const names = await whoAnswers(4, '/', [user])
      expect(distinct(names)).toBe(1)
      homes.set(user, names[0]!)
    }
    expect(distinct([...homes.values()])).toBeGreaterThan(1)
    // Without the header any endpoint does.
    expect(distinct(await whoAnswers(40))).toBeGreaterThan(1)
    await edge.close()
    await start(`{ loadBalancer: { consistentHash: { httpHeaderName: X-User, ${ring} } } }`)
    for (const user of users) expect(await whoAnswers(1, '/', [user])).toEqual([homes.get(user)])
  })

  it('hashes addresses of clients and raw parameters', async () => {
    await start('{ loadBalancer: { consistentHash: { useSourceIp: true } } }')
    const byAddress: string[][] = []
    for (let i = 2; i < 10; i++) byAddress.push(await whoAnswers(4, '/', [], `127.0.0.${i}`))
    await edge.close()
    await start('{ loadBalancer: { consistentHash: { httpQueryParameterName: u } } }')
    const byParameter: string[][] = []
    for (let i = 0; i < 8; i++) {
      byParameter.push([...(await whoAnswers(3, `/?x=${i}&u=${i}&u=7`)), ...(await whoAnswers(1, `/?u=${i}`))])
    }
    for (const names of [byAddress, byParameter]) {
      expect(names.map(distinct)).toEqual(names.map(() => 1))
      expect(distinct(names.flat())).toBeGreaterThan(1)
    }
  })

  it('makes a cookie up for who has none, by which the next request finds the same endpoint', async () => {
    await start('{ loadBalancer: { consistentHash: { httpCookie: { name: pin, ttl: 3600s, path: /app } } } }')
    for (let i = 0; i < 6; i++) {
      const answer = await ask()
      const line = setCookie(answer)
      expect(line).toMatch(/^pin="[0-9a-f]{16}"; Max-Age=3600; Path=\/app; HttpOnly$/)
      const cookie = /^[^;]+/.exec(line!)![0]
      const again = await ask('/', [`Cookie: other=1; ${cookie}`])
      expect(again.body.split(' ')[0]).toBe(answer.body.split(' ')[0])
      expect(setCookie(again)).toBeUndefined()
      // Quotes are no part of the value.
      const bare = await ask('/', [`Cookie: ${cookie.replaceAll('"', '')}`])
      expect(bare.body.split(' ')[0]).toBe(answer.body.split(' ')[0])
    }
  })

  it.each([
    ['ttl: 0s', /^s="[0-9a-f]{16}"; HttpOnly$/],
    ['ttl: 0s, attributes: [{ name: SameSite, value: Strict }]', /^s="[0-9a-f]{16}"; SameSite=Strict; HttpOnly$/],
    ['path: /', undefined],
  ])('a cookie with %s', async (text, line) => {
    await start(`{ loadBalancer: { consistentHash: { httpCookie: { name: s, ${text} } } } }`)
    const cookie = setCookie(await ask())
    if (line === undefined) expect(cookie).toBeUndefined()
    else expect(cookie).toMatch(line)
  })

  it('retries stay with the endpoint of the hash', async () => {
    await start(
      '{ loadBalancer: { consistentHash: { httpHeaderName: x-user } } }',
      ', retries: { attempts: 3, retryOn: 5xx }',
    )
    const heard = backends.map((backend) => backend.heard.length)
    await ask('/', ['x-user: jason', 'x-status: 503'])
    expect(backends.map((backend, at) => backend.heard.length - heard[at]!).toSorted()).toEqual([0, 0, 0, 4])
  })
})

describe('outlierDetection', () => {
  it('leaves out who answers badly, until its time is over', async () => {
    await start(
      '{ loadBalancer: { simple: ROUND_ROBIN }, outlierDetection: { consecutive5xxErrors: 2, baseEjectionTime: 500ms, interval: 100ms, maxEjectionPercent: 50 } }',
      '',
      2,
    )
    // Every second request, the one for a, is answered 500.
    for (const status of [500, 200, 500, 200]) await ask('/', [`x-status: ${status}`])
    expect(await whoAnswers(4)).toEqual(['b', 'b', 'b', 'b'])
    await sleep(750)
    expect(distinct(await whoAnswers(4))).toBe(2)
  })

  it('answers 503 when all are left out', async () => {
    await start('{ outlierDetection: { consecutive5xxErrors: 1, maxEjectionPercent: 100 } }', '', 1)
    expect((await ask('/', ['x-status: 500'])).status).toBe(500)
    const answer = await ask()
    expect([answer.status, edge.records.at(-1)!.flags]).toEqual([503, 'UH'])
  })

  it('by default ejects nobody out of less than ten', async () => {
    await start('{ outlierDetection: { consecutive5xxErrors: 1 } }', '', 2)
    for (let i = 0; i < 6; i++) await ask('/', ['x-status: 500'])
    expect(distinct(await whoAnswers(10))).toBe(2)
  })
})

describe('connectionPool', () => {
  it('http2MaxRequests: what is above is answered 503 at once', async () => {
    await start('{ connectionPool: { http: { http2MaxRequests: 2 } } }')
    const slow = [ask('/', ['x-delay-ms: 300']), ask('/', ['x-delay-ms: 300'])]
    await sleep(80)
    const answer = await ask()
    expect([answer.status, edge.records.at(-1)!.flags, edge.records.at(-1)!.edgeCode]).toEqual([
      503,
      'UO',
      'EDGE_OVERFLOW',
    ])
    for (const { status } of await Promise.all(slow)) expect(status).toBe(200)
    expect((await ask()).status).toBe(200)
  })

  it('maxConnections: one waits, and the next is too many', async () => {
    await start('{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }', '', 1)
    const first = ask('/', ['x-delay-ms: 300'])
    await sleep(60)
    const second = ask('/', ['x-delay-ms: 10'])
    await sleep(60)
    expect((await ask()).status).toBe(503)
    expect([(await first).status, (await second).status]).toEqual([200, 200])
  })

  it('maxConnections: an endpoint may have one all the same, lest its requests wait for ever', async () => {
    const policy = '{ loadBalancer: { simple: ROUND_ROBIN }, connectionPool: { tcp: { maxConnections: 1 } } }'
    await start(policy, '', 2)
    const first = ask('/', ['x-delay-ms: 300'])
    await sleep(60)
    expect((await ask()).body).toMatch(/^b /)
    expect((await first).body).toMatch(/^a /)
  })

  it('maxRequestsPerConnection: 1 makes a connection for each', async () => {
    let connections = 0
    const server = await answering(() => connections++)
    try {
      await startAt(server, '{ connectionPool: { http: { maxRequestsPerConnection: 1 } } }')
      for (let i = 0; i < 3; i++) expect((await ask()).status).toBe(200)
      expect(connections).toBe(3)
      await edge.close()
      await startAt(server, '{ connectionPool: { http: { maxRequestsPerConnection: 2 } } }')
      for (let i = 0; i < 4; i++) expect((await ask()).status).toBe(200)
      expect(connections).toBe(5)
    } finally {
      server.close()
    }
  })

  it('maxRetries: no more requests are retried at one time', async () => {
    await start('{ connectionPool: { http: { maxRetries: 1 } } }', ', retries: { attempts: 1, retryOn: 5xx }', 1)
    const first = ask('/', ['x-id: first', 'x-status: 503', 'x-delay-ms: 150'])
    await until(() => backends[0]!.fields.filter((fields) => fields['x-id'] === 'first').length === 2)
    expect((await ask('/', ['x-id: second', 'x-status: 503'])).status).toBe(503)
    expect(edge.records.at(-1)).toMatchObject({ attempts: 1, flags: 'UO' })
    await first
    expect(edge.records.at(-1)).toMatchObject({ attempts: 2, flags: 'URX' })
  })

  it('idleTimeout: an idle connection is closed', async () => {
    let open = 0
    const server = await answering(
      () => open++,
      () => open--,
    )
    try {
      await startAt(server, '{ connectionPool: { http: { idleTimeout: 200ms } } }')
      expect((await ask()).status).toBe(200)
      expect(open).toBe(1)
      await until(() => open === 0)
    } finally {
      server.close()
    }
  })
})

/** A server on bare sockets that answers every head, so that connections can be counted. */
async function answering(opened: () => void, closed: () => void = () => {}): Promise<Server> {
  const server = createServer((socket) => {
    opened()
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
    socket.on('error', () => {})
    socket.on('close', closed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

async function startAt(server: Server, trafficPolicy: string): Promise<void> {
  const { port } = server.address() as { readonly port: number }
  edge = await startGateway(`
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
services: { app: { trafficPolicy: ${trafficPolicy} } }
versions: { v1: { app: http://127.0.0.1:${port} } }
stable: v1
`)
}
