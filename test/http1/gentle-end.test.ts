// Where a WebSocket or a stream of events may end: found in whatever pieces the bytes come.

import { describe, expect, it, test } from 'vitest'
import { type EndKind, GentleEnd } from '../../src/proxy/http1/gentle-end.ts'

/** RFC 6455 5.2. */
function frame(length: number, { fin = true, mask = false, opcode = 2 } = {}): Buffer {
  const long = length > 65_535 ? 8 : length > 125 ? 2 : 0
  const header = Buffer.alloc(2 + long)
  header[0] = (fin ? 0x80 : 0) | opcode
  header[1] = (mask ? 0x80 : 0) | (long === 0 ? length : long === 2 ? 126 : 127)
  if (long === 2) header.writeUInt16BE(length, 2)
  if (long === 8) header.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([header, Buffer.alloc(mask ? 4 : 0, 9), Buffer.alloc(length, 7)])
}

/** Feeds all of it in pieces of that size, asking for the end once so many bytes have gone; how many went out. */
function sent(kind: EndKind, bytes: Buffer, piece: number, askAfter: number): number {
  const end = new GentleEnd(kind)
  let out = 0
  for (let at = 0; at < bytes.length; at += piece) {
    if (at >= askAfter && end.ask()) return out
    const to = Math.min(bytes.length, at + piece)
    out += end.pass(bytes, at, to) - at
    if (end.reached) return out
  }
  return end.ask() ? out : -1
}

const frames = [frame(3), frame(125), frame(126), frame(70_000), frame(0), frame(5, { mask: true }), frame(300)]
const stream = Buffer.concat(frames)
const ends = frames.map((_, index) => Buffer.concat(frames.slice(0, index + 1)).length)

describe('a WebSocket ends between two messages', () => {
  test.each([1, 2, 3, 7, 64, 1000, 16_384, 100_000])('in pieces of %i bytes', (piece) => {
    for (const askAfter of [0, 1, 2, 4, 5, 6, 100, 131, 132, 200, 263, 70_000, 70_270, 70_300]) {
      const out = sent('frames', stream, piece, askAfter)
      expect([0, ...ends], `asked after ${askAfter}`).toContain(out)
      // Never before it was asked, and at the first place after that, as far as the pieces allow.
      const asked = Math.min(Math.ceil(askAfter / piece) * piece, stream.length)
      expect(out).toBe(asked === 0 ? 0 : ends.find((end) => end >= asked))
    }
  })

  it('or at once while nothing is under way', () => {
    expect(new GentleEnd('frames').ask()).toBe(true)
  })

  it('not inside a frame', () => {
    const end = new GentleEnd('frames')
    end.pass(stream, 0, 4)
    expect(end.ask()).toBe(false)
    expect(end.pass(stream, 4, 5)).toBe(5)
    expect(end.reached).toBe(true)
  })

  it('not between the fragments of a message, not even behind a ping that stands there', () => {
    const parts = [
      frame(9, { fin: false }),
      frame(2, { opcode: 9 }),
      frame(200, { fin: false, opcode: 0 }),
      frame(0, { opcode: 0 }),
    ]
    const message = Buffer.concat(parts)
    for (const piece of [1, 2, 11, 15, 300]) {
      expect(sent('frames', Buffer.concat([message, frame(4)]), piece, 1), `pieces of ${piece}`).toBe(
        piece < message.length ? message.length : message.length + 6,
      )
    }
  })

  it('not behind a Close: there is nothing more to say', () => {
    const end = new GentleEnd('frames')
    const close = frame(2, { opcode: 8 })
    expect(end.pass(close, 0, close.length)).toBe(close.length)
    expect(end.ask()).toBe(false)
  })
})

describe('a stream of events ends behind an empty line', () => {
  test.each([
    ['LF', 'data: 1\n\ndata: 2\n\n', 5, 9],
    ['CRLF', 'data: 1\r\n\r\ndata: 2\r\n\r\n', 5, 11],
    ['several lines', 'event: a\ndata: 1\nid: 7\n\nx', 3, 24],
  ])('with %s', (_, text, askAfter, expected) => {
    for (const piece of [1, 2, 3, 5]) {
      const asked = Math.ceil(askAfter / piece) * piece
      expect(asked).toBeLessThan(expected)
      expect(sent('events', Buffer.from(text), piece, askAfter)).toBe(expected)
    }
  })

  it('at once when the last event was whole', () => {
    const end = new GentleEnd('events')
    const text = Buffer.from('data: 1\n\n')
    end.pass(text, 0, text.length)
    expect(end.ask()).toBe(true)
  })

  it('not at the end of a line inside an event', () => {
    const end = new GentleEnd('events')
    const text = Buffer.from('data: 1\n')
    end.pass(text, 0, text.length)
    expect(end.ask()).toBe(false)
  })
})

it('a stream of lines ends behind a line', () => {
  expect(sent('lines', Buffer.from('{"a":1}\n{"b":2}\n'), 1, 3)).toBe(8)
})
