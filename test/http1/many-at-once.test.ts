// Many requests at once: what the engine writes together at the end of a turn still goes out in order, whole, and before any end.

import { describe, expect, it } from 'vitest'
import { play, set } from './stage-of-test.ts'
import { answering, ok, until } from './wire.ts'
import type { Line } from './wire.ts'

const crowd = 24

function clients(): Line[] {
  return Array.from({ length: crowd }, () => set.client())
}

function get(path: string, fields = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
}

describe('many requests at once', () => {
  it('are answered in order on each connection, answers of the edge among those of the upstream', async () => {
    await play(answering((head) => ok(head.split(' ')[1]!)))
    const lines = clients()
    const own = 'OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n'
    for (const [i, line] of lines.entries()) {
      line.write(get(`/${i}/1`) + own + get(`/${i}/2`) + own + get(`/${i}/3`, 'Connection: close\r\n'))
    }
    for (const [i, line] of lines.entries()) {
      expect((await line.message()).body).toBe(`/${i}/1`)
      expect((await line.message()).head).toMatch(/^HTTP\/1.1 204 /)
      expect((await line.message()).body).toBe(`/${i}/2`)
      expect((await line.message()).head).toMatch(/^HTTP\/1.1 204 /)
      expect((await line.message()).body).toBe(`/${i}/3`)
      await until(() => line.ended)
      expect(line.text).toBe('')
    }
    expect(set.proxy.outcomes.filter(({ end }) => end === 'done').length).toBe(crowd * 5)
  })

  it('get the whole of what comes in one piece with the head, in pieces, or without a body', async () => {
    const long = 'x'.repeat(20_000)
    await play(
      answering((head) => {
        if (head.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n'
        return ok(head.includes('/long') ? long : 'short')
      }),
    )
    const lines = clients()
    for (const line of lines) line.write(get('/long') + get('/short') + get('/').replace('GET', 'HEAD') + get('/short'))
    for (const line of lines) {
      expect((await line.message()).body).toBe(long)
      expect((await line.message()).body).toBe('short')
      expect(await line.take(/^[^]*?\r\n\r\n/)).toContain('Content-Length: 7')
      expect((await line.message()).body).toBe('short')
    }
  })

  it('reach their upstream with their bodies', async () => {
    const bodies: string[] = []
    await play(answering((head, sent) => (bodies.push(sent), ok(head.split(' ')[1]!))))
    const lines = clients()
    const body = 'b'.repeat(1024)
    for (const [i, line] of lines.entries()) {
      line.write(`POST /${i} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    }
    for (const [i, line] of lines.entries()) expect((await line.message()).body).toBe(`/${i}`)
    expect(bodies).toEqual(lines.map(() => body))
  })

  it('take nothing for an answer that came before the request was sent', async () => {
    await play(async (line) => {
      for (;;) {
        const { head } = await line.message()
        const [, path] = head.split(' ')
        if (path !== '/held') line.write(ok(path!))
      }
    })
    for (let i = 0; i < 3; i++) set.client().write(get('/held'))
    await until(() => set.proxy.server.activeRequests === 3 && set.upstream.lines.length === 3)
    const client = set.client()
    expect((await client.write(get('/1')).message()).body).toBe('/1')
    // Both have arrived when the proxy looks next, the request in front: it takes the connection, and finds those bytes on it.
    client.write(get('/2'))
    set.upstream.lines[3]!.write(ok('poison'))
    expect((await client.message()).body).toBe('/2')
    expect(set.upstream.lines.length).toBe(5)
  })
})
