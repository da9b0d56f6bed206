// A second, deliberately plain reader of HTTP/1.1, written for judging: it takes nothing that two hops could read in two ways.
// Bytes are latin1 text, one character each. Shares no code with the engine it judges.

export interface SeenRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: readonly Field[]
  readonly body: string
  readonly trailers: readonly Field[]
}

export interface SeenResponse {
  readonly status: number
  fields: readonly Field[]
  body: string
  complete: boolean
  framing: 'none' | 'chunked' | 'length' | 'close' | 'tunnel'
}

export type Field = readonly [name: string, value: string]

/** What a message breaks. Thrown, since this is a test's reader. */
export class Malformed extends Error {}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const controlInTarget = /[^\x21-\x7e\x80-\xff]/
const MAX_HEAD = 4 << 20

interface Head {
  readonly text: string
  readonly end: string
  /** Position behind the head. */
  readonly next: number
}

/** The head ends at the first empty line, however it is spelt. */
function cutHead(text: string, from: number): Head | undefined {
  const pattern = /\r?\n\r?\n/g
  pattern.lastIndex = from
  const match = pattern.exec(text)
  if (match === null) {
    if (text.length - from > MAX_HEAD) throw new Malformed('endless head')
    return undefined
  }
  return { text: text.slice(from, match.index), end: match[0], next: pattern.lastIndex }
}

function readFields(block: string, what: string): Field[] {
  if (block === '') return []
  return block.split('\r\n').map((line): Field => {
    if (line.includes('\n') || line.includes('\r')) throw new Malformed(`${what}: bare CR or LF in a field line`)
    if (line.includes('\0')) throw new Malformed(`${what}: NUL in a field line`)
    const colon = line.indexOf(':')
    if (colon === -1) throw new Malformed(`${what}: field line without colon`)
    const name = line.slice(0, colon)
    if (!token.test(name)) throw new Malformed(`${what}: field name is no token: ${JSON.stringify(name.slice(0, 40))}`)
    return [name.toLowerCase(), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
  })
}

interface ChunkedBody {
  readonly body: string
  readonly trailers: readonly Field[]
  readonly next: number
}

function readChunked(text: string, from: number, what: string): ChunkedBody | undefined {
  let body = ''
  let at = from
  for (;;) {
    const eol = text.indexOf('\n', at)
    if (eol === -1) return undefined
    const line = text.slice(at, eol + 1)
    if (!line.endsWith('\r\n')) throw new Malformed(`${what}: chunk line ends in a bare LF`)
    const words = line.slice(0, -2)
    if (/[\r\0]/.test(words)) throw new Malformed(`${what}: bare CR or NUL in a chunk line`)
    const semicolon = words.indexOf(';')
    const size = semicolon === -1 ? words : words.slice(0, semicolon).replace(/[ \t]+$/, '')
    if (!/^[0-9a-fA-F]{1,16}$/.test(size)) throw new Malformed(`${what}: bad chunk size ${JSON.stringify(line)}`)
    const length = Number.parseInt(size, 16)
    at = eol + 1
    if (length === 0) return readTrailers(text, at, body, what)
    if (text.length < at + length + 2) {
      if (text.length > at + length && text[at + length] !== '\r')
        throw new Malformed(`${what}: chunk longer than its size`)
      return undefined
    }
    if (text.slice(at + length, at + length + 2) !== '\r\n') throw new Malformed(`${what}: chunk data without CRLF`)
    body += text.slice(at, at + length)
    at += length + 2
  }
}

function readTrailers(text: string, at: number, body: string, what: string): ChunkedBody | undefined {
  if (text.startsWith('\r\n', at)) return { body, trailers: [], next: at + 2 }
  if (text.length < at + 2) return undefined
  const head = cutHead(text, at)
  if (head === undefined) return undefined
  if (head.end !== '\r\n\r\n') throw new Malformed(`${what}: trailer section ends in a bare LF`)
  return { body, trailers: readFields(head.text, `${what} trailer`), next: head.next }
}

export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value)
}

/** One request off the start of `text`; undefined when it is incomplete. Throws Malformed. */
export function readRequest(text: string): { request: SeenRequest; used: number } | undefined {
  let start = 0
  while (text.startsWith('\r\n', start)) start += 2
  const head = cutHead(text, start)
  if (head === undefined) return undefined
  if (head.end !== '\r\n\r\n') throw new Malformed('request head ends in a bare LF')
  const eol = head.text.indexOf('\r\n')
  const line = eol === -1 ? head.text : head.text.slice(0, eol)
  if (/[\r\n\0]/.test(line)) throw new Malformed('bare CR, LF or NUL in the request line')
  const words = line.split(' ')
  const [method, target, version] = words
  if (words.length !== 3 || !method || !target || !version) throw new Malformed(`request line ${JSON.stringify(line)}`)
  if (!token.test(method)) throw new Malformed(`method ${JSON.stringify(method)}`)
  if (controlInTarget.test(target)) throw new Malformed('control byte in the target')
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') throw new Malformed(`version ${JSON.stringify(version)}`)
  const fields = readFields(eol === -1 ? '' : head.text.slice(eol + 2), 'request')
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  checkFraming(fields, lengths, codings, version)
  const about = { method, target, version, fields }
  if (codings.length > 0) {
    const chunked = readChunked(text, head.next, 'request body')
    if (chunked === undefined) return undefined
    return { request: { ...about, body: chunked.body, trailers: chunked.trailers }, used: chunked.next }
  }
  const used = head.next + Number(lengths[0] ?? 0)
  if (text.length < used) return undefined
  return { request: { ...about, body: text.slice(head.next, used), trailers: [] }, used }
}

function checkFraming(fields: readonly Field[], lengths: string[], codings: string[], version: string): void {
  const hosts = valuesOf(fields, 'host')
  if (hosts.length > 1) throw new Malformed('more than one Host')
  if (version === 'HTTP/1.1' && hosts.length === 0) throw new Malformed('no Host')
  if (lengths.length > 0 && codings.length > 0) throw new Malformed('both Content-Length and Transfer-Encoding')
  if (lengths.length > 1) throw new Malformed('more than one Content-Length')
  if (lengths.length === 1 && !/^[0-9]{1,20}$/.test(lengths[0]!)) throw new Malformed(`Content-Length ${lengths[0]}`)
  const plainlyChunked = codings.length === 1 && codings[0]!.toLowerCase() === 'chunked' && version === 'HTTP/1.1'
  if (codings.length > 0 && !plainlyChunked) throw new Malformed(`Transfer-Encoding ${codings.join(' | ')}`)
}

export interface ReadResponses {
  readonly responses: SeenResponse[]
  /** Bytes behind the last response. */
  readonly left: string
  readonly error: string | undefined
}

/** All responses in `text`, as the answers to these methods; `closed` when the connection has ended. */
export function readResponses(text: string, methods: readonly string[], closed: boolean): ReadResponses {
  const responses: SeenResponse[] = []
  let at = 0
  let finals = 0
  try {
    while (at < text.length) {
      const head = cutHead(text, at)
      if (head === undefined) return { responses, left: text.slice(at), error: undefined }
      const response = readResponseHead(head)
      responses.push(response)
      const interim = response.status < 200 && response.status !== 101
      const method = methods[Math.min(finals, methods.length - 1)] ?? 'GET'
      if (!interim) finals++
      const next = interim ? skipBody(response, head.next) : readResponseBody(response, text, head.next, method, closed)
      if (next === undefined) return { responses, left: '', error: undefined }
      at = next
    }
    return { responses, left: '', error: undefined }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return { responses, left: text.slice(at), error: error.message }
  }
}

function readResponseHead(head: Head): SeenResponse {
  const eol = head.text.indexOf('\r\n')
  const line = eol === -1 ? head.text : head.text.slice(0, eol)
  const match = /^HTTP\/1\.[01] ([0-9]{3})(?: ([^\r\n\0]*))?$/.exec(line)
  if (match === null) throw new Malformed(`status line ${JSON.stringify(line.slice(0, 60))}`)
  if (head.end !== '\r\n\r\n') throw new Malformed('response head ends in a bare LF')
  const fields = readFields(eol === -1 ? '' : head.text.slice(eol + 2), 'response')
  return { status: Number(match[1]), fields, body: '', complete: false, framing: 'none' }
}

function skipBody(response: SeenResponse, next: number): number {
  response.complete = true
  return next
}

/** Position behind the response; undefined when the text ends in it. */
function readResponseBody(
  response: SeenResponse,
  text: string,
  at: number,
  method: string,
  closed: boolean,
): number | undefined {
  if (response.status === 101) {
    response.framing = 'tunnel'
    response.complete = true
    response.body = text.slice(at)
    return undefined
  }
  if (method === 'HEAD' || response.status === 204 || response.status === 304) return skipBody(response, at)
  const lengths = valuesOf(response.fields, 'content-length')
  const codings = valuesOf(response.fields, 'transfer-encoding')
  if (lengths.length > 0 && codings.length > 0) throw new Malformed('response with both framings')
  if (lengths.length > 1 || (lengths.length === 1 && !/^[0-9]{1,18}$/.test(lengths[0]!))) {
    throw new Malformed(`response Content-Length ${lengths.join(' | ')}`)
  }
  if (codings.length > 0) {
    response.framing = 'chunked'
    if (codings.length > 1 || codings[0]!.toLowerCase() !== 'chunked')
      throw new Malformed(`response coding ${codings.join()}`)
    const chunked = readChunked(text, at, 'response body')
    response.body = chunked?.body ?? text.slice(at)
    response.complete = chunked !== undefined
    return chunked?.next
  }
  if (lengths.length === 1) {
    response.framing = 'length'
    const next = at + Number(lengths[0])
    response.body = text.slice(at, next)
    response.complete = text.length >= next
    return response.complete ? next : undefined
  }
  response.framing = 'close'
  response.body = text.slice(at)
  response.complete = closed
  return undefined
}
