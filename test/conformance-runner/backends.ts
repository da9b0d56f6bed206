// The backends that a case asks for: one for each endpoint, each tells who it is and writes down what it got.

import { STATUS_CODES } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Pair } from './case.ts'

export interface Received {
  readonly endpoint: string
  readonly method: string
  /** As it came: a rewrite may make targets that HTTP libraries refuse. */
  readonly path: string
  readonly authority: string
  /** In order, without Host, names in lower case. */
  readonly headers: readonly Pair[]
  readonly body: string
}

export interface Backends {
  /** `address:port` of the manifests to the one that listens. */
  readonly resolve: ReadonlyMap<string, string>
  /** What was received since the last call, in order. */
  take(): readonly Received[]
  /** Resolves when so many were received, or after the time is over. */
  wait(count: number, limitMs: number): Promise<void>
  close(): Promise<void>
}

export async function startBackends(endpoints: readonly string[]): Promise<Backends> {
  let received: Received[] = []
  let onReceived: (() => void) | undefined
  const attempts = new Map<string, number>()
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  const resolve = new Map<string, string>()
  for (const endpoint of endpoints) {
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => undefined)
      serve(socket, endpoint, (got) => {
        received.push(got)
        onReceived?.()
        answer(got, socket, attempts)
      })
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    servers.push(server)
    resolve.set(endpoint, `127.0.0.1:${(server.address() as AddressInfo).port}`)
  }
  return {
    resolve,
    take() {
      const taken = received
      received = []
      return taken
    },
    async wait(count, limitMs) {
      const end = performance.now() + limitMs
      while (received.length < count && performance.now() < end) {
        await new Promise<void>((done) => {
          onReceived = done
          setTimeout(done, Math.max(1, end - performance.now()))
        })
      }
      onReceived = undefined
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
    },
  }
}

/** Reads requests off a connection, one after the other. The proxy sends well-formed ones, with targets of any kind. */
function serve(socket: Socket, endpoint: string, take: (got: Received) => void): void {
  let pending = ''
  socket.on('data', (bytes: Buffer) => {
    pending += bytes.toString('latin1')
    for (;;) {
      const headEnd = pending.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const [line = '', ...fields] = pending.slice(0, headEnd).split('\r\n')
      const headers = fields.map((field): Pair => {
        const colon = field.indexOf(':')
        return [field.slice(0, colon).toLowerCase(), utf8(field.slice(colon + 1).trim())]
      })
      const body = readBody(pending, headEnd + 4, headers)
      if (body === undefined) return
      pending = pending.slice(body.end)
      const [method = '', path = ''] = line.split(' ')
      const authority = headers.find(([name]) => name === 'host')?.[1] ?? ''
      take({
        endpoint,
        method,
        path: utf8(path),
        authority,
        headers: headers.filter(([name]) => name !== 'host'),
        body: utf8(body.text),
      })
    }
  })
}

/** Undefined while it is not whole. */
function readBody(text: string, at: number, headers: readonly Pair[]): { text: string; end: number } | undefined {
  const field = (name: string): string | undefined => headers.find((header) => header[0] === name)?.[1]
  if (field('transfer-encoding') === undefined) {
    const end = at + Number(field('content-length') ?? 0)
    return text.length < end ? undefined : { text: text.slice(at, end), end }
  }
  let body = ''
  for (let from = at; ;) {
    const lineEnd = text.indexOf('\r\n', from)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(text.slice(from, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (text.length < end) return undefined
    if (size === 0) return { text: body, end }
    body += text.slice(lineEnd + 2, end - 2)
    from = end
  }
}

/** The corpus holds texts, the wire bytes. */
function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

function answer(got: Received, socket: Socket, attempts: Map<string, number>): void {
  const steer = (name: string): string | undefined => got.headers.find((header) => header[0] === name)?.[1]
  const status = statusOf(steer, attempts)
  const body = got.method === 'HEAD' ? '' : JSON.stringify(got)
  const pairs = (steer('x-echo-response-headers') ?? '').split(';').flatMap((pair) => {
    const equals = pair.indexOf('=')
    return equals === -1 ? [] : [`${pair.slice(0, equals).trim()}: ${pair.slice(equals + 1).trim()}\r\n`]
  })
  const head =
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Status'}\r\nserver: echo\r\ncontent-type: application/json\r\n` +
    `${pairs.join('')}content-length: ${Buffer.byteLength(JSON.stringify(got))}\r\n\r\n`
  const send = (): void => void socket.write(head + body)
  const delayMs = Number(steer('x-echo-delay-ms') ?? 0)
  if (delayMs > 0) setTimeout(send, delayMs)
  else send()
}

/** Attempts of one request bear one x-request-id. */
function statusOf(steer: (name: string) => string | undefined, attempts: Map<string, number>): number {
  const failFirst = steer('x-echo-fail-first')
  if (failFirst !== undefined) {
    const id = steer('x-request-id') ?? ''
    const attempt = (attempts.get(id) ?? 0) + 1
    attempts.set(id, attempt)
    if (attempt <= Number(failFirst)) return 503
  }
  return Number(steer('x-echo-status') ?? 200)
}
