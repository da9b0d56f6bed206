// What an upstream connection reads into: its own short memory first, then a large buffer that it borrows. Whatever the size of a read, the
// bytes go out in order, at once, and nobody else's with them.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { MOST_LENT, OWN_BYTES, ReadBuffer } from '../../src/proxy/http1/read-buffer.ts'
import { HEADROOM } from '../../src/proxy/http1/span.ts'
import { joinChunks } from '../support/raw-request.ts'
import { play, set } from './stage-of-test.ts'
import { answering, ok, until } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** The first bytes of an answer: so many that one read fills the connection's own memory and no more is there. */
function filling(head: string, letter: string): string {
  return head + letter.repeat(OWN_BYTES - head.length)
}

/** A whole answer of that size; its length has four digits, that of an empty one has one. */
const exactly = ok('x'.repeat(OWN_BYTES - ok('').length - 3))

describe('an answer whose first bytes fill the memory of the connection exactly', () => {
  it('is passed on at once, though more is to come', async () => {
    const total = OWN_BYTES + 5
    let goOn = (): void => {}
    await play(async (line) => {
      await line.message()
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`
      line.write(filling(head, 'a'))
      goOn = () => line.write('b'.repeat(total - (OWN_BYTES - head.length)))
    })
    const client = set.client().write(get)
    await client.take(/\r\n\r\na+$/)
    await until(() => client.text === '')
    goOn()
    await client.take(/^b+$/)
  })

  it('is whole when nothing follows', async () => {
    expect(exactly.length).toBe(OWN_BYTES)
    await play(answering(() => exactly))
    const { body } = await set.client().write(get).message()
    expect(exactly.endsWith(`\r\n\r\n${body}`)).toBe(true)
    await until(() => set.proxy.outcomes[0]?.end === 'done')
  })

  it('is whole when the connection ends behind it', async () => {
    const head = 'HTTP/1.1 200 OK\r\n\r\n'
    await play(async (line) => {
      await line.message()
      line.write(filling(head, 'x'))
      line.socket.end()
    })
    const client = set.client().write(get)
    await client.take(/^[^]*?\r\n\r\n/)
    await until(() => client.text.endsWith('\r\n0\r\n\r\n'))
    expect(joinChunks(client.text).body).toBe('x'.repeat(OWN_BYTES - head.length))
  })

  it('is visibly cut off when the upstream leaves', async () => {
    await play(async (line) => {
      await line.message()
      line.write(filling('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n', 'x'))
      line.socket.end()
    })
    const client = set.client().write(get)
    const text = await client.end()
    expect(text.length).toBeGreaterThan(OWN_BYTES - 100)
    expect(text.length).toBeLessThan(100_000)
    expect(set.proxy.outcomes[0]!.end).toBe('truncated')
  })

  it('is waited for no more when its client is gone', async () => {
    await play(async (line) => {
      await line.message()
      line.write(filling('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n', 'x'))
    })
    const client = set.client().write(get)
    await client.take(/x$/)
    client.socket.resetAndDestroy()
    await until(() => set.upstream.open() === 0)
  })
})

describe('answers of every size', () => {
  it('come whole over one connection, in either framing', async () => {
    const sizes = [-300, -200, -100, -1, 0, 1, 100, 40_000, 511_000, 530_000, 1_100_000].map((more) => OWN_BYTES + more)
    await play(
      answering((head) => {
        const [, framing, index] = head.split(/[ /]+/)
        const body = String.fromCharCode(97 + Number(index)).repeat(sizes[Number(index)]!)
        if (framing === 'sized') return ok(body)
        return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      }),
    )
    const client = set.client()
    for (const [index, size] of sizes.entries()) {
      const whole = String.fromCharCode(97 + index).repeat(size)
      const sized = await client.write(`GET /sized/${index} HTTP/1.1\r\nHost: a\r\n\r\n`).message()
      expect(sized.body === whole).toBe(true)
      client.write(`GET /chunked/${index} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await client.take(/^[^]*?\r\n\r\n/)
      await until(() => client.text.endsWith('\r\n0\r\n\r\n'))
      expect(joinChunks(client.text).body === whole).toBe(true)
      client.text = ''
    }
    expect(set.upstream.lines.length).toBe(1)
  })
})

describe('large buffers', () => {
  const all: ReadBuffer[] = []
  afterEach(() => {
    for (const buffer of all.splice(0)) buffer.drop(false)
  })

  /** As many as asked for, each of which has just read as much as its own memory takes. */
  function full(count: number): ReadBuffer[] {
    const some = Array.from({ length: count }, () => new ReadBuffer())
    all.push(...some)
    for (const buffer of some) buffer.noteRead(OWN_BYTES)
    return some
  }

  function read(buffer: ReadBuffer): void {
    buffer.noteTaken()
    buffer.next(false)
  }

  it('take over what was read, and go on behind it', () => {
    const [buffer] = full(1)
    buffer!.memory.fill('a', HEADROOM, HEADROOM + OWN_BYTES)
    expect(buffer!.moveToLarge()).toBe(true)
    const rest = buffer!.next(false)
    rest.write('b')
    buffer!.noteRead(1)
    expect(buffer!.memory.toString('latin1', buffer!.start, buffer!.end)).toBe(`${'a'.repeat(OWN_BYTES)}b`)
  })

  it('are no more than so many at a time: whoever gets none reads on into its own memory', () => {
    const some = full(MOST_LENT)
    for (const buffer of some) expect(buffer.moveToLarge()).toBe(true)
    const [late] = full(1)
    expect(late!.moveToLarge()).toBe(false)
    read(late!)
    expect(late!.isLarge).toBe(false)
    some[0]!.noteTaken()
    some[0]!.noteEnd()
    some[0]!.next(false)
    late!.noteRead(OWN_BYTES)
    read(late!)
    expect(late!.isLarge).toBe(true)
  })

  it.each(['a message ends', 'little comes'])('go back when %s, and the last one is lent first', (when) => {
    const [one, other] = full(2)
    read(one!)
    const { memory } = one!
    if (when === 'little comes') one!.noteRead(OWN_BYTES - 1)
    else one!.noteEnd()
    read(one!)
    expect(one!.isLarge).toBe(false)
    read(other!)
    expect(other!.memory).toBe(memory)
  })

  it('stay while as much comes, though a client has not taken their bytes: over TLS each write waits for the end of the turn', () => {
    const [slow] = full(1)
    read(slow!)
    const { memory } = slow!
    slow!.noteRead(OWN_BYTES)
    slow!.noteTaken()
    slow!.next(true)
    expect(slow!.memory).toBe(memory)
  })

  it('are lent to nobody while a client has not taken their bytes', () => {
    const [slow, other] = full(2)
    read(slow!)
    const { memory } = slow!
    slow!.noteRead(OWN_BYTES - 1)
    slow!.noteTaken()
    slow!.next(true)
    expect(slow!.isLarge).toBe(false)
    read(other!)
    expect(other!.memory).not.toBe(memory)
    other!.drop(false)
    slow!.settle()
    const [next] = full(1)
    read(next!)
    expect(next!.memory).toBe(memory)
  })

  it('are used no more when their connection ends before a client has taken their bytes', () => {
    const [slow] = full(1)
    read(slow!)
    const { memory } = slow!
    slow!.drop(true)
    const others = full(MOST_LENT)
    for (const buffer of others) {
      read(buffer)
      expect(buffer.isLarge).toBe(true)
      expect(buffer.memory).not.toBe(memory)
    }
  })
})

describe('a connection that is not in use', () => {
  it('holds no large buffer for long', async () => {
    await play(answering(() => exactly))
    const client = set.client().write(get)
    await client.message()
    await sleep(100)
    expect(set.upstream.open()).toBe(1)
    await until(() => set.upstream.open() === 0)
  })
})
