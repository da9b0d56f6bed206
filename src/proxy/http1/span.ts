// Writes a span of a body with the framing it needs: small ones as text (copied, nothing lent), large ones as they lie in memory.

/** Up to this size a span is joined with its head or framing to one string: one copy is cheaper than a write of several pieces. */
export const JOIN_BYTES = 8192

/** Bytes that have to be free in front of and behind a span for chunkInPlace. */
export const ROOM = 16

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
 * A span of an answer, from memory that is read into again: true when the writer was given that very memory, which then has to stay as
 * it is until everything was written.
 */
export function writeAnswerSpan(
  writer: Writer,
  before: string,
  buffer: Buffer,
  from: number,
  to: number,
  chunked: boolean,
  ended: boolean,
): boolean {
  if (to - from <= JOIN_BYTES) {
    const text = before + spanText(buffer, from, to, chunked, ended)
    if (text !== '') writer.write(text, 'latin1')
    return false
  }
  const framed = chunked && before === '' ? chunkInPlace(buffer, from, to, ended) : undefined
  if (framed !== undefined) writer.write(framed)
  else writeSpan(writer, before, buffer, from, to, chunked, ended)
  return true
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
  const chunk = data === '' ? '' : `${(to - from).toString(16)}\r\n${data}\r\n`
  return ended ? chunk + LAST_CHUNK : chunk
}

/** Writes `before` and the span without copying the span: buffer[from..to) has to stay as it is until the writer has taken it. */
function writeSpan(
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
  const size = chunked ? `${(to - from).toString(16)}\r\n` : ''
  writer.write(before + size, 'latin1')
  let room = writer.write(buffer.subarray(from, to))
  if (chunked) room = writer.write(ended ? `\r\n${LAST_CHUNK}` : '\r\n', 'latin1')
  writer.uncork()
  return room
}

/**
 * Frames a span as a chunk by writing into the memory around it, so that it goes out as one piece. The caller owns that memory and
 * has read all it needs from it. Undefined when there is no room.
 */
function chunkInPlace(buffer: Buffer, from: number, to: number, ended: boolean): Buffer | undefined {
  if (from < ROOM || to + ROOM > buffer.length) return undefined
  let start = from
  buffer[--start] = 10
  buffer[--start] = 13
  for (let left = to - from; left > 0; left = Math.floor(left / 16)) {
    const digit = left % 16
    buffer[--start] = digit < 10 ? 48 + digit : 87 + digit
  }
  let end = to
  buffer[end++] = 13
  buffer[end++] = 10
  if (ended) end += buffer.write(LAST_CHUNK, end, 'latin1')
  return buffer.subarray(start, end)
}
