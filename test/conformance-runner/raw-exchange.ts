// One request on a new connection, its head written byte by byte as the case has it, and the answer read to its end.

import { connect } from 'node:net'
import type { CaseRequest, Pair } from './case.ts'

export interface RawAnswer {
  /** 0: the connection ended without an answer. */
  readonly status: number
  /** Names in lower case. */
  readonly headers: readonly Pair[]
  readonly body: string
  readonly elapsedMs: number
}

const limitMs = 10_000

function headOf(request: CaseRequest): Buffer {
  const { method, path, host, headers, body } = request
  let head = `${method} ${path} HTTP/1.1\r\n`
  if (host !== null) head += `Host: ${host}\r\n`
  for (const [name, value] of headers) head += `${name}: ${value}\r\n`
  const holdsLength = headers.some(([name]) => name.toLowerCase() === 'content-length')
  if (body !== undefined && !holdsLength) head += `Content-Length: ${Buffer.byteLength(body)}\r\n`
  return Buffer.from(`${head}\r\n${body ?? ''}`, 'utf8')
}

export function exchange(port: number, localAddress: string, request: CaseRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true })
    const pieces: Buffer[] = []
    const finish = (ended: boolean): void => {
      const answer = parseAnswer(Buffer.concat(pieces), request.method, ended)
      if (answer === undefined) return
      socket.removeAllListeners('close')
      socket.destroy()
      resolve({ ...answer, elapsedMs: performance.now() - startedAt })
    }
    socket.setTimeout(limitMs, () => socket.destroy(new Error(`no whole answer within ${limitMs} ms`)))
    socket.on('connect', () => socket.write(headOf(request)))
    socket.on('data', (bytes: Buffer) => {
      pieces.push(bytes)
      finish(false)
    })
    socket.on('close', () => finish(true))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') finish(true)
      else reject(error)
    })
  })
}

/** Undefined while the answer is not whole. Interim answers are passed over. */
function parseAnswer(bytes: Buffer, method: string, ended: boolean): Omit<RawAnswer, 'elapsedMs'> | undefined {
  const text = bytes.toString('latin1')
  let at = 0
  for (;;) {
    const headEnd = text.indexOf('\r\n\r\n', at)
    if (headEnd === -1) return ended ? { status: 0, headers: [], body: '' } : undefined
    const [line = '', ...fields] = text.slice(at, headEnd).split('\r\n')
    const status = Number(line.split(' ')[1])
    const headers = fields.map((field): Pair => {
      const colon = field.indexOf(':')
      const value = field.slice(colon + 1).trim()
      return [field.slice(0, colon).toLowerCase(), Buffer.from(value, 'latin1').toString('utf8')]
    })
    at = headEnd + 4
    if (status >= 100 && status < 200 && status !== 101) continue
    const body = bodyOf(text, at, headers, method === 'HEAD' || status === 204 || status === 304, ended)
    return body === undefined ? undefined : { status, headers, body: Buffer.from(body, 'latin1').toString('utf8') }
  }
}

function bodyOf(
  text: string,
  at: number,
  headers: readonly Pair[],
  hasNone: boolean,
  ended: boolean,
): string | undefined {
  if (hasNone) return ''
  const field = (name: string): string | undefined => headers.find((header) => header[0] === name)?.[1]
  if (field('transfer-encoding') === 'chunked') return chunkedBody(text, at)
  const length = field('content-length')
  if (length === undefined) return ended ? text.slice(at) : undefined
  const end = at + Number(length)
  return text.length >= end || ended ? text.slice(at, end) : undefined
}

function chunkedBody(text: string, from: number): string | undefined {
  let body = ''
  let at = from
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (size === 0) return text.includes('\r\n', lineEnd + 2) ? body : undefined
    if (text.length < lineEnd + 4 + size) return undefined
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 4 + size
  }
}
