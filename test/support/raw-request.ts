// One HTTP/1.1 request as bytes over a connection of its own, from a chosen loopback address, and the answer until the end of it.
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
  const bytes = await exchange(target, Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1'))
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) throw new Error(`no answer to ${lines[0]}: ${JSON.stringify(text.slice(0, 200))}`)
  const [statusLine = '', ...fieldLines] = text.slice(0, end).split('\r\n')
  const fields = fieldLines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  const rest = text.slice(end + 4)
  const chunked = fields.some(([name, value]) => name === 'transfer-encoding' && value === 'chunked')
  return { status: Number(statusLine.split(' ')[1]), fields, body: chunked ? joinChunks(rest) : rest }
}

function exchange({ host, port, from }: RawTarget, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ host, port, localAddress: from }, () => socket.write(request))
    socket.setTimeout(10_000, () => socket.destroy(new Error('no end of the answer within 10 s')))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('end', () => socket.end())
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
}

function joinChunks(text: string): string {
  let joined = ''
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (lineEnd === -1 || Number.isNaN(size)) throw new Error('the chunked body is cut off')
    if (size === 0) return joined
    joined += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}
