// Requests over one connection with the fields of the one before: what was worked out of these is used again (last-visit.ts, and
// RequestMessage.repeats). Nobody may notice: each request is answered, sent on and recorded as over a connection of its own.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RequestRecord } from '../../src/observe/record.ts'
import { connect, type Line } from '../http1/wire.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

const start = 1_800_000_000
const page = 'Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nAccept: text/html\r\n'
const part = 'Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nAccept: */*\r\n'

let backends: EchoBackend[]
let edge: StartedGateway
/** The clock of the gateway. */
let now = start

beforeAll(async () => {
  backends = await Promise.all(['v1', 'v2', 'v3'].map((version) => startEchoBackend('app', version)))
  edge = await startGateway(
    routes(),
    { nowSeconds: () => now, randomBytes: (size) => new Uint8Array(size).fill(7) },
    { 'pin.key': 'a key for pins, of 32 bytes and more' },
  )
})
beforeEach(async () => {
  now = start
  await edge.reload(routes())
})
afterAll(async () => {
  await edge.close()
  await Promise.all(backends.map((backend) => backend.close()))
})

function routes({ gray = '', stable = 'v1', beta = 'uri: { prefix: /beta/ }' } = {}): string {
  const [v1, v2, v3] = backends.map(({ url }) => url)
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
trust: [127.0.0.0/8]
services:
  told: { match: [{ uri: { prefix: /told/ } }], headers: { request: { set: { x-path: "%REQ(:PATH)%" } } } }
  moved: { match: [{ uri: { prefix: /moved/ } }], rewrite: { uri: /here/ } }
  away: { match: [{ uri: { prefix: /away/ } }], redirect: { uri: /there } }
  app: /
versions:
  v1: { app: "${v1}", told: "${v1}", moved: "${v1}" }
  v2: { app: "${v2}", told: "${v2}", moved: "${v2}" }
  v3: { app: "${v3}", told: "${v3}", moved: "${v3}" }
stable: ${stable}
gray:
  - { name: office, version: v2, ip: [192.168.0.58] }
  - { name: beta, version: v3, match: [{ ${beta} }] }
${gray}
pin: { keys: [{ file: pin.key }], ttl: 1h }
accessLog: off
`
}

interface Handled {
  /** Fields of the answer in the order they came; without Date. */
  readonly head: string
  /** What the backend was asked, or the edge said. */
  readonly body: string
  /** Undefined where the engine refused it before anybody could decide. */
  readonly record: Omit<RequestRecord, 'request' | 'connection'> | undefined
}

/** Answers of the engine to what is no request. */
const refusals = /^HTTP\/1.1 (?:405|417|505) /

/** One request and its answer over a connection that is open. */
async function ask(line: Line, request: string): Promise<Handled> {
  const count = edge.records.length
  line.write(request)
  await soon(() => line.text.includes('\r\n\r\n'))
  const [head] = /^[^]*?\r\n\r\n/.exec(line.text)!
  line.text = line.text.slice(head.length)
  const length = request.startsWith('HEAD') ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  const refused = refusals.test(head) || (/^HTTP\/1.1 400 /.test(head) && /HTTP\/1.0[^]*chunked/.test(request))
  await soon(() => line.text.length >= length && (refused || edge.records.length > count))
  const body = line.text.slice(0, length)
  line.text = line.text.slice(length)
  if (refused) return { head: withoutDate(head), body, record: undefined }
  const record = { ...edge.records.at(-1)!, durationMs: 0, upstreamMs: 0, request: undefined, connection: undefined }
  return { head: withoutDate(head), body, record }
}

/** Thousands of answers are waited for: looked at in each turn of the event loop. */
async function soon(came: () => boolean): Promise<void> {
  for (const end = Date.now() + 5000; !came(); await nextTurn()) if (Date.now() > end) throw new Error('no answer')
}

function withoutDate(head: string): string {
  return head.replace(/\r\ndate: [^\r]*/i, '')
}

async function alone(request: string): Promise<Handled> {
  const line = connect(edge.port)
  try {
    return await ask(line, request)
  } finally {
    line.socket.destroy()
  }
}

/** Asks one after the other over as few connections as the answers allow, each as often as it takes to be one of many. */
async function expectAsAlone(requests: readonly string[]): Promise<void> {
  let line = connect(edge.port)
  for (const [place, request] of requests.entries()) {
    if (line.ended) line = connect(edge.port)
    const expected = await alone(request)
    const handled = await ask(line, request)
    expect(handled, `${place}: ${request}`).toEqual(expected)
    if (/\r\nconnection: close/i.test(handled.head)) {
      line.socket.destroy()
      line = connect(edge.port)
    }
  }
  line.socket.destroy()
}

/** The pin that a page load brings. */
async function pinned(path: string, fields = ''): Promise<string> {
  const { head } = await alone(`GET ${path} HTTP/1.1\r\nHost: shop.test\r\n${page}${fields}\r\n`)
  const [pair] = /graylane=[^;]+/.exec(head)!
  return `Cookie: a=1; ${pair}; b=2\r\n`
}

const lines = [
  'GET / HTTP/1.1',
  'GET / HTTP/1.1',
  'GET / HTTP/1.1',
  'GET /other HTTP/1.1',
  'GET /beta/one HTTP/1.1',
  'GET /beta/two HTTP/1.1',
  'GET / HTTP/1.1',
  'GET /told/1 HTTP/1.1',
  'GET /told/2 HTTP/1.1',
  'GET /told/2?b=3 HTTP/1.1',
  'GET /moved/1 HTTP/1.1',
  'GET /away/1 HTTP/1.1',
  'GET /?a=1 HTTP/1.1',
  'GET /?a=2 HTTP/1.1',
  'GET /?x-page-version=v3 HTTP/1.1',
  'GET /?x-page-version=v2&c=1 HTTP/1.1',
  'GET / HTTP/1.1',
  'HEAD / HTTP/1.1',
  'HEAD /a/../b HTTP/1.1',
  'HEAD /a//b/%61 HTTP/1.1',
  'GET /a//b/%61 HTTP/1.1',
  'OPTIONS / HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'OPTIONS / HTTP/1.1',
  'OPTIONS / HTTP/1.1',
  'GET http://shop.test/ HTTP/1.1',
  'GET http://other.test/x HTTP/1.1',
  'GET / HTTP/1.1',
  'DELETE /thing HTTP/1.1',
  'POST / HTTP/1.1',
  'PUT /beta/x HTTP/1.1',
  'QUERY / HTTP/1.1',
  'GET / HTTP/1.0',
  'GET / HTTP/1.1',
  'GET /%zz HTTP/1.1',
  'GET / HTTP/1.1',
  'TRACE / HTTP/1.1',
  'GET / HTTP/1.1',
  'GET /a\\b HTTP/1.1',
  'GET / HTTP/1.2',
]

/** Fields without Host and the pin, and the body that they announce. */
const blocks: readonly (readonly [says: string, fields: string, body?: string])[] = [
  ['of a page load', page],
  ['of a call from a page', part],
  ['of a call that names its page', `${part}x-page-version: v2\r\n`],
  ['of a call that names another page', `${part}x-page-version: v9\r\n`],
  ['of curl', 'User-Agent: curl/8\r\n'],
  ['from the office', `${page}X-Forwarded-For: 192.168.0.58\r\n`],
  [
    'through a proxy that says more',
    `${part}X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\nX-Forwarded-Host: outer.test\r\nX-Forwarded-Proto: https\r\n`,
  ],
  ['with claims in other spellings', `${part}X_Version: v3\r\nX.Forwarded.For: 1.2.3.4\r\nx-version: v3\r\n`],
  [
    'with options of the connection',
    `${part}Connection: keep-alive, x-mine\r\nx-mine: 1\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\n`,
  ],
  ['with lines of one name', `${part}x-a: 1\r\nX-A: 2\r\nCookie: c=3\r\nx-a:\r\n`],
  [
    'with conditions',
    `${page}If-None-Match: "abc", W/"v2-abc"\r\nIf-Modified-Since: Mon, 23 Nov 2026 08:00:00 GMT\r\n`,
  ],
  ['with a range', `${part}Range: bytes=0-9\r\nIf-Range: "abc"\r\n`],
  ['with a body', `${part}Content-Length: 5\r\n`, 'hello'],
  ['with a length of many zeros', `${part}Content-Length: 0005\r\n`, 'hello'],
  ['with an empty body', `${part}Content-Length: 0\r\n`],
  ['with chunks', `${part}Transfer-Encoding: chunked\r\n`, '5\r\nhello\r\n0\r\n\r\n'],
  ['that wait for 100', `${part}Expect: 100-continue\r\nContent-Length: 0\r\n`],
  ['that may take few steps', `${part}Max-Forwards: 3\r\n`],
  ['that may take no step', `${part}Max-Forwards: 0\r\n`],
  ['that have passed here', `${part}Via: 1.1 somebody, 1.1 graylane\r\n`],
  ['of a preflight', 'Origin: http://a.test\r\nAccess-Control-Request-Method: PUT\r\nSec-Fetch-Mode: cors\r\n'],
  ['of many bytes', `${part}x-long: ${'x'.repeat(9000)}\r\n`],
  ['of any byte', `${part}x-any: \x80\xff\t"\\\r\n`],
]

describe('requests over one connection with the same fields are handled as if each came alone', () => {
  for (const [pin, path, fields] of [
    ['without a pin', '', ''],
    ['with a pin of v1', '/', ''],
    ['with a pin of v2', '/', 'X-Forwarded-For: 192.168.0.58\r\n'],
  ] as const) {
    it.each(blocks)(`those %s, ${pin}`, async (_, block, body = '') => {
      const cookie = path === '' ? '' : await pinned(path, fields)
      await expectAsAlone(lines.map((line) => `${line}\r\nHost: shop.test\r\n${block}${cookie}\r\n${body}`))
    })
  }

  it('several of these in turn', async () => {
    const cookies = ['', await pinned('/'), await pinned('/', 'X-Forwarded-For: 192.168.0.58\r\n')]
    const requests: string[] = []
    let random = 1
    const draw = (below: number): number => (random = (random * 48_271) % 2_147_483_647) % below
    for (let i = 0; i < 150; i++) {
      const [, block, body = ''] = blocks[draw(blocks.length)]!
      const cookie = cookies[draw(3)]!
      const times = 1 + draw(4)
      const line = lines[draw(lines.length)]!
      for (let n = 0; n < times; n++) {
        const next = draw(2) === 0 ? line : lines[draw(lines.length)]!
        requests.push(`${next}\r\nHost: shop.test\r\n${block}${cookie}\r\n${body}`)
      }
    }
    await expectAsAlone(requests)
  })
})

describe('rules are asked for each target where one of them looks at it', () => {
  it.each([
    ['its path', 'uri: { prefix: /beta/ }', '/beta/1'],
    ['its query', 'queryParams: { beta: { exact: "1" } }', '/?beta=1'],
    ['both as a field', 'headers: { ":path": { prefix: /beta } }', '/beta'],
    ['both as a field that must not be like this', 'withoutHeaders: { ":Path": { regex: "/[^b]*" } }', '/b'],
    ['its path beside a field', 'headers: { accept: { prefix: text } }, uri: { exact: /beta }', '/beta'],
  ])('%s', async (_, beta, path) => {
    await edge.reload(routes({ beta }))
    const cookie = await pinned('/')
    const ofPage = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: shop.test\r\n${page}${cookie}\r\n`
    expect((await alone(ofPage(path))).record).toMatchObject({ version: 'v3', rule: 'beta' })
    await expectAsAlone(['/', '/', '/', path, path, '/', '/', path].map(ofPage))
  })
})

describe('rules that look at fields alone', () => {
  it.each([
    ['hit by a field', 'headers: { accept: { prefix: text } }', page, 'v3'],
    ['hit by a cookie', 'cookies: { b: { exact: "2" } }', page, 'v3'],
    ['hit by nothing', 'cookies: { b: { exact: "3" } }', page, 'v1'],
    ['hit by the method', 'method: { exact: GET }', page, 'v3'],
  ])('%s', async (_, beta, fields, version) => {
    const cookie = await pinned('/', 'x-none: 1\r\n')
    await edge.reload(routes({ beta }))
    const at = (line: string): string => `${line} HTTP/1.1\r\nHost: shop.test\r\n${fields}${cookie}\r\n`
    expect((await alone(at('GET /'))).record).toMatchObject({ version })
    await expectAsAlone(
      ['GET /', 'GET /', 'GET /1', 'HEAD /1', 'GET /2', 'HEAD /', 'HEAD /', 'GET /?a', 'GET /'].map(at),
    )
  })
})

describe('a pipeline of requests, some with the fields of the one before', () => {
  it('is answered as if each came alone, wherever it is cut in two', async () => {
    const same = `Host: shop.test\r\n${part}${await pinned('/', 'X-Forwarded-For: 192.168.0.58\r\n')}\r\n`
    const other = `Host: shop.test\r\n${page}X-Forwarded-For: 203.0.113.9\r\n\r\n`
    const withBody = `Host: shop.test\r\n${part}Content-Length: 5\r\n\r\nhello`
    const requests = [
      ...['/one', '/two', '/moved/3'].map((path) => `GET ${path} HTTP/1.1\r\n${same}`),
      ...['GET /four', 'GET /five', 'HEAD /six'].map((line) => `${line} HTTP/1.1\r\n${other}`),
      ...['POST /seven', 'PUT /eight'].map((line) => `${line} HTTP/1.1\r\n${withBody}`),
      `GET /nine HTTP/1.1\r\n${same.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n')}`,
      `GET /ten HTTP/1.1\r\n${same}`,
      `GET /last HTTP/1.0\r\n${same}`,
    ]
    const expected: string[] = []
    for (const request of requests) {
      const { head, body } = await alone(request)
      expected.push(head + body)
    }
    const bytes = requests.join('')
    for (let at = 0; at < bytes.length; at += 7) {
      const line = connect(edge.port).write(bytes.slice(0, at))
      for (let turn = 0; turn < 3; turn++) await nextTurn()
      line.write(bytes.slice(at))
      const text = (await line.end()).replace(/\r\ndate: [^\r]*/gi, '')
      expect(text, `cut at ${at}`).toBe(expected.join(''))
      line.socket.destroy()
    }
  })
})

describe('what was found of the requests before', () => {
  // Over a connection of a proxy that is trusted, these are two people.
  const office = `${page}X-Forwarded-For: 192.168.0.58\r\nCookie: session=of-the-office\r\n`
  const home = `${page}X-Forwarded-For: 203.0.113.9\r\nCookie: session=at-home\r\nMax-Forwards: 0\r\n`

  it('is forgotten by one that goes no further than here', async () => {
    const of = (fields: string, method = 'GET'): string => `${method} / HTTP/1.1\r\nHost: shop.test\r\n${fields}\r\n`
    await expectAsAlone([of(office), of(office), of(home, 'OPTIONS'), of(home), of(home)])
  })
})

describe('between requests over one connection with the same fields', () => {
  /** Four requests, what happens, four more: the last ones are handled as over a new connection. */
  async function expectSeen(request: string, happens: () => unknown, changed: Partial<RequestRecord>): Promise<void> {
    const line = connect(edge.port)
    for (let i = 0; i < 4; i++) expect(await ask(line, request)).toEqual(await alone(request))
    await happens()
    for (let i = 0; i < 4; i++) {
      const handled = await ask(line, request)
      expect(handled.record).toMatchObject(changed)
      expect(handled).toEqual(await alone(request))
    }
    line.socket.destroy()
  }

  it('a rule that is added takes the next page load', async () => {
    const request = `GET / HTTP/1.1\r\nHost: shop.test\r\n${page}${await pinned('/')}\r\n`
    const gray = '  - { name: all, version: v3, match: [{ cookies: { b: { exact: "2" } } }] }'
    await expectSeen(request, () => edge.reload(routes({ gray })), { version: 'v3', reason: 'rule', rule: 'all' })
  })

  it('a new stable version takes who has no pin', async () => {
    const request = `GET / HTTP/1.1\r\nHost: shop.test\r\n${page}\r\n`
    await expectSeen(request, () => edge.reload(routes({ stable: 'v3' })), { version: 'v3', reason: 'stable' })
  })

  it('a pin that grows too old binds no page load any more', async () => {
    const cookie = await pinned('/', 'X-Forwarded-For: 192.168.0.58\r\n')
    const request = `GET / HTTP/1.1\r\nHost: shop.test\r\n${page}${cookie}\r\n`
    now = start + 3599
    await expectSeen(request, () => (now = start + 3601), { version: 'v1', reason: 'stable' })
  })

  it('a pool that goes out is seen by the next page load', async () => {
    const cookie = await pinned('/', 'X-Forwarded-For: 192.168.0.58\r\n')
    const request = `GET / HTTP/1.1\r\nHost: shop.test\r\n${page}${cookie}\r\n`
    const { port } = backends[1]!
    const goes = async (): Promise<void> => {
      await backends[1]!.close()
      while ((await alone(request)).record?.reason !== 'fallback') await sleep(50)
    }
    try {
      await expectSeen(request, goes, { version: 'v1', reason: 'fallback' })
    } finally {
      backends[1] = await startEchoBackend('app', 'v2', '127.0.0.1', port)
    }
  })
})
