// The memory that a client's bytes were read into goes back as soon as they have been sent on, and never while anybody may need it.

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Forwarding } from '../../src/proxy/exchange.ts'
import { giveBack } from '../../src/proxy/http1/spent-memory.ts'
import { play, set } from './stage-of-test.ts'
import { answering, ok, patienceMs, until } from './wire.ts'
import type { Script } from './wire.ts'

const PIECE = 65_536

async function playWarm(script: Script, options?: Parameters<typeof play>[1]): Promise<void> {
  // Whether it is answered at all is what counts here, not when.
  await play(script, { timeoutMs: 0, ...options })
  // A connection that stands: the first bytes of a body do not have to wait for one.
  await set.client().write('GET /warm HTTP/1.1\r\nHost: a\r\n\r\n').message()
}

/** A client whose reads are handed over one by one, each in memory of its own, as Node does. */
class HandedClient extends EventEmitter {
  readonly remoteAddress = '127.0.0.1'
  readonly remotePort = 1
  readonly writableLength = 0
  readonly destroyed = false
  paused = false
  heard = ''

  constructor() {
    super()
    set.proxy.server.accept('handed', 1, this as unknown as Socket)
  }

  /** Returns the memory. */
  hand(text: string): ArrayBuffer {
    const memory = new ArrayBuffer(text.length)
    const bytes = Buffer.from(memory)
    bytes.write(text, 'latin1')
    this.emit('data', bytes)
    return memory
  }

  write(data: string | Buffer, ...rest: unknown[]): boolean {
    this.heard += data.toString('latin1')
    const taken = rest.find((each) => typeof each === 'function') as (() => void) | undefined
    taken?.()
    return true
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  setTimeout(): void {}
  setDefaultEncoding(): void {}
  end(): void {}

  destroy(): void {
    this.emit('close')
  }
}

/** Answers with the length of the body and the letters it was made of. */
const counting = answering((_head, body) => ok(summary(body)))

function summary(body: string): string {
  return `${body.length} ${[...new Set(body)].join('')}`
}

function sized(method: string, body: string, length = body.length): string {
  return `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`
}

async function answerTo(client: HandedClient, summed: string): Promise<void> {
  await until(
    () => client.heard.endsWith(`\r\n\r\n${summed}`),
    patienceMs,
    () => `${summed} in ${JSON.stringify(client.heard.slice(0, 500))}`,
  )
  client.destroy()
}

describe('memory of a request body', () => {
  it('goes back once it was sent, piece by piece', async () => {
    await playWarm(counting)
    const client = new HandedClient()
    const first = client.hand(sized('POST', 'a'.repeat(PIECE), 3 * PIECE))
    expect(first.detached).toBe(true)
    expect(client.hand('b'.repeat(PIECE)).detached).toBe(true)
    expect(client.hand('c'.repeat(PIECE)).detached).toBe(true)
    await answerTo(client, `${3 * PIECE} abc`)
  })

  it('goes back from between the frames of the chunked coding', async () => {
    const bodies: string[] = []
    await playWarm(async (line) => {
      await line.message()
      line.write(ok(''))
      await line.take(/\r\n\r\n/)
      bodies.push(await line.take(/^[^]*\r\n0\r\n\r\n$/))
      line.write(ok('all'))
    })
    const client = new HandedClient()
    client.hand('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    const chunk = (letter: string): string => `${PIECE.toString(16)}\r\n${letter.repeat(PIECE)}\r\n`
    expect(client.hand(chunk('a')).detached).toBe(true)
    expect(client.hand(chunk('b')).detached).toBe(true)
    client.hand('0\r\n\r\n')
    await answerTo(client, 'all')
    expect(bodies).toEqual([`${chunk('a')}${chunk('b')}0\r\n\r\n`])
  })

  it('stays while the upstream has not taken it, and goes back when it has', async () => {
    let open = (): void => {}
    await playWarm(async (line) => {
      await line.message()
      line.write(ok(''))
      line.socket.pause()
      open = () => line.socket.resume()
      const { body } = await line.message()
      line.write(ok(summary(body)))
    })
    const client = new HandedClient()
    const pieces = 320
    client.hand(sized('POST', '', pieces * PIECE))
    const handed: ArrayBuffer[] = []
    while (!client.paused) handed.push(client.hand('a'.repeat(PIECE)))
    await sleep(50)
    expect(handed.length).toBeLessThan(pieces)
    expect(handed.at(-1)!.detached).toBe(false)
    open()
    await until(() => handed.at(-1)!.detached)
    while (handed.length < pieces) {
      await until(() => !client.paused)
      handed.push(client.hand('b'.repeat(PIECE)))
    }
    await answerTo(client, `${pieces * PIECE} ab`)
    expect(handed.every((memory) => memory.detached)).toBe(true)
  })

  it('stays while the request may be sent again over another connection', async () => {
    await playWarm(async (line, connection) => {
      for (let request = 0; ; request++) {
        const { body } = await line.message()
        if (connection === 0 && request === 1) line.socket.resetAndDestroy()
        else line.write(ok(summary(body)))
      }
    })
    const client = new HandedClient()
    expect(client.hand(sized('PUT', 'a'.repeat(PIECE))).detached).toBe(false)
    await answerTo(client, `${PIECE} a`)
    expect(set.upstream.lines.length).toBe(2)
  })

  it('goes back at once where sending it again is out of the question', async () => {
    await playWarm(counting)
    const client = new HandedClient()
    expect(client.hand(sized('POST', 'a'.repeat(PIECE))).detached).toBe(true)
    await answerTo(client, `${PIECE} a`)
  })

  it.each([
    ['within the bound: kept, and sent again whole', 4 * PIECE, false],
    ['beyond the bound: given up, so nothing is kept', PIECE, true],
  ])('of a route that retries, %s', async (_name, keepBytes, goesBack) => {
    let left = 1
    const retries: Partial<Forwarding> = {
      keepBytes,
      retries: {
        failuresToo: true,
        perTryTimeoutMs: 0,
        afterAnswer: ({ status }) => (status >= 500 && left-- > 0 ? 0 : -1),
        afterFailure: () => -1,
      },
    }
    let heard = 0
    await playWarm(
      answering((head, body) => {
        if (head.startsWith('GET')) return ok('')
        const answer = ok(summary(body))
        return ++heard === 1 && !goesBack ? answer.replace('200 OK', '503 Service Unavailable') : answer
      }),
      { adjust: (forwarding) => ({ ...forwarding, ...retries, endpoint: () => forwarding.endpoint(1) }) },
    )
    const client = new HandedClient()
    client.hand(sized('POST', 'a'.repeat(PIECE), 3 * PIECE))
    expect(client.hand('b'.repeat(PIECE)).detached).toBe(goesBack)
    expect(client.hand('c'.repeat(PIECE)).detached).toBe(goesBack)
    await answerTo(client, `${3 * PIECE} abc`)
    expect(heard).toBe(goesBack ? 1 : 2)
  })

  it('stays when the next request lies behind it', async () => {
    await playWarm(counting)
    const client = new HandedClient()
    client.hand(sized('POST', 'a'.repeat(PIECE), 2 * PIECE))
    const memory = client.hand('b'.repeat(PIECE) + sized('POST', 'next'))
    expect(memory.detached).toBe(false)
    await until(() => client.heard.includes(`${2 * PIECE} ab`))
    await answerTo(client, '4 next')
  })
})

describe('memory of a request without a body', () => {
  it('goes back once its head was read, whether or not it has the fields of the one before', async () => {
    await playWarm(answering((head) => ok(head.split(' ')[1]!)))
    const client = new HandedClient()
    for (const path of ['/first', '/second', '/third']) {
      expect(client.hand(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).detached).toBe(true)
      await until(() => client.heard.endsWith(`\r\n\r\n${path}`))
    }
    client.destroy()
  })

  it('stays while the head is not whole, and when the next request lies behind it', async () => {
    await playWarm(answering((head) => ok(head.split(' ')[1]!)))
    const client = new HandedClient()
    expect(client.hand('GET /split HTTP/1.1\r\n').detached).toBe(false)
    client.hand('Host: a\r\n\r\n')
    await until(() => client.heard.endsWith('\r\n\r\n/split'))
    const two = client.hand(`GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(two.detached).toBe(false)
    await answerTo(client, '/two')
    expect(client.heard).toContain('\r\n\r\n/one')
  })
})

describe('memory that others share', () => {
  it('is left alone', async () => {
    await playWarm(counting)
    const memory = new ArrayBuffer(4 * PIECE)
    giveBack(Buffer.from(memory, 0, PIECE))
    giveBack(Buffer.from(memory, 3 * PIECE))
    expect(memory.detached).toBe(false)
    giveBack(Buffer.from(memory))
    expect(memory.detached).toBe(true)
  })
})

describe('visitors who upload at once to slow upstreams', () => {
  it('are each heard with their own bytes, all of them', async () => {
    const size = 3 << 20
    await playWarm(async (line) => {
      for (;;) {
        const head = await line.take(/^[^]*?\r\n\r\n/)
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
        // Stops and goes, so that the buffers on the way fill and drain many times.
        while (line.text.length < length && !line.closed) {
          line.socket.pause()
          await sleep(3)
          line.socket.resume()
          await sleep(2)
        }
        const body = line.text.slice(0, length)
        line.text = line.text.slice(length)
        line.write(ok(summary(body)))
      }
    })
    await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map(async (visitor) => {
        const client = set.client()
        for (let round = 0; round < 3; round++) {
          const { body } = await client.write(sized('POST', visitor.repeat(size))).message()
          expect(body).toBe(`${size} ${visitor}`)
        }
      }),
    )
  })
})
