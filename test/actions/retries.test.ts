// Istio's retries between real sockets: what is tried again, how often, where, and what the record says of it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backOffMs, retriesAnswer, retriesFailure } from '../../src/proxy/retry-policy.ts'
import { parseRetryOn } from '../../src/rules/retry-on.ts'
import type { RetriesSpec } from '../../src/rules/route-actions.ts'
import { sendRaw, type RawAnswer } from '../support/raw-request.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'
import { type FlakyBackend, startFlakyBackend } from './flaky-backend.ts'

let edge: StartedGateway
const backends: FlakyBackend[] = []

beforeAll(async () => {
  backends.push(await startFlakyBackend('one'), await startFlakyBackend('two'), await startFlakyBackend('other'))
  const gone = await startFlakyBackend('gone')
  await gone.close()
  const [one, two, other] = backends as [FlakyBackend, FlakyBackend, FlakyBackend]
  const retrying = (path: string, retries: string, more = ''): string =>
    `{ match: [{ uri: { prefix: ${path} } }], url: ${one.url}, retries: { ${retries} }${more} }`
  edge = await startGateway(`
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
services:
  r5xx: ${retrying('/r5xx', 'attempts: 2, retryOn: 5xx')}
  r503: ${retrying('/r503', 'attempts: 3, retryOn: "503"')}
  gateway: ${retrying('/gateway', 'attempts: 1, retryOn: "gateway-error,connect-failure"')}
  default: ${retrying('/default', 'attempts: 2')}
  none: ${retrying('/none', 'attempts: 0')}
  reset: ${retrying('/reset', 'attempts: 1, retryOn: reset')}
  try: ${retrying('/try', 'attempts: 1, retryOn: 5xx, perTryTimeout: 60ms')}
  untried: ${retrying('/untried', 'attempts: 5, retryOn: connect-failure, perTryTimeout: 60ms')}
  whole: ${retrying('/whole', 'attempts: 50, retryOn: 5xx, backoff: 100ms', ', timeout: 300ms')}
  spread: { match: [{ uri: { prefix: /spread } }], retries: { attempts: 1, retryOn: 5xx } }
  refused: { match: [{ uri: { prefix: /refused } }], url: ${gone.url}, retries: { attempts: 2, retryOn: connect-failure } }
  short: { match: [{ uri: { prefix: /short } }], url: ${one.url}, timeout: 50ms }
  plain: { url: ${one.url} }
versions:
  v1: { spread: [${one.url}, ${two.url}] }
  v2: { plain: ${other.url} }
stable: v1
`)
})

afterAll(async () => {
  await edge?.close()
  for (const backend of backends) await backend.close()
})

let ids = 0

async function ask(path: string, headers: readonly string[] = [], body?: string): Promise<RawAnswer> {
  const { port } = edge
  const lines = [
    `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1`,
    'Host: a',
    'Connection: close',
    `X-Id: ${++ids}`,
    ...headers,
    ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
  ]
  return sendRaw({ host: '127.0.0.1', port, from: '127.0.0.1' }, lines, body)
}

describe('retries', () => {
  it.each([
    ['an answer that is good is the only one', '/r5xx', [], 200, 1, '-'],
    ['5xx is tried attempts times more', '/r5xx', ['x-status: 500'], 500, 3, 'URX'],
    ['until it is good', '/r5xx', ['x-fail-first: 2'], 200, 3, '-'],
    ['and no further', '/r5xx', ['x-fail-first: 3'], 503, 3, 'URX'],
    ['404 is none of them', '/r5xx', ['x-status: 404'], 404, 1, '-'],
    ['a code means that code', '/r503', ['x-status: 503'], 503, 4, 'URX'],
    ['and no other', '/r503', ['x-status: 500'], 500, 1, '-'],
    ['gateway-error is 502 to 504', '/gateway', ['x-status: 504'], 504, 2, 'URX'],
    ['and not 500', '/gateway', ['x-status: 500'], 500, 1, '-'],
    ['without retryOn no answer is', '/default', ['x-status: 503'], 503, 1, '-'],
    ['attempts: 0 turns it off', '/none', ['x-status: 503'], 503, 1, '-'],
    ['who asks for less is not asked again', '/r5xx', ['x-status: 503', 'x-limited: 1'], 503, 1, '-'],
    ['5xx is also a connection that breaks', '/r5xx', ['x-reset-first: 1'], 200, 2, '-'],
    ['reset is nothing else', '/reset', ['x-reset-first: 1'], 200, 2, '-'],
    ['a code is no reset', '/r503', ['x-reset-first: 1'], 502, 1, 'UC'],
    ['a try that takes too long is left', '/try', ['x-slow-first: 1'], 200, 2, '-'],
    ['and the last one ends it', '/try', ['x-slow-first: 2'], 504, 2, 'URX,UT'],
    ['connect-failure is no slow try', '/untried', ['x-slow-first: 1'], 504, 1, 'UT'],
    ['a refused connection is tried again at the same address', '/refused', [], 503, 3, 'URX,UF'],
    ['without retries nothing of it', '/plain', ['x-status: 503'], 503, 1, '-'],
  ] as const)('%s', async (_says, path, headers, status, attempts, flags) => {
    edge.records.length = 0
    // POST where a connection breaks: another GET on a fresh one is the engine's own doing, with or without retries.
    const answer = await ask(path, headers, headers.some((line) => line.startsWith('x-reset')) ? 'x' : undefined)
    expect([answer.status, edge.records[0]!.attempts, edge.records[0]!.flags]).toEqual([status, attempts, flags])
  })

  it('send the body again, whatever the method', async () => {
    backends[0]!.heard.length = 0
    expect((await ask('/r5xx', ['x-fail-first: 1'], 'abc')).body).toBe('one 2 abc')
    expect(backends[0]!.heard).toEqual(['abc', 'abc'])
  })

  it('end when the time for the whole is over', async () => {
    const from = performance.now()
    expect((await ask('/whole', ['x-status: 500'])).status).toBe(504)
    expect(performance.now() - from).toBeGreaterThan(290)
  })

  it('go to an endpoint that was not tried, of the same version', async () => {
    for (let i = 0; i < 6; i++) {
      const tried = [backends[0]!.heard.length, backends[1]!.heard.length] as const
      await ask('/spread', ['x-status: 500'])
      expect(backends.slice(0, 2).map(({ heard }, at) => heard.length - tried[at]!)).toEqual([1, 1])
    }
    expect(backends[2]!.heard).toEqual([])
  })
})

describe('the decision to try again', () => {
  const on = (text: string): RetriesSpec => {
    const parsed = parseRetryOn(text)
    if ('unknown' in parsed) throw new Error(parsed.unknown)
    return { attempts: 1, perTryTimeoutMs: 0, backoffMs: 25, ignorePreviousHosts: true, ...parsed }
  }
  const head = (status: number, limited = false) => ({ status, has: () => limited })

  it.each([
    ['5xx', [500, 503, 599], [200, 404, 409, 429]],
    ['gateway-error', [502, 503, 504], [500, 501, 505]],
    ['retriable-4xx', [409], [400, 404, 429, 500]],
    ['404,429', [404, 429], [500, 503]],
    ['retriable-status-codes,418', [418], [500]],
    ['connect-failure,refused-stream,unavailable,cancelled', [], [500, 502, 503, 504]],
    ['302', [302], [200, 500]],
  ] as const)('%s by answers', (text, again, enough) => {
    for (const status of again) expect(retriesAnswer(on(text), head(status))).toBe(true)
    for (const status of enough) expect(retriesAnswer(on(text), head(status))).toBe(false)
  })

  it.each([
    ['5xx', ['connect-refused', 'connect-timeout', 'reset-before-head', 'try-timeout', 'bad-response']],
    ['gateway-error', ['connect-refused', 'connect-timeout', 'reset-before-head', 'try-timeout', 'bad-response']],
    ['reset', ['connect-refused', 'connect-timeout', 'reset-before-head', 'try-timeout', 'bad-response']],
    ['connect-failure', ['connect-refused', 'connect-timeout']],
    ['reset-before-request', ['connect-refused', 'connect-timeout']],
    ['503', []],
  ] as const)('%s by failures', (text, again) => {
    const all = [
      'connect-refused',
      'connect-timeout',
      'reset-before-head',
      'try-timeout',
      'bad-response',
      'overflow',
      'timeout',
      'no-endpoint',
    ] as const
    expect(all.filter((failure) => retriesFailure(on(text), failure))).toEqual(again)
  })

  it('envoy-ratelimited is what asks those again who say that it is too much', () => {
    expect(retriesAnswer(on('5xx'), head(503, true))).toBe(false)
    expect(retriesAnswer(on('5xx,envoy-ratelimited'), head(503, true))).toBe(true)
  })

  it('the wait is random below a bound that doubles, up to ten times the base', () => {
    const longest = [1, 2, 3, 4, 5, 9].map((n) => backOffMs(25, n, 0.999999))
    expect(longest).toEqual([24, 49, 99, 199, 249, 249])
    expect(backOffMs(25, 3, 0)).toBe(0)
  })
})

describe('a short time-out', () => {
  it('is kept to the millisecond, not to the tick of the engine', async () => {
    // The engine's own deadlines need 100 ms more at least; a busy machine may be late as well, but not every time.
    let shortest = Number.POSITIVE_INFINITY
    for (let i = 0; i < 20 && shortest > 140; i++) {
      const from = performance.now()
      expect((await ask('/short', ['x-delay-ms: 5000'])).status).toBe(504)
      shortest = Math.min(shortest, performance.now() - from)
    }
    expect(shortest).toBeGreaterThan(48)
    expect(shortest).toBeLessThan(140)
  })
})
