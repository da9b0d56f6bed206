// Writes a span of a body with the framing it needs: small ones as text (copied, nothing lent), large ones as they lie in memory.

/** Up to this size a span is joined with its head or framing to one string: one copy is cheaper than a write of several pieces. */
export const JOIN_BYTES = 8192

/** Bytes kept free in front of what is read from an upstream, for the head that the answer leaves with, which is longer than it came. */
export const HEADROOM = 1024
/** And behind it, for the end of a chunk. */
export const TAILROOM = 16

const LAST_CHUNK = '0\r\n\r\n'

interface Writer {
  cork(): void
  uncork(): void
  write(data: Uint8Array): boolean
  write(text: string, encoding: 'latin1'): boolean
}

/** A whole request as one text; undefined when its body is too long for that. */
export function requestText(head: string, body: Buffer | null, chunked: boolean): string | undefined {
  if (body === null) return head
  return body.length <= JOIN_BYTES ? head + spanText(body, 0, body.length, chunked, true) : undefined
}

/** A request with as much of its body as has come; `body` null when it has none. */
export function writeRequest(
  writer: Writer,
  head: string,
  body: Buffer | null,
  chunked: boolean,
  ended: boolean,
): void {
  if (body === null) writer.write(head, 'latin1')
  else if (body.length > JOIN_BYTES) writeSpan(writer, head, body, 0, body.length, chunked, ended)
  else writer.write(head + spanText(body, 0, body.length, chunked, ended), 'latin1')
}

/** More of a request body, from memory that nobody writes to again. False when the writer wants a pause. */
export function writeBodySpan(
  writer: Writer,
  buffer: Buffer,
  from: number,
  to: number,
  chunked: boolean,
  ended: boolean,
): boolean {
  const size = to - from
  if (size > JOIN_BYTES || (!chunked && size > 0)) return writeSpan(writer, '', buffer, from, to, chunked, ended)
  const text = spanText(buffer, from, to, chunked, ended)
  return text === '' || writer.write(text, 'latin1')
}

/**
 * A span of an answer as one piece: a short one as text, a long one as the memory in which it lies, with its framing written around it.
 * The caller owns that memory, has read all it needs from it, and leaves it as it is until it was written. Undefined when there is no room.
 */
export function answerPiece(
  before: string,
  buffer: Buffer,
  from: number,
  to: number,
  chunked: boolean,
  ended: boolean,
): string | Buffer | undefined {
  if (to - from <= JOIN_BYTES) return before + spanText(buffer, from, to, chunked, ended)
  const first = chunked ? `${before}${chunkSize(to - from)}` : before
  const last = chunked ? chunkEnd(ended) : ''
  const start = from - first.length
  const end = to + last.length
  if (start < 0 || end > buffer.length) return undefined
  if (first !== '') buffer.write(first, start, 'latin1')
  if (last !== '') buffer.write(last, to, 'latin1')
  return buffer.subarray(start, end)
}

/** Bytes that the chunked coding puts around a span. */
export function chunkFraming(size: number, ended: boolean): number {
  const digits = (35 - Math.clz32(size)) >> 2
  return (size > 0 ? digits + 4 : 0) + (ended ? LAST_CHUNK.length : 0)
}

/** The span as text. `ended` adds the last chunk. */
function spanText(buffer: Buffer, from: number, to: number, chunked: boolean, ended: boolean): string {
  const data = to > from ? buffer.toString('latin1', from, to) : ''
  if (!chunked) return data
  const chunk = data === '' ? '' : `${chunkSize(to - from)}${data}\r\n`
  return ended ? chunk + LAST_CHUNK : chunk
}

/** Writes `before` and the span without copying the span: buffer[from..to) has to stay as it is until the writer has taken it. */
export function writeSpan(
  writer: Writer,
  before: string,
  buffer: Buffer,
  from: number,
  to: number,
  chunked: boolean,
  ended: boolean,
): boolean {
  if (before === '' && !chunked) return writer.write(buffer.subarray(from, to))
  writer.cork()
  writer.write(chunked ? `${before}${chunkSize(to - from)}` : before, 'latin1')
  let room = writer.write(buffer.subarray(from, to))
  if (chunked) room = writer.write(chunkEnd(ended), 'latin1')
  writer.uncork()
  return room
}

function chunkSize(bytes: number): string {
  return `${bytes.toString(16)}\r\n`
}

function chunkEnd(ended: boolean): string {
  return ended ? `\r\n${LAST_CHUNK}` : '\r\n'
}
