// A response head: RFC 9112 section 4, read as strictly as a request. One object serves all answers: it is read, changed by the
// handler and written out within one call, and never kept.

import type { ResponseHead } from '../exchange.ts'
import { CR, LF, SP, isDigit, valueByte } from './bytes.ts'
import { MessageHead } from './head.ts'
import type { Limits } from './limits.ts'
import { BAD, HEAD_TOO_LARGE, INCOMPLETE, parseFields, settleConnection } from './parse-fields.ts'

export class ResponseMessage extends MessageHead implements ResponseHead {
  status = 0
  /** Position behind the status line. */
  fieldsStart = 0

  /** RFC 9112 9.3. We speak 1.1 to upstreams; what answers in 1.0 is used once. */
  get keepsAlive(): boolean {
    return this.minorVersion === 1 && !this.closeAsked
  }

  /** The status line to send: always HTTP/1.1 (RFC 9110 2.5: a proxy sends its own version). */
  statusLine(): string {
    return `HTTP/1.1${this.text.slice(8, this.fieldsStart)}`
  }
}

/** Reads one head from the start of `bytes` into `head`. Returns its length, INCOMPLETE, or a refusal (negative). */
export function parseResponse(head: ResponseMessage, bytes: Buffer, limits: Limits): number {
  head.reset()
  const end = Math.min(bytes.length, limits.headBytes)
  const result = parse(head, bytes, end, limits)
  if (result !== INCOMPLETE) return result
  return bytes.length >= limits.headBytes ? HEAD_TOO_LARGE : INCOMPLETE
}

function parse(head: ResponseMessage, bytes: Buffer, end: number, limits: Limits): number {
  for (let i = 0; i < prefix.length && i < end; i++) if (bytes[i] !== prefix[i]) return BAD
  if (end < 13) return INCOMPLETE
  const minor = bytes[7]! - 48
  if ((minor !== 0 && minor !== 1) || bytes[8] !== SP) return BAD
  const status = threeDigits(bytes)
  if (status < 100 || status > 599) return BAD
  let p = 12
  // RFC 9112 4 wants the space even when there is no reason; many leave it out, and nothing hangs on it.
  if (bytes[p] !== SP && bytes[p] !== CR) return BAD
  while (p < end && valueByte[bytes[p]!] === 1) p++
  if (p >= end) return INCOMPLETE
  if (bytes[p] !== CR) return BAD
  if (p + 1 >= end) return INCOMPLETE
  if (bytes[p + 1] !== LF) return BAD
  head.minorVersion = minor
  head.status = status
  head.fieldsStart = p + 2
  const headEnd = parseFields(head, bytes, p + 2, end, limits.fields)
  if (headEnd <= 0) return headEnd
  head.text = bytes.toString('latin1', 0, headEnd)
  if (head.chunked && (head.contentLength !== -1 || minor === 0)) return BAD
  // A Connection option that is no token names nothing; unlike a request, an answer is not worth refusing for it.
  settleConnection(head)
  return headEnd
}

const prefix = Uint8Array.from('HTTP/1.', (char) => char.charCodeAt(0))

function threeDigits(bytes: Buffer): number {
  const a = bytes[9]!
  const b = bytes[10]!
  const c = bytes[11]!
  return isDigit(a) && isDigit(b) && isDigit(c) ? (a - 48) * 100 + (b - 48) * 10 + (c - 48) : 0
}
