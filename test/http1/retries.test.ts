// The route's own retries as the engine carries them out, and requests that wait before they are answered: what is sent again is
// whole, nothing of an abandoned answer reaches the client, and every timer ends with its exchange.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Forwarding, Retries } from '../../src/proxy/exchange.ts'
import { play, set } from './stage-of-test.ts'
import { answering, connect, ok, until } from './wire.ts'
import type { Script } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const post = (body: string): string => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const failing = (body = 'no'): string => ok(body).replace('200 OK', '503 Service Unavailable')

/** Retries answers of 500 and more, and failures, so many times. */
function retrying(attempts: number, more: Partial<Retries & { keepBytes: number }> = {}) {
  const failures: string[] = []
  let left = attempts
  const next = (): number => (left-- > 0 ? 0 : -1)
  const retries: Retries = {
    failuresToo: true,
    perTryTimeoutMs: 0,
    afterAnswer: ({ status }) => (status >= 500 ? next() : -1),
    afterFailure: (failure) => {
      failures.push(failure)
      return next()
    },
    ...more,
  }
  return { failures, with: { retries, keepBytes: more.keepBytes ?? 1000 } }
}

async function playWith(script: Script, extra: Partial<Forwarding>): Promise<void> {
  await play(script, {
    adjust: (forwarding) => ({ ...forwarding, ...extra, endpoint: () => forwarding.endpoint(1) }),
  })
}

/** Answers 503 to the first so many requests, then says what it got. */
function failFirst(times: number, heard: string[] = []): Script {
  let left = times
  return answering((_head, body) => {
    heard.push(body)
    return left-- > 0 ? failing() : ok(`got ${body}`)
  })
}

describe('retries', () => {
  it('make another attempt on the connection whose answer was whole, and the client sees only the last', async () => {
    await playWith(failFirst(2), retrying(3).with)
    const { head, body } = await set.client().write(get).message()
    expect([head.split('\r\n')[0], body]).toEqual(['HTTP/1.1 200 OK', 'got '])
    expect(set.proxy.outcomes.at(-1)).toMatchObject({ attempts: 3, status: 200, end: 'done' })
    expect(set.upstream.lines.length).toBe(1)
  })

  it('end with the answer of the last attempt', async () => {
    await playWith(failFirst(9), retrying(2).with)
    const { head } = await set.client().write(get).message()
    expect(head).toMatch(/^HTTP\/1.1 503/)
    await until(() => set.proxy.outcomes.length === 1)
    expect(set.proxy.outcomes[0]!.attempts).toBe(3)
  })

  it('send the body again, whatever the method and however it came', async () => {
    const heard: string[] = []
    await playWith(failFirst(1, heard), retrying(1).with)
    const client = set.client()
    expect((await client.write(post('abc')).message()).body).toBe('got abc')
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc')
    await sleep(30)
    expect((await client.write('def').message()).body).toBe('got abcdef')
    expect(heard).toEqual(['abc', 'abc', 'abcdef'])
  })

  it('do not happen when the body is longer than what is kept', async () => {
    await playWith(failFirst(1), retrying(5, { keepBytes: 2 }).with)
    expect((await set.client().write(post('abc')).message()).head).toMatch(/^HTTP\/1.1 503/)
  })

  it('go on with a body that is still coming when the first attempt fails', async () => {
    const bodies: string[] = []
    await playWith(async (line, connection) => {
      const head = await line.take(/^[^]*?\r\n\r\n/)
      if (connection === 0) {
        await line.take(/abc/)
        line.write(failing())
        return
      }
      await line.take(/abcdef/)
      bodies.push(head)
      line.write(ok('whole'))
    }, retrying(1).with)
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc')
    await until(() => set.upstream.lines.length === 2)
    expect((await client.write('def').message()).body).toBe('whole')
    expect(bodies.length).toBe(1)
  })

  it('decide on broken connections too', async () => {
    const plan = retrying(1)
    await playWith(async (line, connection) => {
      await line.message()
      if (connection === 0) line.socket.destroy()
      else line.write(ok('second'))
    }, plan.with)
    expect((await set.client().write(post('x')).message()).body).toBe('second')
    expect(plan.failures).toEqual(['reset-before-head'])
  })

  it('leave an attempt that takes too long, and say so when it was the last', async () => {
    const plan = retrying(1, { perTryTimeoutMs: 40 })
    await playWith(async (line) => void (await line.message()), plan.with)
    expect((await set.client().write(get).message()).head).toMatch(/^HTTP\/1.1 504/)
    expect(plan.failures).toEqual(['try-timeout', 'try-timeout'])
    await until(() => set.upstream.open() === 0)
  })

  it('have no say in a websocket that is open: the time of its try was for the handshake', async () => {
    const plan = retrying(1, { perTryTimeoutMs: 60 })
    await playWith(async (line) => {
      await line.message()
      line.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      await line.take(/hi/)
      line.write('yo')
    }, plan.with)
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
    const client = set.client().write(get.slice(0, -2) + upgrade)
    await client.take(/ 101 [^]*\r\n\r\n/)
    await sleep(150)
    await client.write('hi').take(/^yo/)
    expect(plan.failures).toEqual([])
  })

  it('wait for their turn, and stop when the client leaves meanwhile', async () => {
    await playWith(failFirst(9), retrying(9, { afterAnswer: () => 10_000 }).with)
    const client = connect(set.proxy.port).write(get)
    await until(() => set.upstream.lines.length === 1)
    await sleep(30)
    client.socket.destroy()
    await until(() => set.proxy.outcomes.length === 1)
    expect(set.proxy.outcomes[0]).toMatchObject({ end: 'client-gone', attempts: 1 })
  })

  it('show the whole request once, for copies of it', async () => {
    const copies: string[] = []
    const onRequestComplete: Forwarding['onRequestComplete'] = (head, body) =>
      void copies.push(head + Buffer.from(body ?? []).toString())
    await playWith(failFirst(1), { ...retrying(1).with, onRequestComplete })
    await set.client().write(post('abc')).message()
    expect(copies.length).toBe(1)
    expect(copies[0]).toMatch(/^POST \/ HTTP\/1.1\r\n[^]*x-version: v1\r\n\r\nabc$/)
  })
})

describe('a request that is held', () => {
  it.each([
    ['forwarded', (): Partial<Forwarding> => ({}), 'got abc'],
    ['forwarded with retries', () => retrying(1).with, 'got abc'],
  ])('is %s afterwards, body and all', async (_what, extra, expected) => {
    await play(failFirst(0), {
      hold: 40,
      adjust: (forwarding) => ({ ...forwarding, ...extra(), endpoint: () => forwarding.endpoint(1) }),
    })
    const from = performance.now()
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na')
    await sleep(10)
    expect((await client.write('bc').message()).body).toBe(expected)
    expect(performance.now() - from).toBeGreaterThan(38)
    expect((await client.write(post('abc')).message()).body).toBe(expected)
  })

  it('reports a client that leaves meanwhile', async () => {
    await play(failFirst(0), { hold: 10_000 })
    const client = connect(set.proxy.port).write(get)
    await until(() => set.proxy.server.activeRequests === 1)
    client.socket.destroy()
    await until(() => set.proxy.outcomes.length === 1)
    expect(set.proxy.outcomes[0]).toMatchObject({ end: 'client-gone', status: 0, attempts: 0 })
  })
})
