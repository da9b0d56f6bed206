// Room for exactly one: one connection and one request of each pool, one request that waits, one that retries, one request of a client.
// Whatever goes wrong with a request, the next one finds that room again, and the gateway counts nothing that is not there.

import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Line, startUpstream, type Upstream, until } from '../http1/wire.ts'
import { samplesOf } from '../observe/exposition-text.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

let upstream: Upstream
let room: Room
/** Changes with each reload, so that it is one. */
let generation = 0
/** Of requests that are answered well at their second try only. */
let turns = 0

beforeAll(async () => {
  upstream = await startUpstream(serve)
  room = new Room(await startGateway(routes('')))
})
afterAll(async () => {
  await room?.edge.close()
  await upstream?.close()
})

/** Requests say in their path how they want to be answered. */
async function serve(line: Line): Promise<void> {
  for (;;) {
    // message() is impatient; a connection may rest for as long as other rows take.
    await until(() => line.text !== '' || line.closed, 60_000)
    const { head, body } = await line.message()
    const [, path = ''] = head.split(' ')
    const act = path.slice(path.lastIndexOf('/') + 1)
    if (act === 'hang') await line.end(60_000)
    else if (act === 'reset') line.socket.resetAndDestroy()
    else if (act === 'late') {
      await sleep(60)
      line.write(answer('late'))
    } else if (act === 'second') line.write(turns++ % 2 === 0 ? answers['fails']! : answer(body))
    else line.write(answers[act] ?? answer(body))
    if (act === 'websocket') await line.end(60_000)
    if (act.startsWith('cut') || act === 'closing') {
      await sleep(20)
      line.socket.destroy()
    }
  }
}

function answer(body: string, status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const answers: Readonly<Record<string, string>> = {
  garbage: '220 smtp ready\r\n',
  cut: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
  'cut-head': 'HTTP/1.1 200 O',
  'cut-chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf',
  closing: answer('bye').replace('\r\n', '\r\nConnection: close\r\n'),
  fails: answer('', '503 Service Unavailable'),
  flood: 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100),
  twice: answer('one') + answer('two'),
  'interim-last': `${answer('one')}HTTP/1.1 103 Early Hints\r\n\r\n`,
  events:
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n',
  websocket: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  large: answer('x'.repeat(12_000_000)),
  'large-cut': `HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n${'x'.repeat(12_000_000)}`,
}

function routes(more: string): string {
  const pool = `http://127.0.0.1:${upstream.port}`
  const policy = `{ connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, http2MaxRequests: 1, maxRetries: 1 } } }`
  const services = ['plain', 'waiting', 'retried', 'delayed', 'dead']
  return `
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
limits: { requestsPerAddress: 1, bodyIdleTimeout: 150ms, writeStallTimeout: 200ms, connectTimeout: 300ms }
services:
  plain: { match: [{ uri: { prefix: /plain } }], timeout: 200ms, trafficPolicy: ${policy} }
  waiting: { match: [{ uri: { prefix: /waiting } }], trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } } }
  retried: { match: [{ uri: { prefix: /retried } }], trafficPolicy: ${policy}, retries: { attempts: 2, perTryTimeout: 80ms, retryOn: "5xx,reset,connect-failure" } }
  delayed: { match: [{ uri: { prefix: /delayed } }], trafficPolicy: ${policy}, fault: { delay: { fixedDelay: 80ms, percentage: 100% } } }
  dead: { match: [{ uri: { prefix: /dead } }], trafficPolicy: ${policy}, retries: { attempts: 2, retryOn: connect-failure } }
versions:
  v1: { ${services.map((name) => `${name}: "${name === 'dead' ? 'http://127.0.0.1:1' : pool}"`).join(', ')} }
  ${more}
stable: v1
`
}

function get(path: string, ...lines: readonly string[]): string {
  return `${[`GET ${path} HTTP/1.1`, 'Host: a', ...lines].join('\r\n')}\r\n\r\n`
}

function post(path: string, length: number, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`
}

const chunked = 'Host: a\r\nTransfer-Encoding: chunked'
const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']

class Room {
  readonly edge: StartedGateway
  readonly #clients: Line[] = []

  constructor(edge: StartedGateway) {
    this.edge = edge
  }

  client(text: string, host = 1): Line {
    const line = new Line(net.connect({ port: this.edge.port, host: '127.0.0.1', localAddress: `127.0.0.${host}` }))
    this.#clients.push(line)
    return line.write(text)
  }

  async gives(status: RegExp, text: string): Promise<void> {
    const head = await this.client(text).take(/HTTP\/1\.1 [2-5]\d\d/)
    expect(head.slice(-3)).toMatch(status)
  }

  async isCutOff(text: string): Promise<void> {
    await this.client(text).end()
  }

  async leave(text: string, afterMs: number, how: Farewell): Promise<void> {
    const line = this.client(text)
    await sleep(afterMs)
    if (how === 'reset') line.socket.resetAndDestroy()
    else {
      line.socket.end()
      await line.end()
    }
  }

  /** Takes nothing of the answer, and waits until it was given up. */
  async staresAt(path: string): Promise<void> {
    this.client(get(path)).socket.pause()
    await until(() => this.edge.records.at(-1)?.path === path)
  }

  /** Somebody has the only connection or request of a service while others, from other addresses, ask for it. */
  async whileTaken(
    service: string,
    act: string,
    play: (ask: (host: number) => Line) => Promise<unknown>,
  ): Promise<void> {
    const holder = this.client(get(`/${service}/${act}`))
    await sleep(15)
    await play((host: number) => this.client(get(`/${service}/ok`), host))
    if (act === 'late') await holder.take(/late/)
  }

  async empty(): Promise<void> {
    for (const { socket } of this.#clients.splice(0)) socket.resetAndDestroy()
    const counts = async (): Promise<readonly number[]> => {
      const text = await this.edge.gateway.metrics.text()
      return counted.map((name) => samplesOf(text, name).reduce((total, { value }) => total + value, 0))
    }
    await expect.poll(counts, { interval: 5, timeout: 3000 }).toEqual([0, 0, 0])
  }
}

const counted = ['graylane_requests_active', 'graylane_connections_open', 'graylane_long_connections']

type Farewell = 'reset' | 'end'

interface Row {
  readonly what: string
  readonly service?: string
  readonly play: () => Promise<unknown>
}

const rows: readonly Row[] = [
  ...['reset', 'garbage', 'cut-head', 'flood', 'hang'].map((act) => ({
    what: `no answer: ${act}`,
    play: () => room.gives(/50[24]/, get(`/plain/${act}`)),
  })),
  ...['cut', 'cut-chunk'].map((act) => ({
    what: `half an answer: ${act}`,
    play: () => room.isCutOff(get(`/plain/${act}`)),
  })),
  ...['closing', 'twice', 'interim-last'].map((act) => ({
    what: `an answer behind which the connection is no good: ${act}`,
    play: () => room.gives(/200/, get(`/plain/${act}`)),
  })),
  ...(['reset', 'end'] as const).flatMap((how): readonly Row[] => [
    { what: `a client that leaves before the answer: ${how}`, play: () => room.leave(get('/plain/hang'), 20, how) },
    {
      what: `a client that leaves in its body: ${how}`,
      play: () => room.leave(post('/plain/x', 9, 'abc'), 20, how),
    },
    { what: `a client that leaves its events: ${how}`, play: () => room.leave(get('/plain/events'), 20, how) },
    {
      what: `a client that leaves its websocket: ${how}`,
      play: () => room.leave(get('/plain/websocket', ...upgrade), 20, how),
    },
    {
      what: `a client that leaves between two tries: ${how}`,
      service: 'retried',
      play: () => room.leave(get('/retried/fails'), 8, how),
    },
    {
      what: `a client that leaves while it is held: ${how}`,
      service: 'delayed',
      play: () => room.leave(get('/delayed/ok'), 20, how),
    },
  ]),
  { what: 'a client that takes nothing of an answer', play: () => room.staresAt('/plain/large') },
  { what: 'one that takes nothing of half an answer', play: () => room.staresAt('/plain/large-cut') },
  { what: 'a body that stops coming', play: () => room.gives(/408/, post('/plain/x', 9, 'abc')) },
  {
    what: 'a body that turns out to be none',
    play: async () => {
      const line = room.client(`POST /plain/hang HTTP/1.1\r\n${chunked}\r\n\r\n3\r\nabc\r\n`)
      await sleep(20)
      await line.write('no size\r\n').take(/ 400 /)
    },
  },
  {
    what: 'a body that is none, while its request is held',
    service: 'delayed',
    play: () => room.gives(/400/, `POST /delayed/x HTTP/1.1\r\n${chunked}\r\n\r\nno size\r\n`),
  },
  { what: 'tries that all fail', service: 'retried', play: () => room.gives(/503/, get('/retried/fails')) },
  { what: 'tries that all break', service: 'retried', play: () => room.gives(/502/, get('/retried/reset')) },
  { what: 'tries that all last', service: 'retried', play: () => room.gives(/504/, get('/retried/hang')) },
  { what: 'an endpoint that refuses', service: 'none', play: () => room.gives(/503/, get('/dead/x')) },
  {
    what: 'a second request of one client',
    play: () => room.whileTaken('plain', 'late', (ask) => ask(1).take(/ 429 /)),
  },
  {
    what: 'a second request of a pool',
    play: () => room.whileTaken('plain', 'late', (ask) => ask(2).take(/ 503 /)),
  },
  {
    what: 'a request that waited for the connection',
    service: 'waiting',
    play: () => room.whileTaken('waiting', 'late', (ask) => ask(2).take(/ 200 /)),
  },
  {
    what: 'one that waited in vain',
    service: 'waiting',
    play: () => room.whileTaken('waiting', 'events', (ask) => ask(2).take(/ 503 /)),
  },
  {
    what: 'one more than may wait',
    service: 'waiting',
    play: () =>
      room.whileTaken('waiting', 'late', async (ask) => {
        const first = ask(2)
        await sleep(15)
        await ask(3).take(/ 503 /)
        await first.take(/ 200 /)
      }),
  },
  {
    what: 'a client that leaves while it waits',
    service: 'waiting',
    play: () =>
      room.whileTaken('waiting', 'late', async (ask) => {
        const first = ask(2)
        await sleep(15)
        first.socket.resetAndDestroy()
        await sleep(15)
        await ask(3).take(/ 200 /)
      }),
  },
]

describe('with a reload meanwhile, there is room for one again after', () => {
  const named = rows.map((row) => [row.what, row] as const)

  test.each(named)('%s', async (_, { service = 'plain', play }) => {
    const played = play()
    await sleep(4)
    await room.edge.reload(routes(`w${++generation}: { plain: "http://127.0.0.1:1" }`))
    await played
    await room.empty()
    if (service === 'none') return
    const act = service === 'retried' ? 'second' : 'ok'
    await room.client(get(`/${service}/${act}`).repeat(2)).take(/ 200 [^]* 200 /)
    await room.empty()
  })
})
