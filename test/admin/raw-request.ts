// One HTTP request to a server on a loopback address, with fields as given: fetch would choose Host and Origin itself, and these are
// what the tests are about.

import { sendRaw } from '../support/raw-request.ts'

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
  const { method = 'GET', target, body = '', fields = [`Host: ${address}`] } = request
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...fields,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  const from = host.startsWith('127.') ? '127.0.0.1' : host
  const answer = await sendRaw({ host, port: Number(port), from }, lines, body)
  return { ...answer, fields: new Map(answer.fields) }
}
