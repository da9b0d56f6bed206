// A backend whose every request says how it is to fail, as the backends of the conformance cases do; it counts what it met.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface FlakyBackend {
  readonly port: number
  readonly url: string
  /** Bodies of all requests, in order. */
  readonly heard: string[]
  /** Fields of all requests, likewise. */
  readonly fields: IncomingMessage['headers'][]
  close(): Promise<void>
}

/**
 * By fields of the request: `x-status: N` answers so; `x-fail-first: N` does so (503, or x-status) for the first N requests with that
 * x-id; `x-reset-first: N` breaks the connection off; `x-delay-ms: N` waits; `x-slow-first: N` waits a minute.
 */
export async function startFlakyBackend(name = 'flaky', port = 0): Promise<FlakyBackend> {
  const heard: string[] = []
  const fields: IncomingMessage['headers'][] = []
  const counts = new Map<string, number>()
  const server = createServer((request, response) => void play(request, response).catch(() => {}))

  async function play(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = (field: string): number => Number(request.headers[field] ?? 0)
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    heard.push(body)
    fields.push(request.headers)
    const id = String(request.headers['x-id'] ?? '')
    const count = (counts.get(id) ?? 0) + 1
    counts.set(id, count)
    if (count <= asked('x-reset-first')) return void request.socket.destroy()
    if (count <= asked('x-slow-first')) await sleep(60_000, undefined, { ref: false })
    await sleep(asked('x-delay-ms'))
    const failing = asked('x-fail-first') === 0 || count <= asked('x-fail-first')
    const status = failing ? asked('x-status') || (asked('x-fail-first') > 0 ? 503 : 200) : 200
    const ratelimited = request.headers['x-limited'] === undefined ? {} : { 'x-envoy-ratelimited': 'true' }
    response.writeHead(status, { 'content-type': 'text/plain', 'x-name': name, ...ratelimited })
    response.end(`${name} ${count} ${body}`)
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const bound = (server.address() as AddressInfo).port
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}`,
    heard,
    fields,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
