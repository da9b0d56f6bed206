// One HTTP request as bytes: fetch would choose Host and Origin itself, and these are what the tests are about.

import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Answer {
  readonly status: number
  readonly fields: ReadonlyMap<string, string>
  readonly body: string
}

export interface RawRequest {
  readonly method?: string
  readonly target: string
  /** Sent as given, Host too; `Connection: close` and Content-Length are added. */
  readonly fields?: readonly string[]
  readonly body?: string
}

/** `address` is `host:port` of an IPv4 address. */
export async function rawRequest(address: string, request: RawRequest): Promise<Answer> {
  const [host, port] = address.split(':') as [string, string]
  const socket = connect(Number(port), host)
  const fields = request.fields ?? [`Host: ${address}`]
  const length = request.body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(request.body)}`]
  const head = [`${request.method ?? 'GET'} ${request.target} HTTP/1.1`, ...fields, ...length, 'Connection: close']
  socket.end(`${head.join('\r\n')}\r\n\r\n${request.body ?? ''}`)
  return parse(await text(socket))
}

function parse(answer: string): Answer {
  const end = answer.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = answer.slice(0, end).split('\r\n')
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(statusLine.split(' ')[1]), fields: new Map(fields), body: answer.slice(end + 4) }
}
