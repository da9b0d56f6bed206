// Each limit of size and number at its last good value and one above, in one piece and byte by byte: what fits is served, and what does not
// gets the same answer however it comes.

import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { endpointOf, type PlainProxy, startPlainProxy } from './plain-proxy.ts'
import { connect, ok, type Script, startUpstream, type Upstream } from './wire.ts'

const limits = { headBytes: 200, targetBytes: 40, fields: 5, interimResponses: 2 }

interface Case {
  readonly what: string
  /** So much of it. */
  readonly last: number
  readonly request: (size: number) => string
  readonly reply?: (size: number) => string
  /** The answer when it does not fit. */
  readonly bad: RegExp
}

const served = / 200 [^]*\r\n\r\ndone$/
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const chunkedHead = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'

function filled(before: string, size: number, after: string): string {
  return `${before}${'y'.repeat(size - before.length - after.length)}${after}`
}

function fieldLines(count: number): string {
  return Array.from({ length: count }, (_, index) => `F${index}: 1\r\n`).join('')
}

const cases: readonly Case[] = [
  {
    what: 'bytes of a request head',
    last: limits.headBytes,
    request: (size) => filled('GET / HTTP/1.1\r\nHost: a\r\nX: ', size, '\r\n\r\n'),
    bad: / 431 /,
  },
  {
    what: 'bytes of a target',
    last: limits.targetBytes,
    request: (size) => `GET ${filled('/', size, '')} HTTP/1.1\r\nHost: a\r\n\r\n`,
    bad: / 414 /,
  },
  {
    what: 'letters of a method',
    last: 32,
    request: (size) => `${'M'.repeat(size)} / HTTP/1.1\r\nHost: a\r\n\r\n`,
    bad: / 400 /,
  },
  {
    what: 'empty lines before a request',
    last: 2,
    request: (size) => '\r\n'.repeat(size) + get,
    bad: / 400 /,
  },
  {
    what: 'field lines of a request',
    last: limits.fields,
    request: (size) => `GET / HTTP/1.1\r\nHost: a\r\n${fieldLines(size - 1)}\r\n`,
    bad: / 431 /,
  },
  {
    what: 'digits of a chunk size',
    last: 16,
    request: (size) => `${chunkedHead}${'1'.padStart(size, '0')}\r\nx\r\n0\r\n\r\n`,
    bad: / 400 /,
  },
  {
    what: 'bytes of chunk extensions',
    last: 4096,
    // Counted from behind the semicolon up to the line end.
    request: (size) => `${chunkedHead}1;${'e'.repeat(size - 1)}\r\nx\r\n0\r\n\r\n`,
    bad: / 400 /,
  },
  {
    what: 'bytes of a trailer section',
    last: 8192,
    request: (size) => `${chunkedHead}1\r\nx\r\n0\r\n${filled('T: ', size - 2, '\r\n')}\r\n`,
    bad: / 400 /,
  },
  {
    what: 'bytes of an answer head',
    last: limits.headBytes,
    request: () => get,
    reply: (size) => `${filled('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: ', size, '\r\n\r\n')}done`,
    bad: / 502 /,
  },
  {
    what: 'field lines of an answer',
    last: limits.fields,
    request: () => get,
    reply: (size) => `HTTP/1.1 200 OK\r\nContent-Length: 4\r\n${fieldLines(size - 1)}\r\ndone`,
    bad: / 502 /,
  },
  {
    what: 'interim answers',
    last: limits.interimResponses,
    request: () => get,
    reply: (size) => 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(size) + ok('done'),
    bad: / 103 [^]* 103 [^]* 502 /,
  },
]

/** Speaks as the case at hand says. */
class Playing {
  reply = ''
  bytewise = false
  upstream!: Upstream
  proxy!: PlainProxy

  readonly script: Script = async (line) => {
    for (;;) {
      const head = await line.take(/^[^]*?\r\n\r\n/)
      if (head.includes('chunked')) await line.take(/0\r\n\r\n/)
      if (this.bytewise) await trickle((text) => line.write(text), this.reply)
      else line.write(this.reply)
    }
  }

  async start(): Promise<void> {
    this.upstream = await startUpstream(this.script)
    this.proxy = await startPlainProxy({ endpoints: [endpointOf(this.upstream.port)], limits })
  }
}

async function trickle(write: (text: string) => unknown, text: string): Promise<void> {
  // What fills up is not what counts: the last bytes are.
  const start = Math.max(0, text.length - 300)
  write(text.slice(0, start))
  for (const byte of text.slice(start)) {
    write(byte)
    await turn()
  }
}

describe('a limit', () => {
  const playing = new Playing()
  afterAll(async () => {
    await playing.proxy?.close()
    await playing.upstream?.close()
  })

  for (const { what, last, request, reply, bad } of cases) {
    for (const [how, bytewise] of [
      ['in one piece', false],
      ['byte by byte', true],
    ] as const) {
      test(`of ${what} is ${last} (${how})`, async () => {
        if (playing.upstream === undefined) await playing.start()
        for (const size of [last - 1, last, last + 1]) {
          Object.assign(playing, { bytewise, reply: reply?.(size) ?? ok('done') })
          const client = connect(playing.proxy.port)
          const text = request(size)
          if (bytewise) await trickle((bytes) => client.write(bytes), text)
          else client.write(text)
          await expect.poll(() => client.text, { interval: 2 }).toMatch(size > last ? bad : served)
          client.socket.destroy()
        }
      })
    }
  }
})
