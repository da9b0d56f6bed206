// What comes in an order that nobody plans: answers before their request is whole, switches behind bodies, ends in the middle. Each row is
// one play for client and upstream; the stage is struck behind it with every count back at zero.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ok, type Script, type Stage, stage, until } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const upgrade = `${get.slice(0, -2)}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const chunkedPost = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
const chunkedAnswer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const expecting = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n'
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n'

interface Row {
  readonly what: string
  readonly upstream: Script
  readonly play: (set: Stage) => Promise<unknown>
  readonly upstreamConnections?: number
}

const ends = (set: Stage): readonly string[] => set.proxy.outcomes.map(({ end }) => end)

const rows: readonly Row[] = [
  {
    what: 'a body, a switch and its first frame in one packet',
    upstream: async (line) => {
      line.write(ok((await line.message()).body))
      await line.message()
      line.write(switching)
      await line.take(/frame/)
      line.write('echo')
    },
    play: async (set) => {
      const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'
      await set
        .client()
        .write(`${post}${upgrade}frame`)
        .take(/abc[^]* 101 [^]*echo/)
    },
  },
  {
    what: 'a switch and the end of the upstream in one packet, while the client has more to say',
    upstream: async (line) => {
      await line.message()
      line.socket.end(`${switching}bye`)
    },
    play: async (set) => {
      const client = set.client().write(upgrade)
      await client.take(/bye/)
      await until(() => client.ended)
      client.write('still')
      await until(() => set.upstream.lines[0]!.text === 'still')
      client.socket.end()
      await until(() => ends(set).join() === 'tunnel-closed')
    },
  },
  {
    what: 'an answer without 100 to a client that waits for one: what it sends all the same is no request',
    upstream: async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(ok('no'))
    },
    play: async (set) => {
      const client = set.client().write(expecting)
      await client.take(/connection: close[^]*no$/)
      client.write(`abcde${get}`)
      expect(await client.end()).toBe('')
      expect(set.upstream.lines.length).toBe(1)
    },
  },
  {
    what: 'a 100 for a body that came without waiting, and the next request behind it',
    upstream: async (line) => {
      await line.take(/\r\n\r\nabcde/)
      line.write(goOn + ok('yes'))
      await line.message()
      line.write(ok('next'))
    },
    play: (set) =>
      set
        .client()
        .write(`${expecting}abcde${get}`)
        .take(/ 100 [^]*yes[^]*next/),
  },
  {
    what: 'a 100 before the body and one in the middle of it',
    upstream: async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(goOn)
      await line.take(/ab/)
      line.write(goOn)
      await line.take(/cde/)
      line.write(ok('yes'))
    },
    play: async (set) => {
      const client = set.client().write(expecting)
      await client.take(/ 100 /)
      await client.write('ab').take(/ 100 /)
      await client.write('cde').take(/yes/)
    },
  },
  {
    what: 'two HEAD at once whose answers announce chunks',
    upstream: async (line) => {
      await line.message()
      line.write(chunkedAnswer)
    },
    play: async (set) => {
      await set
        .client()
        .write(get.replace('GET', 'HEAD').repeat(2))
        .take(/([^]*? 200 [^]*?transfer-encoding: chunked\r\n\r\n){2}/)
      expect(set.upstream.lines.length).toBe(2)
    },
  },
  {
    what: 'a talk: each chunk of the answer to one of the request',
    upstream: async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(chunkedAnswer)
      for (let i = 0; i < 5; i++) {
        await line.take(new RegExp(`ask${i}`))
        line.write(`4\r\nsay${i}\r\n`)
      }
      await line.take(/0\r\n\r\n/)
      line.write('0\r\n\r\n')
      await line.message()
      line.write(ok('next'))
    },
    play: async (set) => {
      const client = set.client().write(chunkedPost)
      for (let i = 0; i < 5; i++) await client.write(`4\r\nask${i}\r\n`).take(new RegExp(`say${i}`))
      await client.write(`0\r\n\r\n${get}`).take(/next/)
      expect(set.upstream.lines.length).toBe(1)
    },
  },
  {
    what: 'a whole answer before the body is: its rest, trailers and all, is read before the next request',
    upstream: async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(`${chunkedAnswer}2\r\nhi\r\n0\r\n\r\n`)
    },
    play: async (set) => {
      const client = set.client().write(chunkedPost)
      await client.take(/hi\r\n0\r\n\r\n/)
      await client.write(`2\r\np1\r\n0\r\nHost: b\r\n\r\n${get}`).take(/hi\r\n0\r\n\r\n/)
      expect([set.upstream.lines.length, ends(set)]).toEqual([2, ['done', 'done']])
    },
  },
  {
    what: 'an upstream that is reset while it answers and is sent to',
    upstream: async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(`${chunkedAnswer}2\r\nhi\r\n`)
      await line.take(/abc/)
      line.socket.resetAndDestroy()
    },
    play: async (set) => {
      const client = set.client().write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n')
      await client.take(/hi/)
      expect(await client.write('abc').end()).toBe('\r\n')
      expect(ends(set)).toEqual(['truncated'])
    },
  },
  {
    what: 'a body that turns out to be none while it is answered',
    upstream: async (line) => {
      await line.take(/\r\n\r\n/)
      line.write(`${chunkedAnswer}2\r\nhi\r\n`)
    },
    play: async (set) => {
      const client = set.client().write(chunkedPost)
      await client.take(/hi/)
      expect(await client.write('no size\r\n').end()).toBe('\r\n')
      await until(() => set.upstream.open() === 0)
    },
  },
  {
    what: 'the only connection of a pool breaks: whoever waited for it is served',
    upstream: async (line, connection) => {
      await line.message()
      await sleep(30)
      if (connection === 0) line.socket.destroy()
      for (;;) {
        line.write(ok('served'))
        await line.message()
      }
    },
    play: async (set) => {
      const [first, ...others] = [0, 1, 2].map(() => set.client().write(get))
      await first!.take(/ 502 /)
      for (const client of others) await client.take(/served/)
    },
    upstreamConnections: 1,
  },
  {
    what: 'an upstream that ends its connection behind each answer without a word',
    upstream: async (line) => {
      await line.message()
      line.socket.end(ok('x'))
    },
    play: async (set) => {
      const client = set.client()
      for (let i = 0; i < 30; i++) {
        const post = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`
        await client.write(i % 2 === 0 ? get : post).take(/ 200 [^]*x$/)
      }
    },
  },
  {
    what: 'a pipeline of HTTP/1.0 that keeps alive three times, and one request too many',
    upstream: async (line) => {
      for (;;) {
        await line.message()
        line.write(ok('x'))
      }
    },
    play: async (set) => {
      const keeping = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
      const client = set.client().write(`${keeping.repeat(3)}GET / HTTP/1.0\r\n\r\n${get}`)
      expect((await client.end()).match(/ 200 /g)!.length).toBe(4)
    },
  },
]

test.each(rows.map((row) => [row.what, row] as const))(
  '%s',
  async (_, { upstream, play, upstreamConnections = 1024 }) => {
    const set = await stage(upstream, { limits: { upstreamConnections } })
    await play(set).finally(() => set.strike())
  },
)
