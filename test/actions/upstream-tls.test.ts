// TLS to upstreams by the settings of a pool, shown by real handshakes.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { sendRaw } from '../support/raw-request.ts'
import { Authority, type Pair, describeWithOpenssl } from '../tls/authority.ts'
import { type HttpsBackend, startHttpsBackend } from '../tls/https-backend.ts'

describeWithOpenssl('trafficPolicy.tls', () => {
  let directory: string
  let pair: Pair
  let backend: HttpsBackend
  let strict: HttpsBackend
  let gateway: Gateway | undefined
  const told: string[] = []

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'graylane-tls-policy-'))
    const authority = await Authority.create(directory)
    await Authority.create(directory, 'stranger')
    pair = await authority.issue({ file: 'app', names: 'DNS:app.test,URI:spiffe://cluster/app' })
    await authority.issue({ file: 'client', names: 'DNS:client.test' })
    backend = await startHttpsBackend(pair, (request, response) => {
      response.end(`served ${(request.socket as TLSSocket & { servername?: string }).servername}`)
    })
    strict = await startHttpsBackend(
      pair,
      (request, response) => {
        const { subject } = (request.socket as TLSSocket).getPeerCertificate()
        response.end(`hello ${String(subject['CN'])}`)
      },
      { requestCert: true, rejectUnauthorized: true, ca: authority.pem },
    )
  })
  afterEach(() => gateway?.close())
  afterAll(async () => {
    backend.close()
    strict.close()
    await rm(directory, { recursive: true })
  })

  async function ask(tls: string, port = backend.port, more = '', body = ''): Promise<string> {
    const configPath = join(directory, 'routes.yaml')
    await writeFile(
      configPath,
      `
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
services: { app: { trafficPolicy: { tls: ${tls} }${more} } }
versions: { v1: { app: "http://127.0.0.1:${port}" } }
stable: v1
`,
    )
    told.length = 0
    gateway = await createGateway({ configPath, watch: false, log: (line) => told.push(line) })
    const to = { host: '127.0.0.1', port: gateway.listeners()[0]!.port, from: '127.0.0.1' }
    const lines = ['POST / HTTP/1.1', 'Host: a', 'Connection: close', `Content-Length: ${body.length}`]
    const answer = await sendRaw(to, lines, body)
    return answer.status === 200 ? answer.body : String(answer.status)
  }

  const own = 'mode: SIMPLE, caCertificates: authority.pem'

  test.each([
    [
      'SIMPLE verifies by the authority that is named, for the name that is asked for',
      `{ ${own}, sni: app.test }`,
      'served app.test',
    ],
    ['and refuses another name', `{ ${own}, sni: other.test }`, '503'],
    ['and the address, which the certificate does not bear', `{ ${own} }`, '503'],
    ['and another authority', '{ mode: SIMPLE, caCertificates: stranger.pem, sni: app.test }', '503'],
    ['the system knows nothing of it', '{ mode: SIMPLE, sni: app.test }', '503'],
    ['subjectAltNames: one of them is enough', `{ ${own}, subjectAltNames: [x.test, app.test] }`, 'served false'],
    ['also as a URI', `{ ${own}, subjectAltNames: ["spiffe://cluster/app"] }`, 'served false'],
    ['but one there has to be', `{ ${own}, sni: app.test, subjectAltNames: [x.test] }`, '503'],
    ['insecureSkipVerify takes any', '{ mode: SIMPLE, insecureSkipVerify: true }', 'served false'],
  ])('%s', async (_says, tls, expected) => {
    expect(await ask(tls)).toBe(expected)
    if (expected === '503') expect(told.join()).toContain('is not trusted')
  })

  test('MUTUAL shows a certificate', async () => {
    const mutual =
      'mode: MUTUAL, caCertificates: authority.pem, sni: app.test, clientCertificate: client.pem, privateKey: client.key'
    expect(await ask(`{ ${mutual} }`, strict.port)).toBe('hello client')
    await gateway?.close()
    expect(await ask(`{ ${own}, sni: app.test }`, strict.port)).toMatch(/^50[23]$/)
  })

  test('requests are tried again as on plain connections, body and all', async () => {
    const heard: string[] = []
    const flaky = await startHttpsBackend(pair, async (request, response) => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      heard.push(body)
      if (heard.length === 1) return void request.socket.destroy()
      response.writeHead(heard.length < 3 ? 503 : 200).end(`try ${heard.length}`)
    })
    const retries = ', retries: { attempts: 3, retryOn: 5xx }'
    expect(await ask(`{ ${own}, sni: app.test }`, flaky.port, retries, 'abc')).toBe('try 3')
    expect(heard).toEqual(['abc', 'abc', 'abc'])
    flaky.close()
  })

  test.each([
    ['no certificate', '{ mode: SIMPLE, caCertificates: app.key }', 'app.key is not a certificate in PEM'],
    ['half a certificate', '{ mode: SIMPLE, caCertificates: half.pem }', 'half.pem is cut off'],
    ['garbage in PEM', '{ mode: SIMPLE, caCertificates: garbage.pem }', 'garbage.pem is not a certificate in PEM'],
    ['no key', '{ mode: MUTUAL, clientCertificate: client.pem, privateKey: app.pem }', 'app.pem is not a private key'],
    [
      'the key of another certificate',
      '{ mode: MUTUAL, clientCertificate: client.pem, privateKey: app.key }',
      'app.key is not the key of the client certificate',
    ],
  ])('%s is refused at its line: it used to end the process at the first request', async (_, tls, message) => {
    const whole = await readFile(pair.cert, 'latin1')
    await writeFile(join(directory, 'half.pem'), whole.slice(0, -40))
    await writeFile(join(directory, 'garbage.pem'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
    await expect(ask(tls)).rejects.toThrow(new RegExp(`routes.yaml:4:\\d+: error certificate: \\S*${message}`, 's'))
  })

  test('and so are those of a DestinationRule', async () => {
    const configPath = join(directory, 'rule.yaml')
    const tls = '{ mode: MUTUAL, clientCertificate: client.pem, privateKey: app.key }'
    const head = 'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: app }\n'
    await writeFile(configPath, `${head}spec: { host: app.test, trafficPolicy: { tls: ${tls} } }\n`)
    await expect(createGateway({ configPath, watch: false })).rejects.toThrow(
      /rule.yaml:4:\d+: error certificate: \S*app.key is not the key of the client certificate/s,
    )
  })
})
