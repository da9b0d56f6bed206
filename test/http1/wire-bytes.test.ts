// What an outcome says of bytes on the wire, held against what a client really sent and got: heads, bodies and framing.

import { describe, expect, it } from 'vitest'
import { play, set } from './stage-of-test.ts'
import { ok, until } from './wire.ts'
import type { Script } from './wire.ts'

const long = 'x'.repeat(70_000)
const chunked = (...data: string[]): string =>
  `${data.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`

/** Answers the first message with these texts, one after the other, and ends when told so. */
function playing(texts: readonly string[], end = false): Script {
  return async (line) => {
    await line.take(/\r\n\r\n/)
    for (const text of texts) {
      line.write(text)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    if (end) line.socket.end()
  }
}

interface Case {
  /** Written one after the other. */
  readonly asks: readonly string[]
  readonly script: Script
  /** Body bytes in and out. */
  readonly body: readonly [received: number, sent: number]
}

const close = 'Host: a\r\nConnection: close\r\n'
const cases: Record<string, Case> = {
  'a request without a body': {
    asks: [`GET / HTTP/1.1\r\n${close}\r\n`],
    script: playing([ok('hello')]),
    body: [0, 5],
  },
  'a head that comes in pieces, behind an empty line': {
    asks: ['\r\nGET /a HTTP/1.1\r\nHo', `st: a\r\nConnection: close\r\nX-A:   1\r\n\r\n`],
    script: playing([ok('hello', 'X-B:   2\r\n')]),
    body: [0, 5],
  },
  'a target in absolute form': {
    asks: [`GET http://a/b HTTP/1.1\r\n${close}\r\n`],
    script: playing([ok('')]),
    body: [0, 0],
  },
  'bodies with a length': {
    asks: [`POST / HTTP/1.1\r\n${close}Content-Length: 70000\r\n\r\n${long}`],
    script: playing([ok(long)]),
    body: [70_000, 70_000],
  },
  'chunked bodies with extensions and trailers, in pieces': {
    asks: [
      `POST / HTTP/1.1\r\n${close}Transfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhel`,
      'lo\r\n0',
      '\r\nX-T: 1\r\n\r\n',
    ],
    script: playing([
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;c\r\nabc\r',
      '\n1',
      '0\r\n0123456789abcdef\r\n0\r\n\r\n',
    ]),
    body: [5, 19],
  },
  'long chunks': {
    asks: [`POST / HTTP/1.1\r\n${close}Transfer-Encoding: chunked\r\n\r\n${chunked(long, 'y')}`],
    script: playing([`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunked(long, 'y')}`]),
    body: [70_001, 70_001],
  },
  'an answer that the end of its connection ends, which becomes chunked': {
    asks: [`GET / HTTP/1.1\r\n${close}\r\n`],
    script: playing(['HTTP/1.1 200 OK\r\n\r\nhello'], true),
    body: [0, 5],
  },
  'the same for HTTP/1.0, which is not': {
    asks: ['GET / HTTP/1.0\r\n\r\n'],
    script: playing(['HTTP/1.1 200 OK\r\n\r\nhello'], true),
    body: [0, 5],
  },
  'an answer to HEAD': {
    asks: [`HEAD / HTTP/1.1\r\n${close}\r\n`],
    script: playing(['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n']),
    body: [0, 0],
  },
  'interim answers': {
    asks: [`GET / HTTP/1.1\r\n${close}\r\n`],
    script: playing(['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', ok('hello')]),
    body: [0, 5],
  },
  'an answer of the edge, without a body': {
    asks: [`OPTIONS / HTTP/1.1\r\n${close}Max-Forwards: 0\r\n\r\n`],
    script: playing([]),
    body: [0, 0],
  },
  'a tunnel': {
    asks: [
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      'frame',
    ],
    script: playing(
      ['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 'frames'],
      true,
    ),
    body: [5, 6],
  },
}

describe('bytes on the wire', () => {
  it.each(Object.entries(cases))('are those of %s', async (_what, { asks, script, body }) => {
    await play(script)
    const client = set.client()
    for (const text of asks) {
      client.write(text)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const got = await client.end()
    client.socket.destroy()
    await until(() => set.proxy.outcomes.length === 1)
    const [{ bytesReceived, bytesSent, wireBytesReceived, wireBytesSent } = {}] = set.proxy.outcomes
    expect([bytesReceived, bytesSent]).toEqual(body)
    expect(got.length).toBeGreaterThan(60)
    expect([wireBytesReceived, wireBytesSent]).toEqual([asks.join('').length, got.length])
  })

  it('are those of each request on a connection, an answer of the edge with its body among them', async () => {
    await play(async (line) => {
      for (;;) line.write(ok(`you sent ${(await line.message()).body}`))
    })
    const asks = [
      'POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab',
      'GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n',
    ]
    const client = set.client()
    const got: number[] = []
    // The first two come in one piece.
    client.write(asks[0]! + asks[1]!)
    for (let turn = 0; turn < 3; turn++) {
      if (turn === 2) client.write(asks[2]!)
      const { head, body } = await client.message()
      got.push(head.length + body.length)
    }
    await until(() => set.proxy.outcomes.length === 3)
    expect(set.proxy.outcomes.map((outcome) => outcome.wireBytesReceived)).toEqual(asks.map((ask) => ask.length))
    expect(set.proxy.outcomes.map((outcome) => outcome.wireBytesSent)).toEqual(got)
    expect(set.proxy.outcomes[2]!.bytesSent).toBeGreaterThan(20)
  })
})
