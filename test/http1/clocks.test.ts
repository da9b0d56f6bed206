// A client connection has one deadline, and several that want it: the route's time, the turn in a pool, the patience with a client that
// ended its side, the stall of a write. Each row is a case in which the wrong one used to win. They run side by side, since each waits.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Forwarding } from '../../src/proxy/exchange.ts'
import { endpointOf, type PlainProxyOptions } from './plain-proxy.ts'
import { ok, type Script, type Stage, stage, until } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const websocket = `${get.slice(0, -2)}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const large = 'x'.repeat(16_000_000)

interface Row {
  readonly what: string
  readonly upstream: Script
  readonly options: Partial<PlainProxyOptions>
  readonly play: (set: Stage) => Promise<void>
}

const rows: readonly Row[] = [
  {
    what: 'a websocket outlives the time that its handshake had, however short that was',
    upstream: async (line) => {
      await line.message()
      line.write(switching)
      await line.take(/hi/)
      line.write('yo')
    },
    options: { timeoutMs: 100 },
    play: async (set) => {
      const client = set.client().write(websocket)
      await client.take(/\r\n\r\n/)
      await sleep(400)
      await client.write('hi').take(/yo/)
    },
  },
  {
    what: 'a websocket whose upstream has no more to say lasts as long as its client has',
    upstream: async (line) => {
      await line.message()
      line.socket.end(`${switching}bye`)
    },
    options: { limits: { idleTimeoutMs: 200 } },
    play: async (set) => {
      const client = set.client().write(websocket)
      await client.take(/bye/)
      for (let i = 0; i < 8; i++) {
        client.write('x')
        await sleep(100)
      }
      const [line] = set.upstream.lines
      expect(line!.text).toBe('x'.repeat(8))
      await until(() => set.proxy.server.openConnections === 0, 1000)
    },
  },
  {
    what: 'a client that reads slowly and ends its side while a write is stalled gets all of the answer',
    upstream: async (line) => {
      await line.message()
      line.write(ok(large))
    },
    options: { timeoutMs: 0 },
    play: async (set) => {
      const client = set.client()
      client.socket.pause()
      client.write(get)
      await sleep(300)
      client.socket.end()
      await sleep(1500)
      client.socket.resume()
      expect((await client.message()).body.length).toBe(large.length)
    },
  },
  {
    what: 'a client that ended its side is not waited for at its second request either',
    upstream: async (line, connection) => {
      await line.message()
      if (connection === 0) line.write(ok('first'))
    },
    options: { timeoutMs: 0 },
    play: async (set) => {
      const client = set.client().write(get + get)
      client.socket.end()
      await client.message()
      await until(() => set.proxy.server.activeRequests === 0, 3000)
      expect(set.proxy.outcomes.map(({ end }) => end)).toEqual(['done', 'client-gone'])
    },
  },
  {
    what: 'and what it is sent puts off no more than that: the route has its time',
    upstream: async (line) => {
      await line.message()
      line.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (; !line.closed; await sleep(100)) line.write('1\r\nx\r\n')
    },
    options: { timeoutMs: 2000 },
    play: async (set) => {
      const client = set.client().write(get)
      client.socket.end()
      expect(await client.end(3500)).not.toMatch(/\r\n0\r\n\r\n$/)
    },
  },
  {
    what: 'a try that ended while it waited for a connection leaves the next one its time',
    upstream: async (line) => {
      await line.message()
      await sleep(700)
      line.write(ok('late'))
    },
    options: { timeoutMs: 0, limits: { upstreamConnections: 1, connectTimeoutMs: 400 }, adjust: elsewhereSecond },
    play: async (set) => {
      set.client().write('GET /block HTTP/1.1\r\nHost: a\r\n\r\n')
      await until(() => set.upstream.lines.length === 1)
      expect((await set.client().write(get).message()).body).toBe('late')
    },
  },
]

describe('the clock that counts', () => {
  test.concurrent.each(rows.map((row) => [row.what, row] as const))('%s', async (_, { upstream, options, play }) => {
    const set = await stage(upstream, options)
    await play(set).finally(() => set.strike())
  })
})

/** Tries again at another pool of the same upstream; only the first try has a time of its own. */
function elsewhereSecond(forwarding: Forwarding): Forwarding {
  if (forwarding.target === '/block') return forwarding
  const { endpoint } = forwarding
  let tries = 0
  const next = (attempt: number): ReturnType<Forwarding['endpoint']> => {
    tries = attempt
    const first = endpoint(1) as ReturnType<typeof endpointOf>
    return attempt === 1 ? first : { ...first, key: 'elsewhere' }
  }
  return {
    ...forwarding,
    endpoint: next,
    keepBytes: 1000,
    retries: {
      failuresToo: true,
      get perTryTimeoutMs() {
        return tries === 1 ? 100 : 0
      },
      afterAnswer: () => -1,
      afterFailure: () => 0,
    },
  }
}
