// Which connection has which request head, and what stands in it.

import { describe, expect, it } from 'vitest'
import { dropHead, type HeadKeeper, restHead, takeHead } from '../../src/proxy/http1/kept-heads.ts'
import { defaultLimits } from '../../src/proxy/http1/limits.ts'
import { parseRequest } from '../../src/proxy/http1/request-head.ts'

const most = 256

function connection(): HeadKeeper {
  return { head: null }
}

/** Takes a head for a connection and reads a request into it. */
function request(keeper: HeadKeeper, path: string) {
  const head = takeHead(keeper)
  parseRequest(head, Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\nx-secret: of ${path}\r\n\r\n`), defaultLimits)
  return head
}

describe('the head of a connection', () => {
  it('is the one of its request before, which tells when the same fields come again', () => {
    const keeper = connection()
    const first = request(keeper, '/same')
    expect(first.repeats).toBe(false)
    restHead(keeper)
    const second = request(keeper, '/same')
    expect(second).toBe(first)
    expect(second).toMatchObject({ repeats: true, method: 'GET', target: '/same', authority: 'a' })
    restHead(keeper)
    expect(request(keeper, '/other')).toMatchObject({ repeats: false, target: '/other' })
    dropHead(keeper)
  })

  it('holds nothing any more when the connection has gone', () => {
    const keeper = connection()
    const head = request(keeper, '/gone')
    dropHead(keeper)
    expect(keeper.head).toBeNull()
    expect(head.text).toBe('')
    const next = connection()
    expect(takeHead(next)).toBe(head)
    expect(head.get('x-secret')).toBeUndefined()
    dropHead(next)
  })

  it('goes to another connection, empty, when there are more connections than heads, unless it is busy', () => {
    const waiting = Array.from({ length: most }, connection)
    for (const [i, keeper] of waiting.entries()) request(keeper, `/${i}`)
    const crowd = Array.from({ length: 10 }, connection)
    // All are busy: these are made for one request each.
    for (const keeper of crowd) expect(request(keeper, '/crowd').target).toBe('/crowd')
    expect(waiting.every(({ head }, i) => head?.target === `/${i}`)).toBe(true)
    for (const keeper of waiting.slice(100)) restHead(keeper)
    for (const keeper of crowd) {
      dropHead(keeper)
      expect(request(keeper, '/after').repeats).toBe(false)
    }
    expect(waiting.slice(0, 100).every(({ head }, i) => head?.target === `/${i}`)).toBe(true)
    for (const keeper of [...waiting, ...crowd]) dropHead(keeper)
  })

  it('of one that is idle is kept by no more connections than there are heads', () => {
    const many = Array.from({ length: most * 3 }, connection)
    for (const keeper of many) {
      request(keeper, '/')
      restHead(keeper)
    }
    expect(many.filter(({ head }) => head !== null)).toHaveLength(most)
    for (const keeper of many) dropHead(keeper)
  })

  it('of one that is idle is kept by none while others are busy with all of them', () => {
    const busy = Array.from({ length: most }, connection)
    for (const keeper of busy) request(keeper, '/socket')
    const idle = Array.from({ length: most * 2 }, connection)
    for (const keeper of idle) {
      expect(request(keeper, '/')).toMatchObject({ repeats: false, target: '/' })
      restHead(keeper)
    }
    expect(idle.filter(({ head }) => head !== null)).toHaveLength(0)
    expect(busy.every(({ head }) => head?.target === '/socket')).toBe(true)
    for (const keeper of busy) dropHead(keeper)
  })
})
