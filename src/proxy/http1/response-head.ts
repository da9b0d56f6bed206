// A response head: RFC 9112 section 4, read as strictly as a request. One object serves all answers: it is read, changed by the
// handler and written out within one call, and never kept.

import type { ResponseHead } from '../exchange.ts'
import { CR, LF, SP, isDigit, valueByte } from './bytes.ts'
import { MessageHead } from './head.ts'
import type { Limits } from './limits.ts'
import { BAD, HEAD_TOO_LARGE, INCOMPLETE, parseFields, settleConnection } from './parse-fields.ts'
import { JOIN_BYTES } from './span.ts'

const usualOrder = new Uint8Array(32)

export class ResponseMessage extends MessageHead implements ResponseHead {
  status = 0
  /** Position behind the status line. */
  fieldsStart = 0
  /** Position behind the empty line. What is short stands in `text` up to the end of what was read: one look at the memory for both. */
  length = 0

  constructor() {
    super(usualOrder)
  }

  /** RFC 9112 9.3. We speak 1.1 to upstreams; what answers in 1.0 is used once. */
  get keepsAlive(): boolean {
    return this.minorVersion === 1 && !this.closeAsked
  }

  /** The next bytes behind the head, one character each, if they are at hand. */
  textBehind(bytes: number): string | undefined {
    const end = this.length + bytes
    return end <= this.text.length ? this.text.slice(this.length, end) : undefined
  }

  /** The status line to send: always HTTP/1.1 (RFC 9110 2.5: a proxy sends its own version). */
  statusLine(): string {
    return this.#hasReason() ? `HTTP/1.1${this.text.slice(8, this.fieldsStart)}` : `HTTP/1.1 ${this.status} \r\n`
  }

  /** The same, with the lines that stay and those that were added behind it: in one piece where it came so. */
  statusAndFields(): string {
    return this.minorVersion === 1 && this.#hasReason() ? this.keptFields(0) : this.statusLine() + this.keptFields()
  }

  /** Behind the status stands a space, even when no reason follows. */
  #hasReason(): boolean {
    return this.text.charCodeAt(12) === SP
  }
}

/** Reads one head at bytes[at..end) into `head`. Returns its length, INCOMPLETE, or a refusal (negative). */
export function parseResponse(head: ResponseMessage, bytes: Buffer, at: number, end: number, limits: Limits): number {
  head.reset()
  const result = parse(head, bytes, at, Math.min(end, at + limits.headBytes), limits)
  if (result !== INCOMPLETE) return result < 0 ? result : result - at
  return end - at >= limits.headBytes ? HEAD_TOO_LARGE : INCOMPLETE
}

function parse(head: ResponseMessage, bytes: Buffer, at: number, end: number, limits: Limits): number {
  for (let i = 0; i < prefix.length && at + i < end; i++) if (bytes[at + i] !== prefix[i]) return BAD
  if (end - at < 13) return INCOMPLETE
  const minor = bytes[at + 7]! - 48
  if ((minor !== 0 && minor !== 1) || bytes[at + 8] !== SP) return BAD
  const status = threeDigits(bytes, at + 9)
  if (status < 100 || status > 599) return BAD
  let p = at + 12
  // RFC 9112 4 wants the space even when there is no reason; many leave it out, and nothing hangs on it.
  if (bytes[p] !== SP && bytes[p] !== CR) return BAD
  while (p < end && valueByte[bytes[p]!] === 1) p++
  if (p >= end) return INCOMPLETE
  if (bytes[p] !== CR) return BAD
  if (p + 1 >= end) return INCOMPLETE
  if (bytes[p + 1] !== LF) return BAD
  head.minorVersion = minor
  head.status = status
  head.fieldsStart = p + 2 - at
  const headEnd = parseFields(head, bytes, at, p + 2, end, limits.fields)
  if (headEnd <= 0) return headEnd
  head.length = headEnd - at
  head.text = bytes.toString('latin1', at, end - headEnd <= JOIN_BYTES ? end : headEnd)
  if (head.chunked && (head.contentLength !== -1 || minor === 0)) return BAD
  // RFC 9112 6.1, RFC 9110 8.6: neither framing field belongs into an interim answer; a body behind one would be taken for a head.
  // RFC 9110 15.2: HTTP/1.0 has no interim answers.
  if (status < 200 && (head.chunked || head.contentLength !== -1 || minor === 0)) return BAD
  // A Connection option that is no token names nothing; unlike a request, an answer is not worth refusing for it.
  settleConnection(head)
  return headEnd
}

const prefix = Uint8Array.from('HTTP/1.', (char) => char.charCodeAt(0))

function threeDigits(bytes: Buffer, at: number): number {
  const a = bytes[at]!
  const b = bytes[at + 1]!
  const c = bytes[at + 2]!
  return isDigit(a) && isDigit(b) && isDigit(c) ? (a - 48) * 100 + (b - 48) * 10 + (c - 48) : 0
}
