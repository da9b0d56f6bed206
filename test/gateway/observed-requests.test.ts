// What the log says of real requests in Istio's formats, that no secret gets into any of them, and what of a request passes untouched so
// that others can trace it.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createGateway, type PhasedGateway } from '../../src/gateway.ts'
import { samplesOf } from '../observe/exposition-text.ts'
import { type Echo, type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { type RawAnswer, sendRaw } from '../support/raw-request.ts'

const secret = 'canary-4711-secret'

let folder: string
let backend: EchoBackend

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graylane-observed-'))
  backend = await startEchoBackend('frontend', 'v1')
})
afterAll(async () => {
  await backend.close()
  await rm(folder, { recursive: true })
})

async function withGateway(accessLog: string, use: (gateway: PhasedGateway) => Promise<void>): Promise<string> {
  const configPath = join(folder, 'routes.yaml')
  await rm(join(folder, 'access.log'), { force: true })
  await writeFile(
    configPath,
    `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
trust: [127.0.0.0/8]
services: { frontend: {} }
versions:
  v1: { frontend: "${backend.url}" }
  v2: { frontend: "http://127.0.0.1:1" }
stable: v1
gray:
  - { version: v2, ip: [192.168.0.58] }
accessLog: ${accessLog}
`,
  )
  const gateway = await createGateway({ configPath, watch: false })
  try {
    await use(gateway)
  } finally {
    await gateway.close()
  }
  return readFile(join(folder, 'access.log'), 'latin1')
}

function get(gateway: PhasedGateway, target: string, ...fields: string[]): Promise<RawAnswer> {
  const { port } = gateway.listeners()[0]!
  const lines = [`GET ${target} HTTP/1.1`, 'Host: shop.example', ...fields, 'Connection: close']
  return sendRaw({ host: '127.0.0.1', port, from: '127.0.0.1' }, lines)
}

describe('Istio’s text format', () => {
  it('has its fields in their places, a dash where there is nothing, and no query', async () => {
    const log = await withGateway('{ path: access.log, format: istio }', async (gateway) => {
      const fields = [
        'User-Agent: probe "1" \\',
        'X-Request-Id: abc-1',
        'X-Forwarded-For: 203.0.113.9',
        'Accept: text/html',
      ]
      await get(gateway, '/page?token=hidden', ...fields)
      await get(gateway, '/', 'X-Forwarded-For: 192.168.0.58', 'Sec-Fetch-Mode: cors')
      await get(gateway, '/%00')
    })
    const [answered, refused, bad, ...more] = log.split('\n')
    expect(more).toEqual([''])
    const time = String.raw`\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\]`
    const address = backend.url.replace('http://', '')
    expect(answered).toMatch(
      new RegExp(
        `^${time} "GET /page HTTP/1\\.1" 200 - via_upstream - "-" 0 \\d+ \\d+ \\d+ "203\\.0\\.113\\.9,127\\.0\\.0\\.1" ` +
          String.raw`"probe \\u00221\\u0022 \\u005c" "abc-1" "shop\.example" ` +
          `"${address}" outbound\\|${backend.port}\\|v1\\|frontend\\.shop - 127\\.0\\.0\\.1:\\d+ 127\\.0\\.0\\.1:\\d+ - frontend@v1:stable:NS$`,
      ),
    )
    expect(refused).toMatch(
      /"GET \/ HTTP\/1\.1" 503 UF upstream_reset_before_response_started\{connection_failure\} - "-" 0 \d+ \d+ - "192\.168\.0\.58,127\.0\.0\.1" "-" "-" .* frontend@v2:rule\/line_10:NN$/,
    )
    expect(bad).toMatch(
      /"GET - HTTP\/1\.1" 400 DPE http1\.codec_error - "-" 0 \d+ \d+ - .* "-" - - 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ - -$/,
    )
  })
})

describe.each(['istio', 'istio-json'])('a line as %s', (format) => {
  it('shows the fields of its own request, not of one that came behind it at once', async () => {
    const log = await withGateway(`{ path: access.log, format: ${format} }`, async (gateway) => {
      const { port } = gateway.listeners()[0]!
      const request = (at: number, more = ''): string =>
        `GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: agent-${at}\r\n${more}\r\n`
      const socket = connect(port, '127.0.0.1')
      socket.write(request(1) + request(2) + request(3, 'Connection: close\r\n'))
      await text(socket)
    })
    expect(log.match(/agent-\d/g)).toEqual(['agent-1', 'agent-2', 'agent-3'])
  })
})

describe('Istio’s JSON', () => {
  it('has every key of Istio’s, numbers as numbers, null for nothing, and ours behind them', async () => {
    const log = await withGateway('{ path: access.log, format: istio-json }', async (gateway) => {
      await get(gateway, '/caf%C3%A9', 'User-Agent: \u00e9', 'X-Forwarded-For: 203.0.113.9')
    })
    expect(log).toMatch(/^[ -~]+\n$/)
    const line = JSON.parse(log) as Record<string, unknown>
    expect(Object.keys(line).slice(0, 24)).toEqual([
      'start_time',
      'route_name',
      'method',
      'path',
      'protocol',
      'response_code',
      'response_flags',
      'response_code_details',
      'connection_termination_details',
      'upstream_transport_failure_reason',
      'bytes_received',
      'bytes_sent',
      'duration',
      'upstream_service_time',
      'x_forwarded_for',
      'user_agent',
      'request_id',
      'authority',
      'upstream_host',
      'upstream_cluster',
      'upstream_local_address',
      'downstream_local_address',
      'downstream_remote_address',
      'requested_server_name',
    ])
    expect(line).toMatchObject({
      response_code: 200,
      response_flags: '-',
      response_code_details: 'via_upstream',
      duration: expect.any(Number),
      user_agent: '\u00e9',
      request_id: null,
      version: 'v1',
      pool_version: 'v1',
      reason: 'stable',
      pin: 'NS',
      attempts: 1,
    })
  })
})

describe.each(['json', 'istio', 'istio-json'])('the log as %s', (format) => {
  it('holds no cookie, no credential, no query and no pin', async () => {
    let pin = ''
    const log = await withGateway(`{ path: access.log, format: ${format} }`, async (gateway) => {
      const answer = await get(gateway, '/', 'Accept: text/html')
      pin = /graylane=([^;]+)/.exec(answer.fields.find(([name]) => name === 'set-cookie')![1])![1]!
      for (const target of ['/', `/?key=${secret}`, '/api']) {
        const cookies = `Cookie: session=${secret}; graylane=${pin}`
        const others = [`Authorization: Bearer ${secret}`, `X-Api-Key: ${secret}`, `X-Echo-Set-Cookie: s=${secret}`]
        await get(gateway, target, cookies, ...others, `Referer: http://shop.example/?key=${secret}`)
      }
    })
    expect(log.split('\n')).toHaveLength(5)
    expect(log).not.toContain(secret)
    expect(pin.length).toBeGreaterThan(20)
    expect(log).not.toContain(pin.slice(-20))
  })
})

describe('bytes', () => {
  it('are those on the wire in Istio’s metrics, of both reporters, and those of bodies in the log', async () => {
    const body = 'x'.repeat(1000)
    const asked = `POST /upload HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n${body}`
    let answer = ''
    const log = await withGateway('{ path: access.log }', async (gateway) => {
      const socket = connect({ port: gateway.listeners()[0]!.port, host: '127.0.0.1' })
      socket.end(asked)
      answer = await text(socket)
      const metrics = await gateway.metrics.text()
      for (const [name, bytes] of [
        ['istio_request_bytes', asked.length],
        ['istio_response_bytes', Buffer.byteLength(answer)],
      ] as const) {
        const sums = samplesOf(metrics, `${name}_sum`).map(({ labels, value }) => [labels['reporter'], value])
        expect([name, ...sums]).toEqual([name, ['source', bytes], ['destination', bytes]])
      }
    })
    const answerBody = answer.slice(answer.indexOf('\r\n\r\n') + 4)
    expect(answerBody.length).toBeGreaterThan(100)
    expect(JSON.parse(log)).toMatchObject({ bytesReceived: 1000, bytesSent: answerBody.length })
  })
})

describe('a request that is refused in the middle of its body', () => {
  const head = 'POST /upload HTTP/1.1\r\nHost: shop.example\r\n'
  it.each([
    ['is no body', `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`, 'x\r\n', 400, 'EDGE_BAD_REQUEST', 'DPE'],
    ['is none from the start', `${head}Transfer-Encoding: chunked\r\n\r\nx\r\n`, '', 400, 'EDGE_BAD_REQUEST', 'DPE'],
    ['does not come', `${head}Content-Length: 6\r\n\r\nabc`, '', 408, 'EDGE_REQUEST_TIMEOUT', 'DT'],
  ])('that %s is in the log with its code, and counted once', async (_how, begin, more, status, code, flags) => {
    const log = await withGateway('{ path: access.log }\nlimits: { bodyIdleTimeout: 300ms }', async (gateway) => {
      const socket = connect({ port: gateway.listeners()[0]!.port, host: '127.0.0.1', noDelay: true })
      socket.write(begin)
      if (more !== '') setTimeout(() => socket.write(more), 50)
      expect(await text(socket)).toContain(`(${code})`)
      const metrics = await gateway.metrics.text()
      const counted = (name: string): unknown[] => samplesOf(metrics, name).map(({ labels, value }) => [labels, value])
      expect(counted('graylane_edge_answers_total')).toEqual([[{ code }, 1]])
      const [requests] = samplesOf(metrics, 'istio_requests_total')
      expect(requests).toMatchObject({ labels: { response_code: String(status), response_flags: flags }, value: 1 })
    })
    expect(JSON.parse(log)).toMatchObject({ path: '/upload', status, code, flags, version: 'v1' })
  })
})

describe('an endpoint that refuses', () => {
  it('is out of its pool in the metrics, and the others are in', async () => {
    await withGateway('{ path: access.log }', async (gateway) => {
      const out = async (): Promise<unknown[]> =>
        samplesOf(await gateway.metrics.text(), 'graylane_pool_endpoints')
          .filter(({ labels }) => labels['state'] === 'out')
          .map(({ labels, value }) => [labels['service'], labels['version'], value])
      expect(await out()).toEqual([
        ['frontend', 'v1', 0],
        ['frontend', 'v2', 0],
      ])
      expect((await get(gateway, '/', 'X-Forwarded-For: 192.168.0.58')).status).toBe(503)
      expect(await out()).toEqual([
        ['frontend', 'v1', 0],
        ['frontend', 'v2', 1],
      ])
    })
  })
})

describe('a reload', () => {
  it('changes the format of the log', async () => {
    const log = await withGateway('{ path: access.log }', async (gateway) => {
      await get(gateway, '/first')
      const configPath = join(folder, 'routes.yaml')
      const before = await readFile(configPath, 'utf8')
      await writeFile(configPath, before.replace('{ path: access.log }', '{ path: access.log, format: istio }'))
      expect((await gateway.reload()).changed).toBe(true)
      await get(gateway, '/second')
    })
    expect(log).toMatch(/^\{"time".*"path":"\/first".*\}$/m)
    expect(log).toMatch(/^\[.*\] "GET \/second HTTP\/1\.1" 200/m)
  })
})

describe('fields of tracing', () => {
  it('pass untouched: W3C, B3 in both forms, baggage, the request id; and none is made up', async () => {
    const fields: [string, string][] = [
      ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
      ['tracestate', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
      ['baggage', 'version=v9,user=jason'],
      ['b3', '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90'],
      ['x-b3-traceid', '80f198ee56343ba864fe8b2a57d3eff7'],
      ['x-b3-spanid', 'e457b5a2e4d86bd1'],
      ['x-b3-parentspanid', '05e3ac9a4f6e3b90'],
      ['x-b3-sampled', '1'],
      ['x-b3-flags', '1'],
      ['x-ot-span-context', 'a;b;c'],
      ['x-request-id', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
    ]
    const log = await withGateway('{ path: access.log }', async (gateway) => {
      const traced = await get(gateway, '/', ...fields.map(([name, value]) => `${name}: ${value}`))
      const echo = JSON.parse(traced.body) as Echo
      for (const [name, value] of fields) {
        expect(echo.fields.filter(([field]) => field.toLowerCase() === name)).toEqual([[expect.any(String), value]])
      }
      // The version is the gateway's to say, whatever baggage says.
      expect(echo.fields).toContainEqual(['x-version', 'v1'])

      const plain = JSON.parse((await get(gateway, '/')).body) as Echo
      const names = plain.fields.map(([name]) => name.toLowerCase())
      for (const [name] of fields) expect(names).not.toContain(name)
    })
    expect(log.trimEnd().split('\n')).toHaveLength(2)
  })
})
