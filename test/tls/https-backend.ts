// An HTTPS server that a function answers for, or that a script plays byte by byte, with a count of its connections and requests.

import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import type { Endpoint } from '../../src/proxy/exchange.ts'
import type { Limits } from '../../src/proxy/http1/limits.ts'
import { startPlainProxy } from '../http1/plain-proxy.ts'
import { connect, Line } from '../http1/wire.ts'
import type { Pair } from './authority.ts'

export interface HttpsBackend {
  readonly port: number
  readonly server: tls.Server
  /** Handshakes that were finished. */
  readonly sockets: readonly tls.TLSSocket[]
  readonly requests: () => number
  close(): void
}

export async function startHttpsBackend(
  pair: Pair,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  options: tls.TlsOptions = {},
): Promise<HttpsBackend> {
  const server = https.createServer({ ...(await pemOf(pair)), ...options })
  let requests = 0
  server.on('request', (request, response) => {
    requests++
    answer(request, response)
  })
  return listen(server, () => requests)
}

/** `script` plays each connection once its handshake is done. */
export async function startTlsScript(
  pair: Pair,
  script: (line: Line, connection: number) => void | Promise<void>,
): Promise<HttpsBackend> {
  let connections = 0
  const server = tls.createServer({ ...(await pemOf(pair)), allowHalfOpen: true }, (socket) => {
    socket.on('end', () => socket.end())
    void Promise.resolve(script(new Line(socket), connections++)).catch(() => undefined)
  })
  return listen(server, () => 0)
}

async function listen(server: tls.Server, requests: () => number): Promise<HttpsBackend> {
  const sockets: tls.TLSSocket[] = []
  server.on('secureConnection', (socket) => sockets.push(socket))
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port: (server.address() as AddressInfo).port, server, sockets, requests, close }
}

/** Answers with what it was asked. */
export function echo(request: IncomingMessage, response: ServerResponse): void {
  let body = ''
  request.setEncoding('latin1')
  request.on('data', (part: string) => (body += part))
  request.on('end', () => {
    const { method, url, rawHeaders } = request
    const { servername } = request.socket as tls.TLSSocket
    response.end(JSON.stringify({ method, url, rawHeaders, servername, body }))
  })
}

export interface Echoed {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly servername: string
  readonly body: string
}

export function echoedIn(answer: string): Echoed {
  return JSON.parse(Buffer.from(/\{.*\}/s.exec(answer)![0], 'latin1').toString()) as Echoed
}

/** Where to reach it under a name. */
export function secureEndpoint(port: number, serverName = 'app.test', address = '127.0.0.1'): Endpoint {
  return { key: `${serverName}:${port}@${address}`, address, port, serverName }
}

/** A proxy in front of a backend, both ended with the block. */
export async function proxyTo(
  backend: HttpsBackend,
  { limits = {}, timeoutMs = 5000 }: { limits?: Partial<Limits>; timeoutMs?: number } = {},
) {
  const proxy = await startPlainProxy({ endpoints: [secureEndpoint(backend.port)], limits, timeoutMs })
  return Object.assign(proxy, {
    async [Symbol.asyncDispose]() {
      await proxy.close()
      backend.close()
    },
  })
}

/** Sends the head lines and a body; the whole answer of a connection that closes behind it. */
export async function askPlain(port: number, lines: readonly string[], body = ''): Promise<string> {
  const line = connect(port)
  line.write(`${[...lines, 'Host: app.test', 'Connection: close'].join('\r\n')}\r\n\r\n${body}`)
  const text = await line.end(10_000)
  line.socket.destroy()
  return text
}

async function pemOf({ cert, key }: Pair): Promise<{ cert: Buffer; key: Buffer }> {
  return { cert: await readFile(cert), key: await readFile(key) }
}
