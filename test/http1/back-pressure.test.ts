// Slow readers and back-pressure: everybody gets his own bytes, all of them, and nobody makes the proxy hold what he does not take.

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { OWN_BYTES } from '../../src/proxy/http1/read-buffer.ts'
import { play, set } from './stage-of-test.ts'
import { joinChunks } from '../support/raw-request.ts'
import { answering, ok, until } from './wire.ts'
import type { Line } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

describe('slow readers', () => {
  it('get their own bytes, all of them', async () => {
    const size = 3 << 20
    const bodyOf = (name: string): string => name.repeat(Math.ceil(size / name.length)).slice(0, size)
    await play(async (line) => {
      for (;;) {
        const { head } = await line.message()
        const name = head.split(' ')[1]!
        const body = bodyOf(name)
        if (name.includes('l')) {
          line.write(ok(body))
          continue
        }
        line.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        // Sizes that are no friends of any buffer's.
        for (let at = 0, step = 60_000; at < body.length; at += step, step = (step * 7) % 99_991) {
          const piece = body.slice(at, at + step)
          line.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
        }
        line.write('0\r\n\r\n')
      }
    })
    const read = async (client: Line, name: string): Promise<void> => {
      client.write(`GET ${name} HTTP/1.1\r\nHost: a\r\n\r\n`)
      const head = await client.take(/^[^]*?\r\n\r\n/)
      const chunked = head.includes('chunked')
      // Stops and goes, so that the buffers on the way fill and drain many times.
      while (chunked ? !client.text.endsWith('\r\n0\r\n\r\n') : client.text.length < size) {
        if (client.closed) throw new Error('closed too early')
        client.socket.pause()
        await sleep(3)
        client.socket.resume()
        await sleep(2)
      }
      expect((chunked ? joinChunks(client.text).body : client.text) === bodyOf(name)).toBe(true)
      client.text = ''
    }
    await Promise.all(
      ['1', '2', '3', '4', '5', '6'].map(async (visitor) => {
        const client = set.client()
        // One after the other on one connection, through upstream connections that change hands.
        for (const kind of ['l', 'c', 'l']) await read(client, `/${kind}${visitor}-`)
      }),
    )
  })

  it('hold the upstream back', async () => {
    const total = 64 << 20
    let written = 0
    await play(async (line) => {
      await line.message()
      line.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      for (; written < total && !line.closed; written += 65_536) {
        if (line.socket.write(Buffer.alloc(65_536, 'x'))) continue
        await new Promise<void>((resolve) => {
          line.socket.once('drain', resolve)
          line.socket.once('close', resolve)
        })
      }
    })
    const client = set.client().write(get)
    client.socket.pause()
    await sleep(300)
    // What has left the upstream lies in the kernel's buffers and in one read buffer.
    expect(written).toBeLessThan(total / 2)
    expect(written).toBeGreaterThan(0)
  })

  it('that take nothing at all are given up', async () => {
    await play(
      answering(() => ok('x'.repeat(20 << 20))),
      { limits: { writeStallTimeoutMs: 300 } },
    )
    const client = set.client().write(get)
    client.socket.pause()
    await until(() => set.proxy.outcomes.length === 1)
    expect(set.proxy.outcomes[0]!.end).toBe('client-gone')
    await until(() => set.upstream.open() === 0)
  })

  it('a client that sends requests ahead of an answer is read no further than a head is long', async () => {
    await play(() => undefined)
    const client = set.client().write(get.repeat(4))
    for (let i = 0; i < 16; i++) client.socket.write(get.repeat(40_330))
    await sleep(1000)
    // Of 16 MiB, what the kernel's buffers do not hold has not left the client.
    expect(client.socket.writableLength).toBeGreaterThan(1 << 20)
  })

  it('an upstream that takes nothing of a body holds its client back, then is given up', async () => {
    await play((line) => void line.socket.pause(), { limits: { writeStallTimeoutMs: 300 } })
    const client = set.client().write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 << 20}\r\n\r\n`)
    for (let i = 0; i < 64; i++) client.socket.write(Buffer.alloc(1 << 20, 'x'))
    const { head } = await client.message()
    expect(head).toMatch(/^HTTP\/1\.1 502 /)
    expect(set.proxy.outcomes[0]!.bytesReceived).toBeLessThan(32 << 20)
  })
})

/** A client whose kernel takes nothing until it is told to: holds on to the very memory it was given, as a socket does. */
class StuckSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1'
  readonly remotePort = 1
  writableLength = 0
  readonly #held: { data: string | Buffer; taken: ((error?: Error | null) => void) | undefined }[] = []

  write(data: string | Buffer, ...rest: unknown[]): boolean {
    const taken = rest.find((each) => typeof each === 'function') as ((error?: Error | null) => void) | undefined
    this.#held.push({ data, taken })
    this.writableLength += data.length
    return false
  }

  /** Only now are the bytes looked at. */
  takeAll(): string {
    const held = this.#held.splice(0)
    const text = held.map(({ data }) => (typeof data === 'string' ? data : data.toString('latin1'))).join('')
    this.writableLength = 0
    for (const { taken } of held) taken?.()
    return text
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  setTimeout(): void {}
  setDefaultEncoding(): void {}
  end(): void {}

  destroy(): void {
    this.emit('close')
  }
}

describe('memory that a client has not taken yet', () => {
  it.each(['length', 'chunked'])('is not read into for somebody else (%s)', async (framing) => {
    await play(
      answering((head) => {
        const body = head.split(' ')[1]!.slice(1).repeat(40_000)
        if (framing === 'length') return ok(body)
        return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      }),
    )
    const stuck = new StuckSocket()
    set.proxy.server.accept('stuck', 1, stuck as unknown as Socket)
    stuck.emit('data', Buffer.from('GET /A HTTP/1.1\r\nHost: a\r\n\r\n'))
    await until(() => stuck.writableLength >= 40_000)
    for (let i = 0; i < 3; i++) {
      const other = set.client().write('GET /B HTTP/1.1\r\nHost: a\r\n\r\n')
      await other.take(framing === 'length' ? /B{40000}$/ : /0\r\n\r\n$/)
    }
    let text = ''
    await until(() => {
      text += stuck.takeAll()
      return (text.match(/A/g) ?? []).length === 40_000
    })
    expect(text).not.toContain('B')
    stuck.destroy()
  })

  it('holds the rest back, even if what came filled the read buffer exactly and was passed on by itself', async () => {
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${1 << 20}\r\n\r\n`
    const first = 'a'.repeat(OWN_BYTES - head.length)
    await play(async (line) => {
      await line.message()
      line.write(head + first)
      await until(() => stuck.writableLength > 0)
      line.write('b'.repeat((1 << 20) - first.length))
    })
    const stuck = new StuckSocket()
    set.proxy.server.accept('stuck', 1, stuck as unknown as Socket)
    stuck.emit('data', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    await until(() => stuck.writableLength > 0)
    const waiting = stuck.writableLength
    await sleep(100)
    expect(stuck.writableLength).toBe(waiting)
    let text = ''
    await until(() => {
      text += stuck.takeAll()
      return text.endsWith('b') && text.split('\r\n\r\n')[1]!.length === 1 << 20
    })
    expect(/\r\n\r\n(a+)b+$/.exec(text)?.[1]).toBe(first)
    stuck.destroy()
  })
})
