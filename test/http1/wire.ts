// Both ends of a proxy as bytes: a raw client, and an upstream whose every connection is played by a function.

import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PlainProxy, PlainProxyOptions } from './plain-proxy.ts'
import { endpointOf, startPlainProxy } from './plain-proxy.ts'

/** How long a test waits for what has to happen: a machine that others use may stall for seconds, and no test runs for half a minute. */
export const patienceMs = 15_000

/** A connection that keeps what came and lets a test wait for more. */
export class Line {
  readonly socket: net.Socket
  text = ''
  /** The other side ended, or the connection is gone. */
  ended = false
  closed = false
  reset = false

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1')
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', () => {
      this.reset = true
    })
    socket.on('close', () => {
      this.ended = true
      this.closed = true
    })
  }

  write(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** Takes what matches off the text; waits for it. */
  async take(pattern: RegExp, withinMs = patienceMs): Promise<string> {
    await until(
      () => pattern.test(this.text) || this.ended,
      withinMs,
      () => `${pattern} in ${JSON.stringify(this.text)}`,
    )
    const match = pattern.exec(this.text)
    if (match === null) throw new Error(`ended before ${pattern}: ${JSON.stringify(this.text.slice(0, 500))}`)
    this.text = this.text.slice(match.index + match[0].length)
    return match[0]
  }

  /** A message with a Content-Length (or none), off the text: whole, or what came of it before the other side ended. */
  async message(): Promise<{ head: string; body: string }> {
    const head = await this.take(/^[^]*?\r\n\r\n/)
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    await until(() => this.text.length >= length || this.ended)
    const body = this.text.slice(0, length)
    this.text = this.text.slice(length)
    return { head, body }
  }

  async end(withinMs = patienceMs): Promise<string> {
    await until(
      () => this.ended,
      withinMs,
      () => `end after ${JSON.stringify(this.text.slice(0, 300))}`,
    )
    return this.text
  }
}

export async function until(test: () => boolean, withinMs = patienceMs, what?: () => string): Promise<void> {
  const end = performance.now() + withinMs
  while (!test()) {
    if (performance.now() > end) throw new Error(`still waiting for ${what?.() ?? test.toString()}`)
    await sleep(2)
  }
}

export function connect(port: number): Line {
  return new Line(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }))
}

export type Script = (line: Line, connection: number) => void | Promise<void>

export interface Upstream {
  readonly port: number
  readonly lines: Line[]
  /** Connections that are open now. */
  open(): number
  close(): Promise<void>
}

/** An upstream that lets `script` play each of its connections, counted from 0. */
export async function startUpstream(script: Script, port = 0): Promise<Upstream> {
  const lines: Line[] = []
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const line = new Line(socket)
    lines.push(line)
    socket.on('end', () => socket.end())
    void Promise.resolve(script(line, lines.length - 1)).catch(() => undefined)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const line of lines) line.socket.destroy()
    })
  const open = (): number => lines.filter((line) => !line.closed).length
  return { port: (server.address() as net.AddressInfo).port, lines, open, close }
}

/** Answers every request with what `reply` makes of its head and body. */
export function answering(reply: (head: string, body: string) => string): Script {
  return async (line) => {
    for (;;) {
      const { head, body } = await line.message()
      line.write(reply(head, body))
    }
  }
}

export function ok(body: string, more = ''): string {
  return `HTTP/1.1 200 OK\r\n${more}Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`
}

export interface Stage {
  readonly upstream: Upstream
  readonly proxy: PlainProxy
  client(): Line
  /** Everything is closed and every count is back at zero. */
  strike(): Promise<void>
}

/** An upstream and a proxy in front of it. */
export async function stage(script: Script, options: Partial<PlainProxyOptions> = {}): Promise<Stage> {
  const upstream = await startUpstream(script)
  const proxy = await startPlainProxy({ endpoints: [endpointOf(upstream.port)], ...options })
  const clients: Line[] = []
  return {
    upstream,
    proxy,
    client: () => {
      const line = connect(proxy.port)
      clients.push(line)
      return line
    },
    strike: async () => {
      for (const line of clients) line.socket.destroy()
      await proxy.close()
      await upstream.close()
      const { server, upstreams } = proxy
      const key = endpointOf(upstream.port).key
      const counts = [server.openConnections, server.activeRequests, upstreams.inFlight(key)]
      if (counts.some((count) => count !== 0)) throw new Error(`left behind: ${counts.join()}`)
    },
  }
}
