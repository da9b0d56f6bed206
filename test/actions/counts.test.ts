// Limits are counts, and a count that is not taken back closes a pool for good: after hundreds of requests that fail in every way, and
// clients that leave in the middle, each limit still admits exactly as many as before.

import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hash32 } from '../../src/proxy/balance/hash32.ts'
import { until } from '../http1/wire.ts'
import { sendRaw, type RawAnswer } from '../support/raw-request.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'
import { type FlakyBackend, startFlakyBackend } from './flaky-backend.ts'

const limits = { requests: 4, connections: 2, waiting: 2 }
let edge: StartedGateway
let backend: FlakyBackend
// Of its own: a copy that came first would take the failure that its request is to meet.
let mirror: FlakyBackend

beforeAll(async () => {
  ;[backend, mirror] = await Promise.all([startFlakyBackend('only'), startFlakyBackend('mirror')])
  edge = await startGateway(`
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
services:
  app:
    timeout: 400ms
    retries: { attempts: 2, retryOn: "5xx", perTryTimeout: 150ms, backoff: 5ms }
    mirror: app@v2
    mirrorPercentage: 20%
    fault: { delay: { fixedDelay: 20ms, percentage: 20% } }
    trafficPolicy:
      connectionPool:
        tcp: { maxConnections: ${limits.connections} }
        http: { http1MaxPendingRequests: ${limits.waiting}, http2MaxRequests: ${limits.requests}, maxRetries: 2, maxRequestsPerConnection: 7 }
versions: { v1: { app: ${backend.url} }, v2: { app: ${mirror.url} } }
stable: v1
`)
})

afterAll(async () => {
  await edge?.close()
  await Promise.all([backend.close(), mirror.close()])
})

function linesOf(id: string, fields: readonly string[]): string[] {
  return ['POST / HTTP/1.1', 'Host: a', 'Connection: close', 'Content-Length: 3', `X-Id: ${id}`, ...fields]
}

function ask(id: string, fields: readonly string[] = []): Promise<RawAnswer> {
  const { port } = edge
  return sendRaw({ host: '127.0.0.1', port, from: '127.0.0.1' }, linesOf(id, fields), 'abc')
}

/** Sends and leaves. */
async function leave(id: string, fields: readonly string[], afterMs: number): Promise<void> {
  const socket = connect(edge.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`${linesOf(id, fields).join('\r\n')}\r\n\r\nab`)
  await sleep(afterMs)
  socket.destroy()
}

const ways = [
  [],
  ['x-status: 500'],
  ['x-fail-first: 1'],
  ['x-reset-first: 2'],
  ['x-reset-first: 9'],
  ['x-slow-first: 1'],
  ['x-slow-first: 9'],
  ['x-delay-ms: 30'],
]

it('every limit admits as many as before', { timeout: 60_000 }, async () => {
  const asked = 240
  const pick = (i: number, of: number): number => hash32(`way ${i}`) % of
  for (let round = 0; round < asked / 8; round++) {
    await Promise.all(
      Array.from({ length: 8 }, (_, at) => {
        const i = round * 8 + at
        const fields = ways[pick(i, ways.length)]!
        return pick(i, 5) === 0 ? leave(`${i}`, fields, pick(i, 60)) : ask(`${i}`, fields)
      }),
    )
  }
  // Some of those who leave are gone before a byte of theirs is read.
  for (let before = -1; before !== edge.records.length; await sleep(1000)) before = edge.records.length
  expect(edge.records.length).toBeGreaterThan(asked * 0.75)
  expect(new Set(edge.records.map(({ status }) => status)).size).toBeGreaterThan(3)

  // Warm connections first: a request that opens one counts among those that wait.
  for (let i = 0; i < 4; i++) expect((await ask(`warm ${i}`)).status).toBe(200)
  const slow = Array.from({ length: limits.requests }, async (_, i) => {
    await sleep(i * 60)
    return ask(`slow ${i}`, ['x-delay-ms: 60'])
  })
  for (const { status } of await Promise.all(slow)) expect(status).toBe(200)
  for (let i = 0; i < 3; i++) {
    expect((await ask(`retried ${i}`, ['x-fail-first: 1'])).status).toBe(200)
    await until(() => edge.records.at(-1)!.attempts === 2)
  }
  expect(mirror.heard.length).toBeGreaterThan(0)
})
