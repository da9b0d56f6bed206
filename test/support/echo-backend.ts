// A backend that says who it is and what it was asked, so that a test sees which version answered and what reached it.
// The request steers the answer: `x-echo-FIELD: value` comes back as the field FIELD, `x-echo-status` as the status, and the versions of
// `x-missing: v1 v2` say 404 (or `x-missing-as: STATUS TYPE`).

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'

/** The body of each answer. */
export interface Echo {
  readonly service: string
  readonly version: string
  readonly method: string
  readonly url: string
  /** Name and value of each line, as it came. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

export interface EchoBackend {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** Listens at once. Port 0 is the kernel's choice. */
export async function startEchoBackend(
  service: string,
  version: string,
  address = '127.0.0.1',
  port = 0,
): Promise<EchoBackend> {
  const server = createServer((request, response) => void answer(service, version, request, response))
  server.on('upgrade', (request, socket) => switchProtocols(service, version, request, socket))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://${address}:${bound}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  service: string,
  version: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let body = ''
  try {
    for await (const chunk of request.setEncoding('utf8')) body += chunk
  } catch {
    // Nobody waits for the answer to a request that was cut off.
    return
  }
  if (
    String(request.headers['x-missing'] ?? '')
      .split(' ')
      .includes(version)
  ) {
    const [status = '404', type = 'text/plain'] = String(request.headers['x-missing-as'] ?? '404').split(' ')
    response.writeHead(Number(status), { 'content-type': type }).end(`not in ${version}`)
    return
  }
  response.statusCode = Number(request.headers['x-echo-status'] ?? 200)
  response.setHeader('content-type', 'application/json')
  for (const [name, value] of fieldsOf(request)) {
    const asked = /^x-echo-(?!status$)(.+)$/i.exec(name)?.[1]
    if (asked?.toLowerCase() === 'set-cookie') response.appendHeader(asked, value)
    else if (asked !== undefined) response.setHeader(asked, value)
  }
  response.end(JSON.stringify(echoOf(service, version, request, body)))
}

/** Switches to a protocol of one message: the echo, then the end. */
function switchProtocols(service: string, version: string, request: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => {})
  const echo = JSON.stringify(echoOf(service, version, request, ''))
  socket.end(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${request.headers.upgrade}\r\nConnection: Upgrade\r\n\r\n${echo}`,
  )
}

function echoOf(service: string, version: string, request: IncomingMessage, body: string): Echo {
  const { method = '', url = '' } = request
  return { service, version, method, url, fields: fieldsOf(request), body }
}

function fieldsOf(request: IncomingMessage): readonly (readonly [name: string, value: string])[] {
  const { rawHeaders } = request
  return Array.from({ length: rawHeaders.length / 2 }, (_, i) => [rawHeaders[2 * i]!, rawHeaders[2 * i + 1]!] as const)
}
