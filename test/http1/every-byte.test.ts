// Each of the 256 bytes at each place of a message where one byte decides: what the RFCs allow there is taken, anything else is refused.
// The rules are written out here a second time, from the grammar, and not with the tables of the engine.

import { describe, expect, it } from 'vitest'
import { BROKEN, ChunkedDecoder } from '../../src/proxy/http1/chunked.ts'
import { defaultLimits } from '../../src/proxy/http1/limits.ts'
import { RequestMessage, parseRequest } from '../../src/proxy/http1/request-head.ts'
import { ResponseMessage, parseResponse } from '../../src/proxy/http1/response-head.ts'
import { normalizeTarget } from '../../src/proxy/target.ts'

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/
const blank = /[ \t]/
const text = /[\t -~\x80-\xff]/
const none = /(?!)/

/** The byte stands where `%` does. */
const requests: readonly (readonly [place: string, message: string, allowed: RegExp])[] = [
  ['in front of the method', '%GET /a HTTP/1.1\r\nHost: a\r\n\r\n', token],
  ['in the method', 'GE%T /a HTTP/1.1\r\nHost: a\r\n\r\n', token],
  ['in the path', 'GET /a%b HTTP/1.1\r\nHost: a\r\n\r\n', /[!"$&-[\]-~]/],
  ['in the query', 'GET /a?b%c HTTP/1.1\r\nHost: a\r\n\r\n', /[!"$-~]/],
  ['behind the target', 'GET /a %HTTP/1.1\r\nHost: a\r\n\r\n', none],
  ['in the version', 'GET /a HTTP/1%1\r\nHost: a\r\n\r\n', /\./],
  ['behind the version', 'GET /a HTTP/1.1%\r\nHost: a\r\n\r\n', none],
  ['in front of a name', 'GET /a HTTP/1.1\r\n%Host: a\r\nHost: a\r\n\r\n', token],
  ['in a name', 'GET /a HTTP/1.1\r\nHost: a\r\nX%A: b\r\n\r\n', new RegExp(`${token.source}|:`)],
  ['in front of the colon', 'GET /a HTTP/1.1\r\nHost: a\r\nX%: b\r\n\r\n', new RegExp(`${token.source}|:`)],
  ['in front of a value', 'GET /a HTTP/1.1\r\nHost: a\r\nX:%b\r\n\r\n', text],
  ['in a value', 'GET /a HTTP/1.1\r\nHost: a\r\nX: b%c\r\n\r\n', text],
  ['behind a value', 'GET /a HTTP/1.1\r\nHost: a\r\nX: b%\r\n\r\n', text],
  ['in the line end', 'GET /a HTTP/1.1\r\nHost: a\r%\nX: b\r\n\r\n', none],
  ['instead of CR', 'GET /a HTTP/1.1\r\nHost: a\r\nX: b%\n\r\n', /\r/],
  ['instead of LF', 'GET /a HTTP/1.1\r\nHost: a\r\nX: b\r%\r\n', /\n/],
  ['in the empty line', 'GET /a HTTP/1.1\r\nHost: a\r\n%\r\n\r\n', none],
  ['in a host', 'GET /a HTTP/1.1\r\nHost: a%b\r\n\r\n', /[!$&'()*+\-.;=_~0-9A-Za-z]/],
  ['behind a host', 'GET /a HTTP/1.1\r\nHost: a%\r\n\r\n', /[!$&'()*+\-.;=_~0-9A-Za-z: \t]/],
  ['in a port', 'GET /a HTTP/1.1\r\nHost: a:8%0\r\n\r\n', /[0-9]/],
  ['in the authority of a target', 'GET http://a%b/c HTTP/1.1\r\nHost: a\r\n\r\n', /[!$&'()*+\-.;=_~0-9A-Za-z/?]/],
  ['in front of a length', 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length:%5\r\n\r\n', /[ \t0-9]/],
  ['in a length', 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1%5\r\n\r\n', /[0-9]/],
  ['behind a length', 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5%\r\n\r\n', /[ \t0-9]/],
  ['in front of a coding', 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:%chunked\r\n\r\n', blank],
  ['in a coding', 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun%ked\r\n\r\n', none],
  ['behind a coding', 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked%\r\n\r\n', blank],
  [
    'behind an option',
    'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close%\r\n\r\n',
    new RegExp(`${token.source}|[ \t,]`),
  ],
  ['behind an expectation', 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue%\r\n\r\n', blank],
]

const answers: readonly (readonly [place: string, message: string, allowed: RegExp])[] = [
  ['in front of the version', '%HTTP/1.1 200 OK\r\n\r\n', none],
  ['in the version', 'HTTP/1.% 200 OK\r\n\r\n', /[01]/],
  ['in front of the status', 'HTTP/1.1%200 OK\r\n\r\n', / /],
  ['in the status', 'HTTP/1.1 2%0 OK\r\n\r\n', /[0-9]/],
  ['behind the status', 'HTTP/1.1 200%OK\r\n\r\n', / /],
  ['in the reason', 'HTTP/1.1 200 O%K\r\n\r\n', text],
  ['in a name', 'HTTP/1.1 200 OK\r\nX%A: b\r\n\r\n', new RegExp(`${token.source}|:`)],
  ['in a value', 'HTTP/1.1 200 OK\r\nX: b%c\r\n\r\n', text],
  ['behind a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5%\r\n\r\n', /[ \t0-9]/],
  ['behind a coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked%\r\n\r\n', blank],
]

const chunks: readonly (readonly [place: string, message: string, allowed: RegExp])[] = [
  ['in front of a size', '%5\r\nhello\r\n0\r\n\r\n', /0/],
  ['behind a size', '5%\r\nhello\r\n0\r\n\r\n', none],
  ['between size and extension', '5%;a\r\nhello\r\n0\r\n\r\n', blank],
  ['in front of the name of an extension', '5;%a\r\nhello\r\n0\r\n\r\n', new RegExp(`${token.source}|${blank.source}`)],
  ['in the name of an extension', '5;a%b\r\nhello\r\n0\r\n\r\n', new RegExp(`${token.source}|[;=]`)],
  ['behind the name of an extension', '5;a%=b\r\nhello\r\n0\r\n\r\n', new RegExp(`${token.source}|${blank.source}`)],
  [
    'in front of the value of an extension',
    '5;a=%b\r\nhello\r\n0\r\n\r\n',
    new RegExp(`${token.source}|${blank.source}`),
  ],
  ['in the value of an extension', '5;a=b%c\r\nhello\r\n0\r\n\r\n', new RegExp(`${token.source}|;`)],
  ['in a quoted value', '5;a="b%c"\r\nhello\r\n0\r\n\r\n', /(?!["])[\t -~\x80-\xff]/],
  ['behind a backslash', '5;a="b\\%c"\r\nhello\r\n0\r\n\r\n', text],
  ['behind a quoted value', '5;a="b"%;c\r\nhello\r\n0\r\n\r\n', blank],
  ['in the line end of a size', '5\r%\nhello\r\n0\r\n\r\n', none],
  ['behind the data', '5\r\nhello%\r\n0\r\n\r\n', none],
  ['in the line end of the data', '5\r\nhello\r%\n0\r\n\r\n', none],
  ['in the last chunk', '5\r\nhello\r\n0%\r\n\r\n', /0/],
  ['in front of a trailer', '5\r\nhello\r\n0\r\n%A: b\r\n\r\n', token],
  ['in the name of a trailer', '5\r\nhello\r\n0\r\nA%B: b\r\n\r\n', new RegExp(`${token.source}|:`)],
  ['in a trailer', '5\r\nhello\r\n0\r\nA: b%c\r\n\r\n', text],
  ['in the empty line', '5\r\nhello\r\n0\r\n%\r\n\r\n', none],
]

/** Bytes for which taking the message and allowing the byte are not the same, as hex. */
function surprises(message: string, allowed: RegExp, takes: (bytes: Buffer) => boolean): string[] {
  const wrong: string[] = []
  for (let code = 0; code < 256; code++) {
    const byte = String.fromCharCode(code)
    if (
      takes(
        Buffer.from(
          message.replace('%', () => byte),
          'latin1',
        ),
      ) !== allowed.test(byte)
    )
      wrong.push(code.toString(16))
  }
  return wrong
}

describe('a byte of a request', () => {
  it.each(requests)('%s', (_place, message, allowed) => {
    const takes = (bytes: Buffer): boolean => {
      const head = new RequestMessage()
      const taken = parseRequest(head, bytes, defaultLimits)
      return taken === bytes.length && normalizeTarget(head.target, 'strict', head.method).ok
    }
    expect(surprises(message, allowed, takes)).toEqual([])
  })
})

describe('a byte of an answer', () => {
  it.each(answers)('%s', (_place, message, allowed) => {
    const takes = (bytes: Buffer): boolean =>
      parseResponse(new ResponseMessage(), bytes, 0, bytes.length, defaultLimits) === bytes.length
    expect(surprises(message, allowed, takes)).toEqual([])
  })
})

describe('a byte of a chunked body', () => {
  it.each(chunks)('%s', (_place, message, allowed) => {
    const takes = (bytes: Buffer): boolean => {
      const decoder = new ChunkedDecoder()
      const end = decoder.decode(bytes, 0, bytes.length)
      return end !== BROKEN && end === bytes.length && decoder.dataEnd - decoder.dataStart === 5
    }
    expect(surprises(message, allowed, takes)).toEqual([])
  })
})
