// HTTP/1.1 requests as bytes over a connection of their own, from a chosen loopback address, and the answers until the end of it.
// Nothing is added, folded or repaired, so a test can send what no client library would.

import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** Names in lower case, in the order of the answer. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Without chunked framing; behind a 101 whatever came until the end. */
  readonly body: string
}

export interface RawTarget {
  readonly host: string
  readonly port: number
  /** Source address; any of 127.0.0.0/8. */
  readonly from: string
}

/** Sends the head lines and the body as they are (latin1) and reads until the server closes: ask for `Connection: close`. */
export async function sendRaw(target: RawTarget, lines: readonly string[], body = ''): Promise<RawAnswer> {
  const text = (await exchange(target, requestBytes(lines, body), false)).toString('latin1')
  const { answer, end } = answerHead(text, 0, lines[0]!)
  const rest = text.slice(end)
  return { ...answer, body: isChunked(answer) ? joinChunks(rest).body : rest }
}

/**
 * Sends the same request so many times at once, then ends its side. Only for answers that say how long they are; fewer come where one of
 * them ends the connection.
 */
export async function sendRepeatedly(
  target: RawTarget,
  lines: readonly string[],
  body: string,
  times: number,
): Promise<RawAnswer[]> {
  const request = requestBytes(lines, body)
  const text = (await exchange(target, Buffer.concat(Array.from({ length: times }, () => request)), true)).toString(
    'latin1',
  )
  const asksHead = lines[0]!.startsWith('HEAD ')
  const answers: RawAnswer[] = []
  for (let at = 0, last = false; answers.length < times && !last;) {
    const { answer, end } = answerHead(text, at, `${lines[0]}, sent the ${answers.length + 1}. time`)
    const { body: came, length } = asksHead ? nothing : bodyOf(answer, text.slice(end))
    answers.push({ ...answer, body: came })
    at = end + length
    last = answer.fields.some(([name, value]) => name === 'connection' && value === 'close')
  }
  return answers
}

function requestBytes(lines: readonly string[], body: string): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1')
}

function answerHead(text: string, at: number, request: string): { readonly answer: RawAnswer; readonly end: number } {
  const end = text.indexOf('\r\n\r\n', at)
  if (end === -1) throw new Error(`no answer to ${request}: ${JSON.stringify(text.slice(at, at + 200))}`)
  const [statusLine = '', ...fieldLines] = text.slice(at, end).split('\r\n')
  const fields = fieldLines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return { answer: { status: Number(statusLine.split(' ')[1]), fields, body: '' }, end: end + 4 }
}

function isChunked({ fields }: RawAnswer): boolean {
  return fields.some(([name, value]) => name === 'transfer-encoding' && value === 'chunked')
}

const nothing = { body: '', length: 0 }

function bodyOf(answer: RawAnswer, text: string): { readonly body: string; readonly length: number } {
  if (answer.status === 204 || answer.status === 304) return nothing
  if (isChunked(answer)) return joinChunks(text)
  const length = Number(answer.fields.find(([name]) => name === 'content-length')![1])
  return { body: text.slice(0, length), length }
}

function exchange({ host, port, from }: RawTarget, request: Buffer, ends: boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ host, port, localAddress: from, allowHalfOpen: true }, () => {
      socket.write(request)
      if (ends) socket.end()
    })
    socket.setTimeout(10_000, () => socket.destroy(new Error('no end of the answer within 10 s')))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('end', () => socket.end())
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
}

/** The data of a chunked body, and where its last chunk ends. Throws when it is cut off. */
export function joinChunks(text: string): { readonly body: string; readonly length: number } {
  let body = ''
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (lineEnd === -1 || Number.isNaN(size)) throw new Error('the chunked body is cut off')
    at = lineEnd + 2 + size + 2
    if (size === 0) return { body, length: at }
    body += text.slice(lineEnd + 2, at - 2)
  }
}
