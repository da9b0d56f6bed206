// What reaches the other side, in both directions.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { readRequest } from './strict-reader.ts'
import { play, set } from './stage-of-test.ts'
import { joinChunks } from '../support/raw-request.ts'
import { answering, ok, until } from './wire.ts'

const echo = answering((head, body) => ok(head + body))

async function ask(request: string): Promise<{ head: string; body: string }> {
  return set.client().write(request).message()
}

describe('a request', () => {
  it('keeps order, case and repeats of its fields', async () => {
    await play(echo)
    const { body } = await ask('GET /a?b HTTP/1.1\r\nhOsT: a.test\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\n\r\n')
    expect(body).toBe('GET /a?b HTTP/1.1\r\nhOsT: a.test\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\nx-version: v1\r\n\r\n')
  })

  it.each([
    ['Connection: x-version\r\nX-Version: forged', /\r\nx-version: v1\r\n/, /forged/],
    ['X_Version: forged\r\nx.version: forged', /\r\nx-version: v1\r\n/, /forged/],
    ['Connection: x-b, close\r\nX-B: 1\r\nX-C: 2', /X-C: 2/, /X-B|connection/i],
    ['Connection: cookie, Host\r\nCookie: a=b', /Cookie: a=b/, /connection/i],
    [
      'Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: gzip\r\nTrailer: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x',
      /x-version/,
      /keep-alive|proxy-connection|te:|trailer|upgrade|http2/i,
    ],
  ])('with %s loses what belongs to one hop and keeps the rest', async (fields, kept, lost) => {
    await play(echo)
    const { body } = await ask(`GET / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n\r\n`)
    expect(body).toMatch(kept)
    expect(body.replaceAll('x-version: v1', '')).not.toMatch(lost)
  })

  it('in absolute form goes out in origin form with the authority of the target', async () => {
    await play(echo)
    const { body } = await ask('GET HTTP://b.test:81?x HTTP/1.1\r\nHost: a.test\r\n\r\n')
    expect(body).toMatch(/^GET \/\?x HTTP\/1\.1\r\nhost: b\.test:81\r\nx-version/)
  })

  it('of HTTP/1.0 without Host goes out as HTTP/1.1 with one', async () => {
    await play(echo)
    const { head, body } = await ask('GET / HTTP/1.0\r\n\r\n')
    expect(body).toMatch(/^GET \/ HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/)
    expect(head).toMatch(/connection: close/)
  })

  it('without a body says so where a length is expected, and a padded length is written plainly', async () => {
    await play(echo)
    expect((await ask('POST / HTTP/1.1\r\nHost: a\r\n\r\n')).body).toContain('\r\ncontent-length: 0\r\n')
    const { body } = await ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc')
    expect(body).toMatch(/\r\ncontent-length: 3\r\n\r\nabc$/)
    expect(body).not.toContain('003')
  })

  it.each(['a target\r\nX-Evil: 1', 'über'])('cannot be split by a rewritten target: %j', async (target) => {
    await play(echo, { adjust: (forwarding) => ({ ...forwarding, target: `/${target}` }) })
    const { body } = await ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(body.split('\r\n').length).toBe(5)
    expect(body).toMatch(/^GET \/[!-~]+ HTTP\/1\.1\r\n/)
  })

  it('cannot be split by a field value, not even by characters whose low byte is a line feed', async () => {
    await play(echo, {
      adjust: (forwarding, { request }) => {
        request.set('x-a', 'b\r\nx-evil: 1')
        request.set('x-b', 'c\u010ax-evil: 1')
        return forwarding
      },
    })
    const { body } = await ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(body).toContain('x-a: b  x-evil: 1\r\nx-b: c\xc4\x8ax-evil: 1\r\n')
  })
})

describe('bodies', () => {
  const sizes = [0, 1, 100, 8192, 8193, 70_000, 400_000]

  it.each(sizes)('of %i bytes arrive whole in both framings and both directions', async (size) => {
    const data = Array.from({ length: size }, (_, i) => String.fromCharCode(32 + (i % 90))).join('')
    await play(async (line) => {
      for (;;) {
        await until(() => readRequest(line.text) !== undefined || line.closed)
        const { request, used } = readRequest(line.text)!
        line.text = line.text.slice(used)
        const { body } = request
        const chunk = body === '' ? '' : `${body.length.toString(16)};x="y"\r\n${body}\r\n`
        if (request.target === '/length') line.write(ok(body))
        else line.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\nX-T: 1\r\n\r\n`)
      }
    })
    const chunks = data === '' ? '' : `${data.length.toString(16)}\r\n${data}\r\n`
    const client = set.client()
    for (const target of ['/length', '/chunked']) {
      for (const framing of [
        `Content-Length: ${size}\r\n\r\n${data}`,
        `Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
      ]) {
        client.write(`PUT ${target} HTTP/1.1\r\nHost: a\r\n${framing}`)
        if (target === '/length') expect((await client.message()).body === data).toBe(true)
        else {
          await client.take(/^[^]*?transfer-encoding: chunked\r\n\r\n/)
          await until(() => client.text.endsWith('0\r\n\r\n'))
          expect(joinChunks(client.text).body === data).toBe(true)
          client.text = ''
        }
      }
    }
    expect(set.upstream.lines.length).toBe(1)
    expect(set.proxy.outcomes.map((outcome) => [outcome.bytesReceived, outcome.bytesSent])).toEqual(
      Array.from({ length: 4 }, () => [size, size]),
    )
  })

  it('that end with the upstream connection are chunked for HTTP/1.1 and end the connection for HTTP/1.0', async () => {
    await play(async (line) => {
      await line.take(/\r\n\r\n/)
      line.write('HTTP/1.1 200 OK\r\n\r\nhello').socket.end()
    })
    const modern = set.client().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await modern.take(/transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/)
    expect(modern.ended).toBe(false)
    const old = set.client().write('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    const text = await old.end()
    expect(text).toMatch(/connection: close\r\n\r\nhello$/)
    expect(text).not.toMatch(/chunked/)
  })

  it('are cut off visibly when the upstream breaks off', async () => {
    const broken = ['Content-Length: 9', 'Transfer-Encoding: chunked', '']
    let turn = 0
    await play(async (line) => {
      await line.take(/\r\n\r\n/)
      const field = broken[turn++]!
      line.write(
        `HTTP/1.1 200 OK\r\n${field === '' ? '' : `${field}\r\n`}\r\n${field.includes('chunked') ? '9\r\n' : ''}hello`,
      )
      await sleep(30)
      line.socket.resetAndDestroy()
    })
    for (const version of ['1.1', '1.1', '1.0']) {
      const client = set.client().write(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`)
      const text = await client.end()
      expect(text).not.toContain('0\r\n\r\n')
      if (version === '1.0') expect(client.reset).toBe(true)
    }
    expect(set.proxy.outcomes.map(({ end }) => end)).toEqual(['truncated', 'truncated', 'truncated'])
  })

  it('do not exist for HEAD, 204 and 304, and a length on 304 and HEAD stays', async () => {
    const replies = [
      ok('', 'X: 1\r\n'),
      'HTTP/1.1 204 No Content\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n',
    ]
    let turn = 0
    await play(answering(() => replies[turn++]!))
    const client = set.client()
    for (const [method, length] of [
      ['GET', '0'],
      ['GET', undefined],
      ['GET', '5'],
      ['HEAD', '50'],
    ] as const) {
      client.write(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
      const head = await client.take(/^[^]*?\r\n\r\n/)
      expect(/content-length: (\d+)/i.exec(head)?.[1]).toBe(length)
    }
    expect(client.text).toBe('')
  })
})

describe('an answer', () => {
  it('loses what belongs to one hop, gets a date and our fields', async () => {
    await play(
      answering(() =>
        ok(
          'x',
          'Connection: X-Once, keep-alive\r\nX-Once: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: y\r\nUpgrade: h2c\r\nX-Version: v9\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n',
        ),
      ),
    )
    const { head } = await ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(head).toMatch(
      /^HTTP\/1\.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 1\r\nx-version: v1\r\ndate: [^\r]+ GMT\r\n\r\n$/,
    )
  })

  it('comes out as HTTP/1.1 with a space behind the status, whatever the upstream wrote', async () => {
    await play(async (line) => {
      await line.take(/\r\n\r\n/)
      line.write('HTTP/1.0 200\r\nContent-Length: 2\r\n\r\nhi').socket.end()
    })
    expect((await ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).head).toMatch(/^HTTP\/1\.1 200 \r\n/)
  })

  it('is sent on while it comes: events are not held back', async () => {
    let send: (event: string) => void = () => undefined
    await play(async (line) => {
      await line.take(/\r\n\r\n/)
      line.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
      send = (event) => line.write(`${event.length.toString(16)}\r\n${event}\r\n`)
    })
    const client = set.client().write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.take(/chunked\r\n\r\n/)
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      send(event)
      expect(await client.take(/^9\r\n[^]*?\r\n/)).toContain(event)
    }
  })

  it('with several interim answers before it brings them along, to HTTP/1.1 only', async () => {
    const script = answering(
      () => `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSet-Cookie: x\r\n\r\n${ok('hi')}`,
    )
    await play(script)
    const client = set.client().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.take(
      /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    )
    const { head } = await ask('GET / HTTP/1.0\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 200 OK/)
  })

  it.each([
    [
      '101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    ['an interim answer with a body', `HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc${ok('x')}`],
    ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'],
    ['a bare line feed', 'HTTP/1.1 200 OK\nContent-Length: 1\n\nx'],
    ['a folded field', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 1\r\n\r\nx'],
  ])('that is %s is 502, and its connection is not used again', async (_what, reply) => {
    await play((line) => void line.take(/\r\n\r\n/).then(() => line.write(reply)))
    const { head } = await ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 502 /)
    await until(() => set.upstream.open() === 0)
    expect(set.proxy.outcomes[0]).toMatchObject({ status: 502, end: 'done' })
    expect(set.proxy.failures).toEqual(['bad-response'])
  })
})

describe('early and expected answers', () => {
  it('100-continue goes through: the body is sent after the upstream asked for it', async () => {
    await play(async (line) => {
      const head = await line.take(/\r\n\r\n/)
      expect(line.text).toBe('')
      line.write('HTTP/1.1 100 Continue\r\n\r\n')
      await line.take(/hello/)
      line.write(ok(head.length > 0 ? 'thanks' : ''))
    })
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
    await client.take(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    expect((await client.write('hello').message()).body).toBe('thanks')
  })

  it('417 for an expectation we do not know', async () => {
    await play(echo)
    const { head } = await ask('POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\nx')
    expect(head).toMatch(/^HTTP\/1\.1 417 /)
  })

  it('400 of the edge ends the connection: what else such a client sends is not trusted to begin a request', async () => {
    await play(echo)
    const client = set.client().write('GET /a#b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await client.end()).toMatch(/^HTTP\/1\.1 400 (?:(?!HTTP\/)[^])*$/)
    expect(set.upstream.lines).toEqual([])
  })

  it('a refusal while the body still flows is delivered, then the connection closes', async () => {
    await play(
      (line) =>
        void line.take(/\r\n\r\n/).then(() => line.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig')),
    )
    const client = set
      .client()
      .write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n${'x'.repeat(300_000)}`)
    const { head, body } = await client.message()
    expect(head).toMatch(/^HTTP\/1\.1 413 [^]*connection: close/)
    expect(body).toBe('big')
    await client.end()
    await until(() => set.upstream.open() === 0)
  })

  it('a friendly early answer keeps the connection when the short rest of the body comes', async () => {
    let first = true
    await play(async (line) => {
      for (;;) {
        await line.take(/\r\n\r\n/)
        line.write(ok(first ? 'early' : 'next'))
        first = false
      }
    })
    const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n')
    expect((await client.message()).body).toBe('early')
    expect((await client.write('0123456789GET / HTTP/1.1\r\nHost: a\r\n\r\n').message()).body).toBe('next')
    expect(set.upstream.lines.length).toBe(2)
  })
})

describe('order', () => {
  it('pipelined requests are answered in order, one upstream request at a time', async () => {
    let atOnce = 0
    await play(async (line) => {
      for (;;) {
        const { head } = await line.message()
        expect(++atOnce).toBe(1)
        await sleep(3)
        atOnce--
        line.write(ok(head.split(' ')[1]!))
      }
    })
    const client = set.client()
    const paths = Array.from({ length: 40 }, (_, i) => `/p${i}`)
    client.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''))
    for (const path of paths) expect((await client.message()).body).toBe(path)
  })

  it('a client that half-closes behind its pipeline gets all its answers', async () => {
    await play(answering((head) => ok(head.split(' ')[1]!)))
    const client = set.client().write('GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n')
    client.socket.end()
    const text = await client.end()
    expect(text).toMatch(/\/a[^]*connection: close[^]*\/b$/)
  })

  it('thousands of pipelined requests answered by the edge do not pile up on the stack', async () => {
    await play(echo)
    const client = set.client()
    client.write('OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n'.repeat(5000))
    await until(() => (client.text.match(/HTTP\/1\.1 204/g) ?? []).length === 5000, 15_000)
  })
})
