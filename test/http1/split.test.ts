// Messages cut into two packets at every byte, in both directions: the other side must not be able to tell.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { readRequest } from './strict-reader.ts'
import { connect, stage, until } from './wire.ts'

const head = 'POST /a HTTP/1.1\r\nHost: a.test\r\nX-A: b\r\n'
const requests = [
  `${head}Content-Length: 5\r\n\r\nhello`,
  `${head}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n`,
]
const answers = [
  'HTTP/1.1 200 OK\r\nX-B: c\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nX-B: c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\nX-T: 1\r\n\r\n',
]

describe('cut at every byte', () => {
  it.each(requests)('the request %j reaches the upstream as one', async (request) => {
    const set = await stage(async (line) => {
      for (;;) {
        await until(() => line.closed || readRequest(line.text) !== undefined)
        const read = readRequest(line.text)!
        line.text = line.text.slice(read.used)
        line.write(`HTTP/1.1 200 OK\r\nContent-Length: ${read.request.body.length}\r\n\r\n${read.request.body}`)
      }
    })
    const client = connect(set.proxy.port)
    for (let cut = 1; cut < request.length; cut++) {
      client.write(request.slice(0, cut))
      await nextTurn()
      await nextTurn()
      client.write(request.slice(cut))
      expect((await client.message()).body, `cut at ${cut}`).toBe('hello')
    }
    client.socket.destroy()
    await set.strike()
  })

  it.each(answers)('the answer %j reaches the client as one', async (answer) => {
    let cut = 0
    const set = await stage(async (line) => {
      for (;;) {
        await line.take(/\r\n\r\n/)
        line.write(answer.slice(0, cut))
        await nextTurn()
        await nextTurn()
        line.write(answer.slice(cut))
      }
    })
    const client = connect(set.proxy.port)
    for (cut = 1; cut < answer.length; cut++) {
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      const whole = answer.includes('chunked') ? /^[^]*?\r\n0\r\n\r\n/ : /^[^]*?hello/
      const text = await client.take(whole)
      expect(text, `cut at ${cut}`).toMatch(/200 OK\r\nX-B: c\r\n/)
      expect(text.split('\r\n\r\n').pop() === 'hello' || text.replace(/\r\n[0-9]\r\n/g, '').includes('hello')).toBe(
        true,
      )
    }
    expect(set.upstream.lines.length).toBe(1)
    client.socket.destroy()
    await set.strike()
  })
})
