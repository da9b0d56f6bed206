// Manifests when upstreams fail: status, fields and body are those of Envoy 1.40, as they were seen (its binary with such clusters).

import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendRaw, type RawAnswer } from '../support/raw-request.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'
import { type FlakyBackend, startFlakyBackend } from './flaky-backend.ts'

let edge: StartedGateway
let flaky: FlakyBackend
const servers: Server[] = []

beforeAll(async () => {
  flaky = await startFlakyBackend('flaky')
  const gone = await startFlakyBackend('gone')
  await gone.close()
  const reset = await answering((socket) => socket.destroy())
  const bad = await answering((socket) => socket.write('HTTP/1.1 abc\r\n\r\n'))
  const services = [
    serviceAt('flaky', flaky.port),
    serviceAt('gone', gone.port),
    serviceAt('reset', reset),
    serviceAt('bad', bad),
    serviceAt('limited', flaky.port),
    serviceAt('outlier', flaky.port),
  ]
  edge = await startGateway(
    `${services.join('---\n')}---
${headOf('Gateway', 'edge')}spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
${headOf('DestinationRule', 'limited')}spec:
  host: limited
  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}
---
${headOf('DestinationRule', 'outlier')}spec:
  host: outlier
  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 2, maxEjectionPercent: 100}}
---
${headOf('VirtualService', 'front')}spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - {match: [{uri: {prefix: /gone}}], route: [{destination: {host: gone}}], retries: {attempts: 0}}
  - {match: [{uri: {prefix: /default}}], route: [{destination: {host: gone}}]}
  - {match: [{uri: {prefix: /reset}}], route: [{destination: {host: reset}}], headers: {response: {set: {x-r: "1"}}}}
  - {match: [{uri: {prefix: /again}}], route: [{destination: {host: reset}}], retries: {attempts: 1, retryOn: reset}}
  - {match: [{uri: {prefix: /bad}}], route: [{destination: {host: bad}}]}
  - {match: [{uri: {prefix: /unknown}}], route: [{destination: {host: nobody}}]}
  - {match: [{uri: {prefix: /slow}}], route: [{destination: {host: flaky}}], timeout: 50ms}
  - {match: [{uri: {prefix: /limited}}], route: [{destination: {host: limited}}]}
  - {match: [{uri: {prefix: /outlier}}], route: [{destination: {host: outlier}}]}
`,
    { manifests: { ports: new Map([[80, 0]]), address: '127.0.0.1', accessLog: 'off' } },
  )
})

afterAll(async () => {
  await edge?.close()
  await flaky.close()
  for (const server of servers) server.close()
})

function headOf(kind: string, name: string): string {
  return `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: default}\n`
}

function serviceAt(name: string, port: number): string {
  return `${headOf('ServiceEntry', name)}spec:
  hosts: [${name}.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: ${port}}}]
`
}

async function answering(answer: (socket: import('node:net').Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { readonly port: number }).port
}

function ask(path: string, headers: readonly string[] = []): Promise<RawAnswer> {
  const { port } = edge
  // From another address than 127.0.0.1, of which Envoy makes its own.
  return sendRaw({ host: '127.0.0.1', port, from: '127.0.0.2' }, [
    `GET ${path} HTTP/1.1`,
    'Host: a.com',
    'Connection: close',
    ...headers,
  ])
}

const before = 'upstream connect error or disconnect/reset before headers. '

describe('a route of a manifest', () => {
  it.each([
    ['refused', '/gone', 503, `${before}reset reason: remote connection failure`, 'UF', 1],
    [
      'refused three times, by default',
      '/default',
      503,
      `${before}retried and the latest reset reason: remote connection failure`,
      'URX,UF',
      3,
    ],
    ['broken off', '/reset', 503, `${before}reset reason: connection termination`, 'UC', 1],
    [
      'broken off twice',
      '/again',
      503,
      `${before}retried and the latest reset reason: connection termination`,
      'URX,UC',
      2,
    ],
    ['not answered in HTTP', '/bad', 502, `${before}reset reason: protocol error`, 'UPE', 1],
    ['to a service that is not known', '/unknown', 503, '', 'NC', 0],
    ['answered too late', '/slow', 504, 'upstream request timeout', 'UT', 1],
    ['to nobody that it knows', '/nothing', 404, '', 'NR', 0],
  ] as const)('%s', async (_says, path, status, body, flags, attempts) => {
    edge.records.length = 0
    const answer = await ask(path, path === '/slow' ? ['x-delay-ms: 5000'] : [])
    expect([answer.status, answer.body, edge.records[0]!.flags, edge.records[0]!.attempts]).toEqual([
      status,
      body,
      flags,
      attempts,
    ])
    const names = answer.fields
      .map(([name]) => name)
      .filter((name) => !/^(date|connection|x-envoy-decorator-operation)$/.test(name))
    const expected = [
      'content-length',
      ...(body === '' ? [] : ['content-type']),
      'server',
      ...(path === '/reset' ? ['x-r'] : []),
    ]
    expect(names.toSorted()).toEqual(expected.toSorted())
    if (body !== '') expect(answer.fields).toContainEqual(['content-type', 'text/plain'])
  })

  it('over its limit', async () => {
    const slow = ask('/limited', ['x-delay-ms: 300'])
    await sleep(100)
    const answer = await ask('/limited')
    expect([answer.status, answer.body]).toEqual([503, `${before}reset reason: overflow`])
    expect(answer.fields).toContainEqual(['x-envoy-overloaded', 'true'])
    expect((await slow).status).toBe(200)
  })

  it('whose endpoints are all ejected', async () => {
    for (let i = 0; i < 2; i++) expect((await ask('/outlier', ['x-status: 500'])).status).toBe(500)
    const answer = await ask('/outlier')
    expect([answer.status, answer.body]).toEqual([503, 'no healthy upstream'])
  })
})
