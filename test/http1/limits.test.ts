// Every limit, each with what it stops and what the client is told.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../src/proxy/http1/limits.ts'
import { play, set } from './stage-of-test.ts'
import { answering, type Line, ok, until } from './wire.ts'

const answer = answering(() => ok('x'))
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

async function statusOf(request: string): Promise<string> {
  const client = set.client().write(request)
  const { head } = await client.message()
  if (!head.includes(' 200 ')) await client.end()
  return head.slice(9, 12)
}

describe('sizes', () => {
  it.each([
    ['headBytes', { headBytes: 200 }, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(180)}\r\n\r\n`, '431'],
    ['headBytes, endless', { headBytes: 200 }, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(900)}`, '431'],
    ['targetBytes', { targetBytes: 20 }, `GET /${'y'.repeat(20)} HTTP/1.1\r\nHost: a\r\n\r\n`, '414'],
    ['targetBytes, endless', { targetBytes: 20 }, `GET /${'y'.repeat(40)}`, '414'],
    ['fields', { fields: 3 }, 'GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n', '431'],
    ['the method', {}, `${'G'.repeat(33)} / HTTP/1.1\r\nHost: a\r\n\r\n`, '400'],
  ])('%s', async (_name, limits, request, status) => {
    await play(answer, { limits })
    expect(await statusOf(request)).toBe(status)
    expect(set.upstream.lines.length).toBe(0)
  })

  it.each([
    ['headBytes', { headBytes: 300 }, 'GET / HTTP/1.1\r\nHost: a\r\nX', '431'],
    ['targetBytes', { targetBytes: 20 }, 'GET /', '414'],
  ])('%s, by a later packet that ends no line', async (_name, limits, start, status) => {
    await play(answer, { limits })
    const client = set.client().write(start)
    await sleep(30)
    client.write('y'.repeat(500))
    expect((await client.message()).head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  })

  it('what just fits passes', async () => {
    const request = 'GET /12345 HTTP/1.1\r\nHost: a\r\nA: 1\r\n\r\n'
    await play(answer, { limits: { headBytes: request.length, targetBytes: 6, fields: 2 } })
    expect(await statusOf(request)).toBe('200')
  })

  it.each([
    ['head', { headBytes: 200 }, `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(300)}`],
    ['fields', { fields: 2 }, 'HTTP/1.1 200 OK\r\nA: 1\r\nB: 1\r\nContent-Length: 0\r\n\r\n'],
    ['interim answers', { interimResponses: 2 }, 'HTTP/1.1 103 Hints\r\n\r\n'.repeat(3) + ok('x')],
  ])('an upstream is held to them too: %s', async (_name, limits, reply) => {
    await play(
      answering(() => reply),
      { limits },
    )
    const client = set.client().write(get)
    await client.take(/HTTP\/1\.1 502 /)
  })

  it('an upstream is held to them too: a later packet that ends no line', async () => {
    await play(
      async (line) => {
        await line.message()
        line.write('HTTP/1.1 200 OK\r\nX: ')
        await sleep(30)
        line.write('y'.repeat(500))
      },
      { limits: { headBytes: 200 } },
    )
    await set
      .client()
      .write(get)
      .take(/HTTP\/1\.1 502 /)
  })
})

describe('time', () => {
  it('headTimeoutMs: a head that trickles in is 408, however often a byte comes', async () => {
    await play(answer, { limits: { headTimeoutMs: 300 } })
    const client = set.client()
    await client.write(get).message()
    const head = 'GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n'
    for (let i = 0; i < head.length - 5 && client.text === ''; i++) {
      client.write(head[i]!)
      await sleep(25)
    }
    expect(client.text).toMatch(/^HTTP\/1\.1 408 /)
    await client.end()
  })

  it('headTimeoutMs: a connection that never says a word is closed without one', async () => {
    await play(answer, { limits: { headTimeoutMs: 200 } })
    expect(await set.client().end()).toBe('')
  })

  describe.each([
    ['behind a request', [`${get}\r\n`]],
    ['behind a body, as old clients send it', ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab\r\n']],
    ['that comes later', [get, '\r\n']],
    ['in two packets', [`${get}\r`, '\n']],
    ['and a second one', [get, '\r\n\r\n']],
    [
      'behind a request that the edge answers itself',
      ['OPTIONS /a HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n\r\n'],
    ],
  ])('an empty line %s (RFC 9112 2.2)', (_where, packets) => {
    async function sent(): Promise<Line> {
      await play(answer, { limits: { headTimeoutMs: 200, idleTimeoutMs: 700 } })
      const client = set.client().write(packets[0]!)
      await client.message()
      if (packets[1] !== undefined) client.write(packets[1])
      return client
    }

    it('begins no request: the connection is idle, and ends without a word', async () => {
      const client = await sent()
      await sleep(50)
      expect(set.proxy.server.openConnections).toBe(1)
      expect(await client.end()).toBe('')
    })

    it('does not keep the next request from coming later than a head may take', async () => {
      const client = await sent()
      await sleep(packets[0]!.endsWith('\r') ? 50 : 450)
      expect((await client.write(get).message()).head).toContain(' 200 ')
    })
  })

  it('idleTimeoutMs: empty lines do not put it off', async () => {
    await play(answer, { limits: { idleTimeoutMs: 300 } })
    const client = set.client().write(get)
    await client.message()
    const start = performance.now()
    const lines = setInterval(() => client.write('\r\n'), 50)
    expect(await client.end()).toBe('')
    clearInterval(lines)
    expect(performance.now() - start).toBeLessThan(2000)
  })

  it('idleTimeoutMs: an idle connection is closed', async () => {
    await play(answer, { limits: { idleTimeoutMs: 200 } })
    const client = set.client().write(get)
    await client.message()
    expect(await client.end()).toBe('')
  })

  it.each([0, 1])(
    'bodyIdleTimeoutMs: a body that stops coming is 408 and no complete request upstream (%i before it)',
    async (before) => {
      await play(
        async (line) => {
          for (let i = 0; i < before; i++) {
            await line.message()
            line.write(ok('x'))
          }
          await line.take(/never/).catch(() => undefined)
        },
        { limits: { bodyIdleTimeoutMs: 200 } },
      )
      for (let i = 0; i < before; i++) expect(await statusOf(get)).toBe('200')
      expect(await statusOf('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel')).toBe('408')
      await until(() => set.upstream.open() === 0)
      expect(set.proxy.outcomes[before]).toMatchObject({ status: 408 })
    },
  )

  it('requestTimeoutMs: a body that trickles in is 408, however often a byte comes', async () => {
    await play(answer, { limits: { bodyIdleTimeoutMs: 10_000, requestTimeoutMs: 300 } })
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n')
    for (let i = 0; i < 200 && client.text === ''; i++) {
      client.write('x')
      await sleep(25)
    }
    expect(client.text).toMatch(/^HTTP\/1\.1 408 /)
    await client.end()
    await until(() => set.upstream.open() === 0)
  })

  it('requestTimeoutMs: counts for one request, not for the connection', async () => {
    await play(
      answering((_, body) => ok(body)),
      { limits: { requestTimeoutMs: 400 } },
    )
    const client = set.client()
    for (let i = 0; i < 5; i++) {
      client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na')
      await sleep(150)
      client.write('b')
      expect((await client.message()).body).toBe('ab')
    }
  })

  it('a body that keeps coming is not cut off', async () => {
    await play(
      answering((_, body) => ok(body)),
      { limits: { bodyIdleTimeoutMs: 250 } },
    )
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n')
    for (const char of 'abcdef') {
      await sleep(120)
      client.write(char)
    }
    expect((await client.message()).body).toBe('abcdef')
  })

  it('the time for an answer: 504 without a head, a visible cut inside the body', async () => {
    await play(
      async (line) => {
        const head = await line.take(/\r\n\r\n/)
        if (head.length > 0 && line.text === '') await line.take(/never/).catch(() => undefined)
      },
      { timeoutMs: 200 },
    )
    expect((await set.client().write(get).message()).head).toMatch(/^HTTP\/1\.1 504 /)
    expect(set.proxy.outcomes[0]).toMatchObject({ end: 'done' })
    expect(set.proxy.failures).toEqual(['timeout'])
    await set.strike()
    await play(
      (line) => void line.take(/\r\n\r\n/).then(() => line.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi')),
      { timeoutMs: 200 },
    )
    expect(await set.client().write(get).end()).toMatch(/hi$/)
    expect(set.proxy.outcomes[0]).toMatchObject({ end: 'truncated', bytesSent: 2 })
  })

  it.each([
    ['is silent', ''],
    ['trickles, however often a byte comes', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: '.padEnd(400, 'x')],
    ['says again and again that it is at it', 'HTTP/1.1 102 Processing\r\n\r\n'],
  ])('answerTimeoutMs: without a time of its route an answer whose head %s is 504', async (_how, head) => {
    await play(
      async (line) => {
        await line.take(/\r\n\r\n/)
        for (let i = 0; i < head.length && !line.ended; i++) {
          line.write(head[i]!)
          await sleep(25)
        }
      },
      { timeoutMs: 0, limits: { answerTimeoutMs: 300 } },
    )
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na')
    await sleep(50)
    expect(await client.write('b').take(/HTTP\/1\.1 [2-9]\d\d/)).toBe('HTTP/1.1 504')
    expect(set.proxy.failures).toEqual(['timeout'])
    await until(() => set.upstream.open() === 0)
  })

  it('answerTimeoutMs: is over with the head, and what follows takes as long as it likes', async () => {
    await play(
      async (line) => {
        for (;;) {
          await line.take(/\r\n\r\n/)
          line.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh')
          await sleep(600)
          line.write('i')
        }
      },
      { timeoutMs: 0, limits: { answerTimeoutMs: 250 } },
    )
    const client = set.client()
    for (let i = 0; i < 2; i++) expect((await client.write(get).message()).body).toBe('hi')
    // An answer before the whole request: its end starts no time for a head that is there.
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na')
    await client.take(/\r\n\r\nh/)
    client.write('b')
    await client.take(/^i$/)
  })
})

describe('numbers', () => {
  it('requestsPerConnection: the last answer says close', async () => {
    await play(answer, { limits: { requestsPerConnection: 2 } })
    const client = set.client().write(get + get + get)
    expect((await client.message()).head).not.toMatch(/connection/)
    expect((await client.message()).head).toMatch(/connection: close/)
    expect(await client.end()).toBe('')
  })

  it('connections: one idle connection makes room, none is 503', async () => {
    await play(
      answering(() => ''),
      { limits: { connections: 1 }, timeoutMs: 0 },
    )
    const idle = set.client()
    await until(() => set.proxy.server.openConnections === 1)
    const busy = set.client().write(get)
    await idle.end()
    await until(() => set.upstream.lines.length === 1)
    expect(await statusOf(get)).toBe('503')
    expect(busy.ended).toBe(false)
  })

  it('connectionsPerAddress: the third of one address is 503 while two are open', async () => {
    await play(answer, { limits: { connectionsPerAddress: 2 } })
    const [first] = [set.client(), set.client()]
    await until(() => set.proxy.server.openConnections === 2)
    expect(await statusOf(get)).toBe('503')
    first!.socket.destroy()
    await until(() => set.proxy.server.openConnections <= 1)
    expect(await statusOf(get)).toBe('200')
  })

  it('drainBytes: so much of an unwanted body is read, not more', async () => {
    await play((line) => void line.take(/\r\n\r\n/).then(() => line.write(ok('early'))), {
      limits: { drainBytes: 1000 },
    })
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
    expect((await client.message()).body).toBe('early')
    client.write('x'.repeat(5000))
    await client.end()
  })
})

describe('defaults', () => {
  it("follow Envoy's list for edge proxies and cannot be changed", () => {
    expect(Object.isFrozen(defaultLimits)).toBe(true)
    expect(defaultLimits).toMatchObject({ headBytes: 32_768, headTimeoutMs: 10_000, connectionsPerAddress: 0 })
  })

  it('keep slow and fast apart', async () => {
    await play(answer)
    expect(await statusOf(get)).toBe('200')
  })
})
