// Header operations that Istio takes and that are not carried out here: the engine frames messages itself. Envoy does so behind its own
// operations, so a manifest that takes Content-Length away works there; what it would do to the bytes here is a request nobody sent.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { createGateway } from '../../src/gateway.ts'
import { allProblems } from '../../src/istio/read-manifests.ts'
import { portOf } from './decisions.ts'
import { manifestsIn } from './manifests-at.ts'

let folder: string
let backend: Server

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graylane-engine-fields-'))
  backend = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => response.end(`${request.method} ${body} ${request.headers['x-set']}`))
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  backend.close()
  await rm(folder, { recursive: true })
})

function manifests(headers: string, port: number): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: web }
spec:
  hosts: [web.default.svc.cluster.local]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${port} } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web }
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
    - route: [{ destination: { host: web } }]
      headers: ${headers}
`
}

it.each([
  'request: { set: { x-set: "yes", content-length: "99" } }',
  'request: { set: { x-set: "yes" }, remove: [Content-Length] }',
  'request: { set: { x-set: "yes", Transfer-Encoding: chunked, connection: close } }',
  'request: { set: { x-set: "yes" } }, response: { set: { content-length: "1" } }',
  'request: { set: { x-set: "yes" } }, response: { remove: [content-length, transfer-encoding] }',
  'request: { set: { x-set: "yes" } }, response: { add: { transfer-encoding: chunked } }',
  'request: { set: { x-set: "yes", x-late: "%DURATION%" } }',
])('keeps two requests on one connection whole: %s', async (headers) => {
  const path = join(folder, 'manifests.yaml')
  await writeFile(path, manifests(`{ ${headers} }`, portOf(backend)))
  const options = { ports: new Map([[80, 0]]), address: '127.0.0.1', accessLog: 'off' }
  const gateway = await createGateway({ configPath: path, watch: false, manifests: options })
  try {
    const answers = await said(gateway.listeners()[0]?.port as number)
    expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(2)
    expect(answers).toMatch(/\r\n\r\nPOST one yes(?:HTTP|$)[^]*\r\n\r\nPOST second yes$/)
    expect(answers).not.toMatch(/^transfer-encoding/im)
    expect(answers.match(/^content-length: \d+/gim)).toEqual(['content-length: 12', 'content-length: 15'])
  } finally {
    await gateway.close()
  }
})

/** Both answers, as they came. */
function said(port: number): Promise<string> {
  const ask = (body: string, more: string): string =>
    `POST / HTTP/1.1\r\nhost: shop.test\r\ncontent-length: ${body.length}\r\n${more}\r\n${body}`
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(ask('one', '') + ask('second', 'connection: close\r\n')),
    )
    socket.setEncoding('latin1').on('data', (part: string) => (text += part))
    socket.on('close', () => resolve(text)).on('error', reject)
  })
}

it('names each with its place, and words that are not known', () => {
  const text = manifests(
    `
        request: { set: { Content-Length: "5", x-a: "%DURATION%" }, remove: [te] }
        response: { add: { x-b: "%FOO(a)%", x-c: "%REQ(x-d)%" } }`,
    80,
  )
  expect(allProblems(manifestsIn(text)).map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([
    '24:43 Content-Length says where a message ends or what becomes of its connection: it is left out',
    '24:53 %DURATION% is no word that is known here: it is left out',
    '24:78 te says where a message ends or what becomes of its connection: it stays',
    '25:33 %FOO% is no word that is known here: it is left out',
  ])
})
