// Writes an answer that the edge makes itself: head and body as one string.

import { STATUS_CODES } from 'node:http'
import type { EdgeAnswer } from '../exchange.ts'
import { fieldText } from './field-text.ts'

/** The bytes of an answer as latin1 text. `withBody` is false for HEAD, whose Content-Length stays (RFC 9110 9.3.2). */
export function edgeResponse(answer: EdgeAnswer, connection: 'keep-alive' | 'close' | '', withBody: boolean): string {
  const { status } = answer
  let out = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (const [name, value] of answer.fields) out += `${name}: ${fieldText(value)}\r\n`
  out += `date: ${httpDate()}\r\n`
  if (connection !== '') out += `connection: ${connection}\r\n`
  // RFC 9110 8.6 and 15.4.5: no length and no body with 204; with 304 a length would speak of another answer.
  if (status === 204 || status === 304) return `${out}\r\n`
  const body = latin1(answer.body)
  out += `content-length: ${body.length}\r\n\r\n`
  return withBody ? out + body : out
}

let dateText = ''
let dateSecond = 0

/** RFC 9110 6.6.1, made once a second. */
export function httpDate(): string {
  const now = Date.now()
  const second = Math.floor(now / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(now).toUTCString()
  }
  return dateText
}

/** Bytes, of text in UTF-8, as one character each. */
function latin1(text: string | Uint8Array): string {
  if (typeof text !== 'string') return Buffer.from(text).toString('latin1')
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return Buffer.from(text, 'utf8').toString('latin1')
  }
  return text
}
