import { createHash } from 'node:crypto'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connect, until } from '../http1/wire.ts'
import { believedPair, describeWithOpenssl } from './authority.ts'
import { askPlain, echo, echoedIn, proxyTo, startHttpsBackend, startTlsScript } from './https-backend.ts'

const mebibyte = 1024 * 1024

describeWithOpenssl('HTTPS upstreams', () => {
  const pair = believedPair('DNS:app.test,DNS:other.test')

  test('a request arrives as it would on a plain connection, under the name of the certificate', async () => {
    const backend = await startHttpsBackend(pair, echo)
    await using proxy = await proxyTo(backend)
    const answer = await askPlain(proxy.port, [
      'GET /a%20b?c HTTP/1.1',
      'X-Own: caf\xe9',
      'TE: trailers',
      'X-Version: forged',
    ])
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(answer).toMatch(/\r\nx-version: v1\r\n/)
    const { method, url, servername, rawHeaders } = echoedIn(answer)
    expect({ method, url, servername }).toEqual({ method: 'GET', url: '/a%20b?c', servername: 'app.test' })
    const fields = Array.from({ length: rawHeaders.length / 2 }, (_, i) =>
      rawHeaders.slice(2 * i, 2 * i + 2).join(': '),
    )
    expect(fields.toSorted()).toEqual(['X-Own: caf\xe9', 'connection: keep-alive', 'host: app.test', 'x-version: v1'])
  })

  test.each([
    { what: 'a sized body', lines: ['POST / HTTP/1.1', 'Content-Length: 5'], body: 'hello', arrives: 'hello' },
    { what: 'an empty body', lines: ['POST / HTTP/1.1', 'Content-Length: 0'], body: '', arrives: '' },
    {
      what: 'a chunked body without its trailer',
      lines: ['PUT / HTTP/1.1', 'Transfer-Encoding: chunked'],
      body: '3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: 1\r\n\r\n',
      arrives: 'hello',
    },
    { what: 'a GET with a body', lines: ['GET / HTTP/1.1', 'Content-Length: 5'], body: 'hello', arrives: 'hello' },
    {
      what: 'a method of its own',
      lines: ['PROPFIND / HTTP/1.1', 'Content-Length: 5'],
      body: 'hello',
      arrives: 'hello',
    },
  ])('$what arrives whole', async ({ lines, body, arrives }) => {
    const backend = await startHttpsBackend(pair, echo)
    await using proxy = await proxyTo(backend)
    expect(echoedIn(await askPlain(proxy.port, lines, body)).body).toBe(arrives)
  })

  test.each([
    { head: 'HTTP/1.1 204 No Content\r\n\r\n', gets: /^HTTP\/1.1 204 No Content\r\n(?!.*content-length).*\r\n\r\n$/is },
    {
      head: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
      gets: /^HTTP\/1.1 304 .*content-length: 9.*\r\n\r\n$/is,
    },
    { head: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', gets: /content-length: 2.*\r\n\r\nhi$/is },
    {
      head: 'HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
      gets: /chunked.*2\r\nhi\r\n0\r\n\r\n$/is,
    },
    {
      head: 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end',
      gets: /\r\nd\r\nuntil the end\r\n0\r\n\r\n$/is,
    },
    {
      head: 'HTTP/1.1 299 caf\xc3\xa9\r\nX-A: \xff\r\nX-A: b\r\nContent-Length: 0\r\n\r\n',
      gets: /^HTTP\/1.1 299 caf\xc3\xa9\r\nX-A: \xff\r\nX-A: b\r\n/,
    },
    {
      head: 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      gets: /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1.1 200 /,
    },
  ])('$head goes to the client', async ({ head, gets }) => {
    const backend = await startTlsScript(pair, async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(head)
      if (/close/.test(head)) line.socket.end()
    })
    await using proxy = await proxyTo(backend)
    expect(await askPlain(proxy.port, ['GET / HTTP/1.1'])).toMatch(gets)
  })

  test.each([
    { said: 'no HTTP', bytes: 'hello\r\n\r\n' },
    { said: 'two lengths', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab' },
    {
      said: 'two framings',
      bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    },
    { said: 'a switch nobody asked for', bytes: 'HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n' },
    { said: 'a head beyond all bounds', bytes: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n` },
    { said: 'too many interim answers', bytes: 'HTTP/1.1 103 E\r\n\r\n'.repeat(20) },
  ])('an upstream that says $said is a bad response', async ({ bytes }) => {
    const backend = await startTlsScript(pair, async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(bytes)
    })
    await using proxy = await proxyTo(backend)
    expect(await askPlain(proxy.port, ['GET / HTTP/1.1'])).toMatch(/HTTP\/1.1 502 /)
    await until(() => proxy.outcomes.length === 1)
    expect(proxy.outcomes[0]).toMatchObject({ attempts: 1 })
    expect(proxy.failures).toEqual(['bad-response'])
  })

  test.each([
    { framing: 'a length', head: 'Content-Length: 100' },
    { framing: 'chunks', head: 'Transfer-Encoding: chunked' },
  ])('an answer in $framing that breaks off is visibly truncated', async ({ head }) => {
    const backend = await startTlsScript(pair, async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nhello\r\n`)
      await sleep(50)
      line.socket.destroy()
    })
    await using proxy = await proxyTo(backend)
    const answer = await askPlain(proxy.port, ['GET / HTTP/1.1'])
    expect(answer).toContain('hello')
    expect(answer).not.toMatch(/0\r\n\r\n$/)
    expect(proxy.outcomes[0]).toMatchObject({ end: 'truncated', status: 200 })
  })

  test('8 MiB go up and come down unchanged', async () => {
    const backend = await startHttpsBackend(pair, (request, response) => request.pipe(response))
    await using proxy = await proxyTo(backend)
    const sent = Buffer.alloc(8 * mebibyte)
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 2654435761) >>> 24
    const socket = net.connect(proxy.port, '127.0.0.1')
    const head = `POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: ${sent.length}\r\nConnection: close\r\n\r\n`
    socket.write(head)
    socket.write(sent)
    const parts: Buffer[] = []
    for await (const part of socket) parts.push(part as Buffer)
    const answer = Buffer.concat(parts)
    const start = answer.indexOf('\r\n\r\n') + 4
    const body = withoutChunks(answer.subarray(start))
    expect(body.length).toBe(sent.length)
    expect(digest(body)).toBe(digest(sent))
    expect(proxy.outcomes[0]).toMatchObject({ end: 'done', bytesReceived: sent.length, bytesSent: sent.length })
  })

  test('a client that does not read holds up the upstream, not memory', async () => {
    let written = 0
    const backend = await startHttpsBackend(pair, (_request, response) => {
      response.on('error', () => {})
      const more = (): void => {
        while (written < 64 * mebibyte) {
          written += 65_536
          if (!response.write(Buffer.alloc(65_536))) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    })
    await using proxy = await proxyTo(backend)
    const line = connect(proxy.port)
    line.socket.pause()
    line.write('GET / HTTP/1.1\r\nHost: app.test\r\n\r\n')
    const stalled = await standstill(() => written)
    expect(stalled).toBeGreaterThan(0)
    expect(stalled).toBeLessThan(20 * mebibyte)
    line.socket.resume()
    await until(() => written >= 64 * mebibyte, 20_000)
    line.socket.destroy()
  })

  test('an upstream that does not read holds up the client', async () => {
    const backend = await startHttpsBackend(pair, (request, response) => {
      request.pause()
      setTimeout(() => request.resume().on('end', () => response.end('read')), 1500)
    })
    await using proxy = await proxyTo(backend, { timeoutMs: 20_000 })
    const line = connect(proxy.port)
    line.write(`POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: ${64 * mebibyte}\r\nConnection: close\r\n\r\n`)
    let written = 0
    const more = (): void => {
      while (written < 64 * mebibyte) {
        written += 65_536
        if (!line.socket.write(Buffer.alloc(65_536))) return void line.socket.once('drain', more)
      }
    }
    more()
    const stalled = await standstill(() => written)
    expect(stalled).toBeLessThan(30 * mebibyte)
    expect(await line.end(20_000)).toMatch(/read$/)
  })
})

/** The value once it has not moved for a while. */
async function standstill(value: () => number): Promise<number> {
  let last = -1
  while (value() !== last) {
    last = value()
    await sleep(300)
  }
  return last
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function withoutChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}
