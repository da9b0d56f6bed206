// The lives of connections: reuse, retries, leaving early, limits, tunnels, shutting down. No byte may reach the wrong person, and
// nothing may be left behind (stage.strike checks the counts).

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { endpointOf, startPlainProxy } from './plain-proxy.ts'
import { play, set } from './stage-of-test.ts'
import { answering, connect, ok, startUpstream, until } from './wire.ts'
import type { Script } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const path = answering((head) => ok(head.split(' ')[1]!))

describe('upstream connections', () => {
  it('are used again, and only after both messages ended', async () => {
    await play(path)
    const client = set.client()
    for (let i = 0; i < 5; i++) expect((await client.write(get).message()).body).toBe('/')
    expect(set.upstream.lines.length).toBe(1)
  })

  it.each([
    ['says close', () => ok('x', 'Connection: close\r\n')],
    ['speaks HTTP/1.0', () => ok('x').replace('HTTP/1.1', 'HTTP/1.0')],
    ['sends bytes behind it', () => `${ok('x')}HTTP/1.1 200 OK\r\n`],
    ['announces a body for HEAD', () => 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n'],
    ['says nothing of a body for HEAD', () => 'HTTP/1.1 200 OK\r\n\r\n'],
    ['announces chunks with 304', () => 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['sends a body with 204', () => 'HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx'],
  ])('are not used again when the answer %s', async (what, reply) => {
    await play(answering(reply))
    const method = what.includes('HEAD') ? 'HEAD' : 'GET'
    for (let i = 0; i < 2; i++) {
      const client = set.client().write(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
      await client.take(/\r\n\r\n/)
    }
    expect(set.upstream.lines.length).toBe(2)
    await until(() => set.upstream.open() === 0)
  })

  it('that were closed while idle are never tried', async () => {
    await play(path)
    expect((await set.client().write(get).message()).body).toBe('/')
    set.upstream.lines[0]!.socket.end()
    await until(() => set.proxy.upstreams.connections(endpointOf(set.upstream.port).key) === 0)
    expect((await set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n').message()).body).toBe(
      '/',
    )
  })

  it('that speak unasked while idle are dropped', async () => {
    await play(path)
    await set.client().write(get).message()
    set.upstream.lines[0]!.write(ok('poison'))
    await until(() => set.upstream.lines[0]!.closed)
    expect((await set.client().write(get).message()).body).toBe('/')
  })

  it('end by retire and by closeIdle, but not under a request', async () => {
    let finish: () => void = () => undefined
    await play(async (line, connection) => {
      await line.take(/\r\n\r\n/)
      if (connection === 0) await new Promise<void>((resolve) => (finish = resolve))
      line.write(ok(`${connection}`))
    })
    const { key } = endpointOf(set.upstream.port)
    const { upstreams } = set.proxy
    const slow = set.client().write(get)
    await until(() => set.upstream.lines.length === 1)
    expect((await set.client().write(get).message()).body).toBe('1')
    expect([upstreams.inFlight(key), upstreams.connections(key)]).toEqual([1, 2])
    upstreams.retire(key)
    await until(() => upstreams.connections(key) === 1)
    finish()
    expect((await slow.message()).body).toBe('0')
    await until(() => upstreams.connections(key) === 0)
  })

  it('wait their turn at the limit, and too many waiting are refused at once', async () => {
    const release: (() => void)[] = []
    await play(
      async (line) => {
        for (;;) {
          await line.take(/\r\n\r\n/)
          await new Promise<void>((resolve) => release.push(resolve))
          line.write(ok('x'))
        }
      },
      { limits: { upstreamConnections: 1, upstreamWaiting: 1 } },
    )
    const first = set.client().write(get)
    await until(() => release.length === 1)
    const second = set.client().write(get)
    await until(() => set.proxy.upstreams.inFlight(endpointOf(set.upstream.port).key) === 2)
    expect((await set.client().write(get).message()).head).toMatch(/^HTTP\/1\.1 503 /)
    release.shift()!()
    await first.message()
    await until(() => release.length === 1)
    release.shift()!()
    expect((await second.message()).body).toBe('x')
    expect(set.upstream.lines.length).toBe(1)
  })

  it('waiting for one has an end', async () => {
    await play(() => undefined, { limits: { upstreamConnections: 1, connectTimeoutMs: 150 }, timeoutMs: 0 })
    set.client().write(get)
    await until(() => set.upstream.lines.length === 1)
    const { head } = await set.client().write(get).message()
    expect(head).toMatch(/^HTTP\/1\.1 503 /)
    expect(set.proxy.outcomes[0]).toMatchObject({ attempts: 1 })
    expect(set.proxy.failures).toEqual(['overflow'])
  })

  it('idle too long are closed', async () => {
    await play(path, { limits: { upstreamIdleTimeoutMs: 150 } })
    await set.client().write(get).message()
    await until(() => set.upstream.lines[0]!.closed)
  })

  it('that last read a large body are closed after a second without work: their buffer is large', async () => {
    await play(answering((head) => ok('x'.repeat(head.startsWith('GET /large ') ? 4 << 20 : 1))))
    await Promise.all([set.client().write(get).message(), set.client().write(get.replace('/', '/large')).message()])
    await until(() => set.upstream.open() === 1)
    expect((await set.client().write(get).message()).body).toBe('x')
    expect(set.upstream.lines.length).toBe(2)
  })
})

describe('trying again', () => {
  /** Answers the first request of its first connection, then closes without a word at the second. */
  const stale: Script = async (line, connection) => {
    for (let request = 0; ; request++) {
      const { head, body } = await line.message()
      if (connection === 0 && request === 1) {
        line.socket.resetAndDestroy()
        return
      }
      line.write(ok(`${connection} ${head.split(' ')[0]} ${body}`))
    }
  }

  it.each([
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', '1 GET '],
    ['PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello', '1 PUT hello'],
  ])('a stale pooled connection costs nothing: %j', async (request, expected) => {
    await play(stale)
    const client = set.client().write(get)
    await client.message()
    expect((await client.write(request).message()).body).toBe(expected)
    expect(set.proxy.outcomes[1]).toMatchObject({ status: 200, attempts: 1 })
  })

  it('a POST is never sent twice', async () => {
    await play(stale)
    const client = set.client().write(get)
    await client.message()
    const { head } = await client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello').message()
    expect(head).toMatch(/^HTTP\/1\.1 502 /)
    expect(set.upstream.lines.length).toBe(1)
    expect(set.proxy.outcomes[1]).toMatchObject({ bytesReceived: 5 })
    expect(set.proxy.failures).toEqual(['reset-before-head'])
  })

  it('nothing is repeated once a byte of the answer came, nor on a fresh connection', async () => {
    await play(async (line) => {
      await line.message()
      line.write('HTTP/1.1 2')
      await sleep(20)
      line.socket.resetAndDestroy()
    })
    for (let i = 1; i <= 2; i++) {
      expect((await set.client().write(get).message()).head).toMatch(/^HTTP\/1\.1 502 /)
      expect(set.upstream.lines.length).toBe(i)
    }
  })

  it('a refused connection asks for another endpoint, with the body that has come', async () => {
    const dead = await startUpstream(() => undefined)
    await dead.close()
    const down: string[] = []
    const upstream = await startUpstream(answering((_, body) => ok(body)))
    await play(path, {
      endpoints: [endpointOf(dead.port), endpointOf(dead.port), endpointOf(upstream.port)],
      adjust: (forwarding) => ({ ...forwarding, onEndpointDown: ({ key }) => void down.push(key) }),
    })
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
    await sleep(20)
    expect((await client.write('world').message()).body).toBe('helloworld')
    expect(down).toEqual([endpointOf(dead.port).key, endpointOf(dead.port).key])
    expect(set.proxy.outcomes[0]).toMatchObject({ attempts: 3, status: 200 })
    await upstream.close()
  })

  it('none left to try says why', async () => {
    const dead = await startUpstream(() => undefined)
    await dead.close()
    await play(path, { endpoints: [endpointOf(dead.port)] })
    expect((await set.client().write(get).message()).head).toMatch(/^HTTP\/1\.1 503 /)
    expect(set.proxy.outcomes[0]).toMatchObject({ end: 'done', attempts: 1 })
    expect(set.proxy.failures).toEqual(['connect-refused'])
    await set.strike()
    await play(path, { endpoints: [] })
    await set.client().write(get).message()
    expect(set.proxy.outcomes[0]).toMatchObject({ attempts: 0 })
    expect(set.proxy.failures).toEqual(['no-endpoint'])
  })
})

describe('leaving early', () => {
  it('a client that goes takes its upstream request along', async () => {
    await play((line) => void line.take(/\r\n\r\n/))
    const client = set.client().write(get)
    await until(() => set.upstream.lines.length === 1)
    client.socket.destroy()
    await until(() => set.upstream.open() === 0)
    expect(set.proxy.outcomes).toMatchObject([{ end: 'client-gone', status: 0 }])
  })

  it('a client cut off inside its body is no complete request upstream', async () => {
    await play((line) => void line.take(/never/).catch(() => undefined))
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
    await until(() => set.upstream.lines[0]?.text.endsWith('hello') === true)
    client.socket.end()
    await until(() => set.upstream.open() === 0)
    expect(set.proxy.outcomes).toMatchObject([{ end: 'client-gone', bytesReceived: 5 }])
  })

  it('a body that turns out to be none aborts the upstream request and is 400', async () => {
    await play((line) => void line.take(/never/).catch(() => undefined))
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
    await until(() => set.upstream.lines[0]?.text.endsWith('hello\r\n') === true)
    expect((await client.write('zz\r\n').message()).head).toMatch(/^HTTP\/1\.1 400 /)
    await client.end()
    await until(() => set.upstream.open() === 0)
    expect(set.upstream.lines[0]!.text).not.toContain('0\r\n\r\n')
    expect(set.proxy.outcomes).toMatchObject([{ status: 400, end: 'done' }])
  })

  it('clients that abort at random and upstreams that are reset leave nothing behind, and nobody gets a wrong answer', async () => {
    await play(async (line) => {
      for (let i = 0; ; i++) {
        const { head } = await line.message()
        const token = head.split(' ')[1]!
        if (i % 7 === 6) {
          line.write(`HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n${token}`)
          line.socket.resetAndDestroy()
          return
        }
        line.write(ok(token.repeat(1 + (i % 5) * 4000)))
      }
    })
    let checked = 0
    const visit = async (visitor: number): Promise<void> => {
      for (let i = 0; i < 12; i++) {
        const token = `/t${visitor}-${i}-`
        const client = connect(set.proxy.port).write(`GET ${token} HTTP/1.1\r\nHost: a\r\n\r\n`)
        if ((visitor + i) % 3 === 0) {
          await sleep((visitor * 7 + i) % 5)
          client.socket.destroy()
          continue
        }
        const answer = await client.message().catch(() => undefined)
        client.socket.destroy()
        if (answer === undefined || !answer.head.includes(' 200 ')) continue
        // Cut off by the upstream that reset it.
        if (answer.head.includes('Length: 90000')) continue
        expect(answer.body.replaceAll(token, '')).toBe('')
        checked++
      }
    }
    await Promise.all(Array.from({ length: 40 }, (_, visitor) => visit(visitor)))
    expect(checked).toBeGreaterThan(150)
    await until(() => set.proxy.server.activeRequests === 0)
    expect(set.proxy.upstreams.inFlight(endpointOf(set.upstream.port).key)).toBe(0)
    // One report for each request that was handed over, none twice.
    expect(set.proxy.outcomes.length).toBeLessThanOrEqual(480)
  })

  it('with half a body behind an earlier request ends the connection once that is answered', async () => {
    const release: (() => void)[] = []
    await play(async (line) => {
      await line.message()
      await new Promise<void>((resolve) => release.push(resolve))
      line.write(ok('x'))
    })
    const client = set.client().write(`${get}POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`)
    await until(() => release.length === 1)
    client.socket.end()
    await sleep(50)
    release.shift()!()
    expect((await client.message()).body).toBe('x')
    await until(() => client.closed, 2000)
    expect(set.proxy.outcomes.length).toBe(2)
  })
})

describe('the last answer', () => {
  const last = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

  it.each([
    ['a short one', 13, 8],
    ['one that is more than the kernel takes', 12_000_000, 2],
  ])('closes the connection of a client that said so, without waiting for it: %s', async (_what, size, count) => {
    await play(answering(() => ok('x'.repeat(size))))
    const clients = Array.from({ length: count }, () => set.client().write(last))
    for (const client of clients) client.socket.pause()
    await until(() => set.upstream.lines.length > 0)
    for (const client of clients) client.socket.resume()
    for (const client of clients) {
      expect((await client.message()).body.length).toBe(size)
      await client.end()
    }
    // Their own sides are open still. Others are read for a second.
    await until(() => set.proxy.server.openConnections === 0, 900)
  })

  it('reaches a client that sends on all the same, for what it sends is read for a while', async () => {
    await play(answering(() => ok('whole')))
    const client = set.client().write(last + get)
    expect((await client.message()).body).toBe('whole')
    await client.end()
    client.write(get)
    client.socket.end()
    await until(() => client.closed)
    expect(client.reset).toBe(false)
    expect(set.proxy.outcomes.length).toBe(1)
  })
})

describe('closing', () => {
  it('drain closes idle connections at once and the others with their answer', async () => {
    let finish: () => void = () => undefined
    await play(async (line) => {
      await line.take(/\r\n\r\n/)
      await new Promise<void>((resolve) => (finish = resolve))
      line.write(ok('late'))
    })
    const idle = set.client()
    const busy = set.client().write(get)
    await until(() => set.upstream.lines.length === 1 && set.proxy.server.openConnections === 2)
    set.proxy.server.drain()
    await idle.end()
    idle.socket.destroy()
    const refused = connect(set.proxy.port)
    await until(() => refused.closed)
    expect(refused.reset).toBe(true)
    finish()
    const { head, body } = await busy.message()
    expect([/connection: close/.test(head), body]).toEqual([true, 'late'])
    await busy.end()
  })

  it('close waits for the open requests, and no longer than it was told', async () => {
    await play((line) => void line.take(/\r\n\r\n/))
    const client = set.client().write(get)
    await until(() => set.upstream.lines.length === 1)
    const from = performance.now()
    await set.proxy.server.close(200)
    expect(performance.now() - from).toBeGreaterThan(190)
    expect(set.proxy.outcomes).toMatchObject([{ end: 'client-gone' }])
    await client.end()
  })

  it('unlisten stops one port and leaves its connections alone', async () => {
    await play(path)
    const client = set.client().write(get)
    await client.message()
    const { port } = await set.proxy.server.listen('second', { port: 0, address: '127.0.0.1' })
    set.proxy.server.unlisten('plain')
    expect((await client.write(get).message()).body).toBe('/')
    const other = connect(port).write(get)
    expect((await other.message()).body).toBe('/')
    other.socket.destroy()
    const refused = set.client()
    await until(() => refused.closed)
  })

  it('a listener that comes while the server drains is refused, and leaves its port', async () => {
    await play(path)
    const { server } = set.proxy
    const { port } = await server.listen('early', { port: 0, address: '127.0.0.1' })
    server.unlisten('early')
    const late = server.listen('late', { port, address: '127.0.0.1' })
    server.drain()
    await expect(late).rejects.toThrow('the gateway is ending')
    const refused = connect(port)
    await until(() => refused.closed)
  })

  it('listening where somebody else listens is an error that says so', async () => {
    await play(path)
    await expect(set.proxy.server.listen('x', { port: set.proxy.port, address: '127.0.0.1' })).rejects.toThrow(
      'EADDRINUSE',
    )
  })
})

describe('two proxies', () => {
  it('in a row still agree on every byte', async () => {
    await play(answering((head, body) => ok(`${head.split(' ')[1]} ${body}`)))
    const outer = await startPlainProxy({ endpoints: [endpointOf(set.proxy.port)] })
    const client = connect(outer.port)
    for (let i = 0; i < 20; i++) {
      const { body } = await client.write(`PUT /${i} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`).message()
      expect(body).toBe(`/${i} hi`)
    }
    client.socket.destroy()
    await outer.close()
  })
})
