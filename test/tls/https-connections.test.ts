import type { ServerResponse } from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startPlainProxy } from '../http1/plain-proxy.ts'
import { connect, type Line, until } from '../http1/wire.ts'
import { believedPair, describeWithOpenssl } from './authority.ts'
import {
  askPlain,
  echo,
  echoedIn,
  proxyTo,
  secureEndpoint,
  startHttpsBackend,
  startTlsScript,
} from './https-backend.ts'

const mebibyte = 1024 * 1024

describeWithOpenssl('connections to HTTPS upstreams', () => {
  const pair = believedPair('DNS:app.test,DNS:other.test')

  test('one connection serves request after request', async () => {
    const backend = await startHttpsBackend(pair, echo)
    await using proxy = await proxyTo(backend)
    const line = connect(proxy.port)
    for (let i = 0; i < 20; i++) {
      const body = 'x'.repeat(i)
      line.write(`POST /${i} HTTP/1.1\r\nHost: h${i}.test\r\nContent-Length: ${i}\r\n\r\n${body}`)
      const answer = await line.message()
      expect(JSON.parse(answer.body)).toMatchObject({ url: `/${i}`, body })
    }
    expect(backend.sockets.length).toBe(1)
    expect(proxy.upstreams.connections(secureEndpoint(backend.port).key)).toBe(1)
    line.socket.destroy()
  })

  test('names at one address never share a connection', async () => {
    const backend = await startHttpsBackend(pair, echo)
    const endpoints = ['app.test', 'other.test'].map((name) => secureEndpoint(backend.port, name))
    for (const endpoint of [...endpoints, ...endpoints]) {
      const proxy = await startPlainProxy({ endpoints: [endpoint] })
      const { servername } = echoedIn(await askPlain(proxy.port, ['GET / HTTP/1.1']))
      expect(servername).toBe(endpoint.serverName)
      await proxy.close()
    }
    expect(new Set(endpoints.map(({ key }) => key)).size).toBe(2)
    backend.close()
  })

  test('a pooled connection that was closed meanwhile costs nobody an answer', async () => {
    const backend = await startTlsScript(pair, async (line, connection) => {
      await line.take(/\r\n\r\n/)
      line.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${connection}`)
      if (connection > 0) return
      await line.take(/\r\n\r\n/)
      line.socket.destroy()
    })
    await using proxy = await proxyTo(backend)
    const line = connect(proxy.port)
    for (const connection of ['0', '1']) {
      line.write('GET / HTTP/1.1\r\nHost: app.test\r\n\r\n')
      expect((await line.message()).body).toBe(connection)
    }
    line.socket.destroy()
  })

  test('a POST on such a connection is not sent twice', async () => {
    const seen: string[] = []
    const backend = await startTlsScript(pair, async (line) => {
      await line.take(/\r\n\r\n/)
      line.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      seen.push(await line.take(/hello/))
      line.socket.destroy()
    })
    await using proxy = await proxyTo(backend)
    const line = connect(proxy.port)
    line.write('GET / HTTP/1.1\r\nHost: app.test\r\n\r\n')
    await line.message()
    line.write('POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello')
    expect((await line.message()).head).toMatch(/^HTTP\/1.1 50[23] /)
    expect(seen).toEqual(['hello'])
    expect(backend.sockets.length).toBe(1)
    line.socket.destroy()
  })

  test('an upstream that answers early and reads no more: the client gets that answer', async () => {
    const backend = await startTlsScript(pair, async (line) => {
      await line.take(/\r\n\r\n/)
      line.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!')
    })
    await using proxy = await proxyTo(backend)
    const line = connect(proxy.port)
    line.write('POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000000\r\n\r\nthe beginning')
    const { head, body } = await line.message()
    expect(head).toMatch(/^HTTP\/1.1 413 /)
    expect(body).toBe('no!')
    await line.end()
    await until(() => proxy.upstreams.connections(secureEndpoint(backend.port).key) === 0)
    line.socket.destroy()
  })

  test('a client that waits for 100 gets it, and its body arrives', async () => {
    const backend = await startHttpsBackend(pair, echo)
    await using proxy = await proxyTo(backend)
    const line = connect(proxy.port)
    line.write('POST / HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
    await line.take(/^HTTP\/1.1 100 Continue\r\n\r\n/)
    line.write('hello')
    const { body } = await line.message()
    expect(JSON.parse(body)).toMatchObject({ body: 'hello' })
    line.socket.destroy()
  })

  test('a client that leaves takes its upstream connection along', async () => {
    const backend = await startHttpsBackend(pair, (_request, response) => void response.write('a beginning'))
    await using proxy = await proxyTo(backend)
    const line = connect(proxy.port)
    line.write('GET / HTTP/1.1\r\nHost: app.test\r\n\r\n')
    await line.take(/a beginning/)
    line.socket.destroy()
    await until(() => proxy.outcomes.length === 1 && backend.sockets.every((socket) => socket.destroyed))
    expect(proxy.outcomes[0]).toMatchObject({ end: 'client-gone' })
    expect(proxy.upstreams.inFlight(secureEndpoint(backend.port).key)).toBe(0)
  })

  test.each(['Content-Length: 100', 'Transfer-Encoding: chunked'])(
    'an upstream never sees the end of a request (%s) that the client did not end',
    async (framing) => {
      let ended: boolean | undefined
      const backend = await startHttpsBackend(pair, (request) => {
        request.on('error', () => {})
        request.on('close', () => (ended = request.complete))
        request.resume()
      })
      await using proxy = await proxyTo(backend)
      const line = connect(proxy.port)
      line.write(`POST / HTTP/1.1\r\nHost: app.test\r\n${framing}\r\n\r\n5\r\nhello\r\n`)
      await until(() => backend.requests() === 1)
      line.socket.destroy()
      await until(() => ended !== undefined)
      expect(ended).toBe(false)
    },
  )

  test('an answer that does not come in time is 504, and its connection is closed', async () => {
    const backend = await startHttpsBackend(pair, () => {})
    await using proxy = await proxyTo(backend, { timeoutMs: 300 })
    expect(await askPlain(proxy.port, ['GET / HTTP/1.1'])).toMatch(/^HTTP\/1.1 504 /)
    await until(() => backend.sockets.every((socket) => socket.destroyed))
    expect(proxy.failures).toEqual(['timeout'])
  })

  test('a port that takes connections and never shakes hands is a connect timeout', async () => {
    const server = net.createServer((socket) => socket.on('error', () => {}))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    const proxy = await startPlainProxy({ endpoints: [secureEndpoint(port)], limits: { connectTimeoutMs: 200 } })
    expect(await askPlain(proxy.port, ['GET / HTTP/1.1'])).toMatch(/^HTTP\/1.1 50[34] /)
    expect(proxy.failures).toEqual(['connect-timeout'])
    await proxy.close()
    server.close()
  })

  test('a retired endpoint keeps no connection', async () => {
    const backend = await startHttpsBackend(pair, echo)
    await using proxy = await proxyTo(backend)
    const { key } = secureEndpoint(backend.port)
    await askPlain(proxy.port, ['GET / HTTP/1.1'])
    await until(() => proxy.upstreams.connections(key) === 1)
    proxy.upstreams.retire(key)
    await until(() => proxy.upstreams.connections(key) === 0 && backend.sockets.every((socket) => socket.destroyed))
  })

  test('connections beyond the limit wait their turn, and are refused when the queue is full', async () => {
    const answers: ServerResponse[] = []
    const backend = await startHttpsBackend(pair, (_request, response) => void answers.push(response))
    await using proxy = await proxyTo(backend, { limits: { upstreamConnections: 1, upstreamWaiting: 1 } })
    const get = 'GET / HTTP/1.1\r\nHost: app.test\r\n\r\n'
    const lines = [connect(proxy.port), connect(proxy.port)]
    lines[0]!.write(get)
    await until(() => answers.length === 1)
    lines[1]!.write(get)
    await sleep(50)
    expect(await askPlain(proxy.port, ['GET / HTTP/1.1'])).toMatch(/^HTTP\/1.1 503 /)
    answers[0]!.end('first')
    expect((await lines[0]!.message()).body).toBe('first')
    await until(() => answers.length === 2)
    answers[1]!.end('second')
    expect((await lines[1]!.message()).body).toBe('second')
    expect(backend.sockets.length).toBe(1)
    for (const line of lines) line.socket.destroy()
  })

  test('a websocket passes bytes both ways and ends on both sides', async () => {
    const backend = await startTlsScript(pair, async (line) => {
      const head = await line.take(/^[^]*\r\n\r\n/)
      expect(head).toMatch(/\r\nconnection: upgrade\r\nupgrade: websocket\r\n/i)
      line.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nat once',
      )
      await playEcho(line)
    })
    await using proxy = await proxyTo(backend)
    const line = connect(proxy.port)
    const asked = [
      'GET / HTTP/1.1',
      'Host: app.test',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: x',
      'Sec-WebSocket-Version: 13',
    ]
    line.write(`${asked.join('\r\n')}\r\n\r\n`)
    await line.take(/^HTTP\/1.1 101 [^]*\r\nat once/)
    const long = 'w'.repeat(4 * mebibyte)
    line.write(long)
    await until(() => line.text.length >= long.length, 10_000)
    expect(line.text).toBe(long)
    line.socket.end()
    await until(() => proxy.outcomes.length === 1 && backend.sockets.every((socket) => socket.destroyed))
    expect(proxy.outcomes[0]).toMatchObject({ status: 101, end: 'tunnel-closed' })
  })

  test('a websocket that the upstream refuses is an ordinary answer', async () => {
    const backend = await startHttpsBackend(pair, (_request, response) => {
      response.statusCode = 403
      response.end('not you')
    })
    await using proxy = await proxyTo(backend)
    const asked = ['GET / HTTP/1.1', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Version: 13']
    const line = connect(proxy.port)
    line.write(`${[...asked, 'Host: app.test', 'Connection: Upgrade'].join('\r\n')}\r\n\r\n`)
    const { head } = await line.message()
    expect(head).toMatch(/^HTTP\/1.1 403 /)
    line.socket.destroy()
  })
})

async function playEcho(line: Line): Promise<void> {
  while (!line.closed) {
    await until(() => line.text !== '' || line.ended, 20_000)
    if (line.text === '') return
    const { text } = line
    line.text = ''
    line.write(text)
  }
}
