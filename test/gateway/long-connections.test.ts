// WebSockets and event streams at a switch: kept, or ended between two messages within the time that their service allows.

import { createServer, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { samplesOf } from '../observe/exposition-text.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

let edge: StartedGateway
let backend: Backend

beforeEach(async () => {
  backend = await startBackend()
})
afterEach(async () => {
  await edge.close()
  await backend.close()
})

describe('a service that ends them within half a second', () => {
  beforeEach(() => start('{ closeWithin: 500ms }'))

  it('closes its WebSockets with 1012 when their version drains, each message whole', async () => {
    const socket = await openSocket()
    const messages: number[] = []
    socket.on('message', (data: Buffer) => messages.push(data.length))
    backend.flood(100_000)
    await expect.poll(() => messages.length).toBeGreaterThan(3)
    const closed = closeOf(socket)
    await change({ stable: 'v2', draining: ['v1'] })
    expect(await closed).toBe(1012)
    expect(new Set(messages)).toEqual(new Set([100_000]))
  })

  it('closes idle ones too, and the backend sees a due end', async () => {
    const socket = await openSocket()
    const closed = closeOf(socket)
    await change({ stable: 'v2', draining: ['v1'] })
    expect(await closed).toBe(1012)
    await expect.poll(() => backend.closes).toEqual([1012])
  })

  it('ends streams of events behind a whole event, as if they were whole', async () => {
    const stream = await openStream('/events')
    backend.events('data: one\n\ndata: tw')
    await expect.poll(() => stream.text).toContain('tw')
    await change({ stable: 'v2', draining: ['v1'] })
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(stream.ended).toBe(undefined)
    backend.events('o\n\ndata: three\n\n')
    await expect.poll(() => stream.ended).toBe('whole')
    expect(stream.text).toBe('data: one\n\ndata: two\n\n')
  })

  it('leaves other long answers alone: a download that ended early would be taken for whole', async () => {
    const stream = await openStream('/download')
    await change({ stable: 'v2', draining: ['v1'] })
    await new Promise((resolve) => setTimeout(resolve, 700))
    backend.events('the rest')
    backend.end()
    await expect.poll(() => stream.ended).toBe('whole')
    expect(stream.text).toContain('the rest')
  })

  it.each([
    ['its version has gone', { stable: 'v2', versions: ['v2'] }],
    ['the epoch was raised', { pin: '{ epoch: 2 }' }],
  ])('ends them when %s', async (_, routes) => {
    const socket = await openSocket()
    const closed = closeOf(socket)
    await change(routes)
    expect(await closed).toBe(1012)
  })

  it('keeps them through a reload after which their version still draws', async () => {
    const socket = await openSocket()
    await change({ gray: '[{ version: v2, share: 50% }]' })
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(socket.readyState).toBe(WebSocket.OPEN)
    socket.terminate()
  })

  it('keeps those whose time has not come when the switch is taken back', async () => {
    const sockets = await Promise.all(Array.from({ length: 12 }, () => openSocket()))
    await change({ stable: 'v2', draining: ['v1'] })
    await change({ stable: 'v1' })
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(sockets.some(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true)
    for (const socket of sockets) socket.terminate()
  })

  it('keeps those that were opened after the switch: an open page of an old version still needs them', async () => {
    const cookie = await pinOf()
    await change({ stable: 'v2', draining: ['v1'] })
    const socket = await openSocket(cookie)
    await change({ stable: 'v2', draining: ['v1'], gray: '[{ version: v2, share: 1% }]' })
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(socket.readyState).toBe(WebSocket.OPEN)
    socket.terminate()
  })

  it('counts them by version', async () => {
    const socket = await openSocket()
    const stream = await openStream('/events')
    expect(await counted()).toEqual({ 'app v1 websocket': 1, 'app v1 stream': 1 })
    socket.terminate()
    stream.leave()
    await expect.poll(counted, { timeout: 10_000 }).toEqual({})
  })
})

describe('a service that says nothing', () => {
  beforeEach(() => start('keep'))

  it('keeps them over a switch', async () => {
    const socket = await openSocket()
    await change({ stable: 'v2', versions: ['v2'] })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(socket.readyState).toBe(WebSocket.OPEN)
    expect(await counted()).toEqual({ 'app v1 websocket': 1 })
    socket.terminate()
  })
})

// --- the stage -------------------------------------------------------------------------------------------------------------------------

interface Routes {
  readonly stable?: string
  readonly versions?: readonly string[]
  readonly draining?: readonly string[]
  readonly gray?: string
  readonly pin?: string
}

let onSwitch = 'keep'

function routes({ stable = 'v1', versions = ['v1', 'v2'], draining = [], gray = '[]', pin = '{}' }: Routes): string {
  return `listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: { onSwitch: ${onSwitch} } }
versions: { ${versions.map((version) => `${version}: { app: "${backend.url}" }`).join(', ')} }
stable: ${stable}
draining: [${draining.join(', ')}]
gray: ${gray}
pin: ${pin}
accessLog: off
`
}

async function start(said: string): Promise<void> {
  onSwitch = said
  edge = await startGateway(routes({}))
}

function change(changed: Routes): Promise<void> {
  return edge.reload(routes(changed))
}

function address(): string {
  return `127.0.0.1:${edge.port}`
}

/** The cookie of a page load; fetch would say that it is none. */
function pinOf(): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`http://${address()}/`, { headers: { accept: 'text/html' }, agent: false }, (answer) => {
      resolve(answer.resume().headers['set-cookie']![0]!.split(';')[0]!)
    }).on('error', reject)
  })
}

async function openSocket(cookie?: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${address()}/socket`, { headers: { cookie: cookie ?? (await pinOf()) } })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return socket
}

function closeOf(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => socket.once('close', resolve))
}

interface Stream {
  readonly text: string
  readonly ended: 'whole' | 'broken' | undefined
  leave(): void
}

async function openStream(path: string): Promise<Stream> {
  const leaving = new AbortController()
  const headers = { cookie: await pinOf() }
  const answer = await fetch(`http://${address()}${path}`, { headers, signal: leaving.signal })
  const stream: { text: string; ended: Stream['ended']; leave(): void } = {
    text: '',
    ended: undefined,
    leave: () => leaving.abort(),
  }
  const read = async (): Promise<void> => {
    for await (const chunk of answer.body!) stream.text += Buffer.from(chunk).toString()
  }
  void read().then(
    () => (stream.ended = 'whole'),
    () => (stream.ended = 'broken'),
  )
  return stream
}

async function counted(): Promise<Record<string, number>> {
  const samples = samplesOf(await edge.gateway.metrics.text(), 'graylane_long_connections')
  return Object.fromEntries(
    samples.map(({ labels, value }) => [`${labels['service']} ${labels['version']} ${labels['kind']}`, value]),
  )
}

interface Backend {
  readonly url: string
  /** Codes by which its sockets were closed. */
  readonly closes: readonly number[]
  /** Sends messages of that length until the end. */
  flood(length: number): void
  /** Writes to the last stream. */
  events(text: string): void
  end(): void
  close(): Promise<void>
}

async function startBackend(): Promise<Backend> {
  let last: ServerResponse | undefined
  const closes: number[] = []
  const server = createServer((request, response) => {
    if (request.url === '/') return void response.setHeader('content-type', 'text/html').end('page')
    last = response
    const type = request.url === '/events' ? 'text/event-stream' : 'application/octet-stream'
    response.writeHead(200, { 'content-type': type }).flushHeaders()
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('close', (code) => closes.push(code)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    closes,
    flood(length) {
      for (const socket of sockets.clients) {
        const send = (): void => {
          if (socket.readyState === socket.OPEN) socket.send(Buffer.alloc(length), () => setTimeout(send, 5))
        }
        send()
      }
    },
    events: (text) => void last!.write(text),
    end: () => void last!.end(),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
